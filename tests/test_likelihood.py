"""Likelihoods as modules: means, draws, and columns with likelihoods of their own."""

import math

import pytest
import torch

from skae.losses import LIKELIHOODS
from skae.modules import Likelihood, LogCounts, MixedLikelihood

OUTPUT = torch.tensor([[0.3, -1.0, 1.5]])


def fixed(name):
    return Likelihood(name, torch.tensor(-0.4), learned=False)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_draws_have_the_mean_and_the_likelihood_of_their_name(name):
    """Where x is drawn from p, E[d log p / d output] = 0: only the right output is a maximum."""
    torch.manual_seed(0)
    likelihood, n_draws = fixed(name), 100_000
    output = OUTPUT.repeat(n_draws, 1).double().requires_grad_()
    mean = likelihood(output)
    drawn = likelihood.draw(mean.detach())
    error = drawn.std(dim=0) / n_draws**0.5
    assert ((drawn.mean(dim=0) - mean[0]).abs() < 4 * error + 1e-9).all()
    likelihood.nll(drawn, output).sum().backward()
    gradient = output.grad
    assert (gradient.mean(dim=0).abs() < 4 * gradient.std(dim=0) / n_draws**0.5).all()


@pytest.mark.parametrize("name", ["gaussian", "laplace", "negative_binomial"])
def test_the_spread_of_draws_is_the_likeliest(name):
    torch.manual_seed(0)
    likelihood = Likelihood(name, torch.tensor(-0.1))
    drawn = likelihood.draw(likelihood(OUTPUT.repeat(200_000, 1))).detach()
    likelihood.nll(drawn, OUTPUT).mean().backward()
    at_truth = likelihood.raw_parameter.grad.abs().item()
    with torch.no_grad():
        likelihood.raw_parameter += 0.02
    likelihood.raw_parameter.grad = None
    likelihood.nll(drawn, OUTPUT).mean().backward()
    assert at_truth < 0.3 * likelihood.raw_parameter.grad.abs().item()


def test_columns_keep_their_places():
    parts = [("categorical", [3, 1]), ("poisson", [0]), ("gaussian", [2, 4])]
    mixed = MixedLikelihood([(fixed(name), torch.tensor(columns)) for name, columns in parts])
    output = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    x = mixed.draw(mixed(output))
    expected = sum(fixed(name).nll(x[:, columns], output[:, columns]) for name, columns in parts)
    torch.testing.assert_close(mixed.nll(x, output), expected)
    for name, columns in parts:
        torch.testing.assert_close(mixed(output)[:, columns], fixed(name)(output[:, columns]))
    assert (x[:, [1, 3]].sum(dim=1) == 1).all()
    assert (x[:, 0] == x[:, 0].round()).all()


def test_counts_reach_the_encoder_as_logarithms():
    layer = LogCounts(torch.tensor([True, False]), torch.tensor([3.0, 5.0]))
    x = torch.tensor([[3.0, 3.0], [0.0, -2.0]])
    torch.testing.assert_close(layer(x), torch.tensor([[0.0, 3.0], [-math.log(4.0), -2.0]]))


def test_extreme_outputs_stay_finite():
    x = torch.tensor([[0.0, 5.0, 1e4]])
    for name in ("poisson", "negative_binomial"):
        for output in (torch.full((1, 3), 1e4), torch.full((1, 3), -1e4)):
            assert fixed(name).nll(x, output).isfinite().all()
            assert fixed(name)(output).isfinite().all()
