"""Losses and likelihoods against closed forms."""

import numpy as np
import pytest
import torch
from scipy import stats

from skae.losses import (
    LIKELIHOODS,
    LOSSES,
    SCALE_DEGREE,
    absolute_error,
    bernoulli_nll,
    gaussian_nll,
    log_loss,
    squared_error,
)


def draw(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def test_errors_are_means_over_the_features():
    x, output = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[1.0, -1.0, 2.0]])
    assert squared_error(x, output).tolist() == pytest.approx([5 / 3])
    assert absolute_error(x, output).tolist() == pytest.approx([1.0])


def test_gaussian_nll_is_that_of_scipy():
    x, mean = draw(2, 5, 3)
    expected = -stats.norm(mean, np.exp(0.35)).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(gaussian_nll(x, mean, torch.tensor(0.7)), expected)


def test_bernoulli_nll_is_that_of_scipy_and_finite_at_extreme_logits():
    x = torch.tensor([[0.0, 1.0, 1.0]], dtype=torch.float64)
    logits = torch.tensor([[0.3, -0.2, 2.0]], dtype=torch.float64)
    expected = -stats.bernoulli(torch.sigmoid(logits)).logpmf(x).sum(axis=1)
    np.testing.assert_allclose(bernoulli_nll(x, logits), expected)
    np.testing.assert_allclose(3 * log_loss(x, logits), expected)
    assert bernoulli_nll(x, -1e4 * (2 * x - 1)).item() == pytest.approx(3e4)


@pytest.mark.parametrize("name", SCALE_DEGREE)
def test_losses_scale_by_their_degree(name):
    x, output = draw(2, 4, 3)
    torch.testing.assert_close(
        LOSSES[name](10 * x, 10 * output), 10 ** SCALE_DEGREE[name] * LOSSES[name](x, output)
    )


@pytest.mark.parametrize("function", [*LOSSES.values(), *LIKELIHOODS.values()])
def test_a_row_does_not_see_its_neighbours(function):
    x, output = draw(2, 6, 3).sigmoid()
    extra = (torch.tensor(0.3),) if function in LIKELIHOODS.values() else ()
    together = function(x, output, *extra)
    apart = torch.cat([function(x[[i]], output[[i]], *extra) for i in range(6)])
    assert together.shape == (6,)
    torch.testing.assert_close(together, apart)
