"""Losses and likelihoods against closed forms."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from skae.losses import (
    COSTS,
    LIKELIHOODS,
    LINKS,
    LOSSES,
    SCALE_DEGREE,
    Cost,
    absolute_error,
    bernoulli_nll,
    categorical_nll,
    gaussian_nll,
    hurdle_lognormal_nll,
    laplace_nll,
    log_loss,
    lognormal_nll,
    negative_binomial_nll,
    observed,
    poisson_nll,
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


def test_laplace_nll_is_that_of_scipy_with_a_variance_for_each_column():
    x, mean = draw(2, 5, 3)
    log_variance = torch.tensor([0.7, -1.0, 2.0], dtype=torch.float64)
    scale = np.sqrt(np.exp(log_variance.numpy()) / 2)
    expected = -stats.laplace(mean, scale).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(laplace_nll(x, mean, log_variance), expected)
    expected = -stats.norm(mean, np.exp(0.5 * log_variance.numpy())).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(gaussian_nll(x, mean, log_variance), expected)


def test_count_nlls_are_those_of_scipy():
    x = torch.tensor([[0.0, 3.0, 40.0], [1.0, 0.0, 7.0]], dtype=torch.float64)
    log_mean, log_size = draw(2, 3), torch.tensor([0.5, -1.0, 3.0], dtype=torch.float64)
    expected = -stats.poisson(log_mean.exp()).logpmf(x).sum(axis=1)
    np.testing.assert_allclose(poisson_nll(x, log_mean), expected)
    size = log_size.exp().numpy()
    negative_binomial = stats.nbinom(size, size / (size + log_mean.exp().numpy()))
    expected = -negative_binomial.logpmf(x).sum(axis=1)
    np.testing.assert_allclose(negative_binomial_nll(x, log_mean, log_size), expected)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 3e-4), (torch.float64, 1e-10)])
def test_counts_of_any_size_and_dispersion(dtype, rtol):
    """Logarithms of the gamma function are large there, and their differences are not."""
    counts = np.array([0, 1, 2, 5, 9, 10, 11, 30, 300, 3000])
    grid = np.meshgrid(counts, [-20, -3, 0, 2.25, 2.5, 4, 7, 10, 15, 30], [0.1, 0.9, 1, 1.5, 10])
    x, log_size, share = (values.ravel() for values in grid)
    log_mean = np.log(np.maximum(x, 1) * share).astype(np.float32).astype(np.float64)
    mean, size = np.exp(log_mean), np.exp(np.float32(log_size).astype(np.float64))
    rising = np.array([np.log1p(np.arange(n) / s).sum() for n, s in zip(x, size, strict=True)])
    log_factorial = special.gammaln(x + 1)
    expected = log_factorial - rising - x * log_mean + (x + size) * np.log1p(mean / size)
    columns = [torch.from_numpy(c)[:, None].to(dtype) for c in (x, log_mean, log_size)]
    found = negative_binomial_nll(*columns)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
    expected = mean - x * log_mean + log_factorial
    np.testing.assert_allclose(poisson_nll(*columns[:2]), expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 3e-4), (torch.float64, 1e-7)])
def test_relative_costs_of_counts_compare_outputs(name, dtype, rtol):
    """Their differences are those of scipy, at any size and dispersion."""
    grid = np.meshgrid([0, 1, 5, 11, 300, 3000], [-20, -3, 0, 2.5, 4, 7, 10, 15], [0.1, 0.9, 1.01])
    x, log_size, share = (values.ravel() for values in grid)
    means = np.maximum(x, 1), np.maximum(x, 1) * share
    logs = [np.log(mean).astype(np.float32).astype(np.float64) for mean in means]
    size = np.exp(np.float32(log_size).astype(np.float64))
    expected = [x * log - np.exp(log) for log in logs]
    if name == "negative_binomial":
        expected = [x * log - (x + size) * np.log1p(np.exp(log) / size) for log in logs]
    x, log_size, *logs = (torch.from_numpy(c)[:, None].to(dtype) for c in (x, log_size, *logs))
    found = [COSTS[name].relative(x, log, log_size) for log in logs]
    difference = (found[0] - found[1]).squeeze(1)
    np.testing.assert_allclose(difference, expected[1] - expected[0], rtol=rtol, atol=rtol)


def test_the_gradient_of_counts_is_finite_at_any_dispersion():
    x, log_mean = torch.tensor([[0.0, 4.0, 1e5]]).T, torch.zeros(3, 1, requires_grad=True)
    for start in (-100.0, -9.0, 2.3, 2.4, 15.0, 100.0):
        log_size = torch.tensor([start], requires_grad=True)
        negative_binomial_nll(x, log_mean, log_size).sum().backward()
        assert log_size.grad.isfinite().all()
    assert log_mean.grad.isfinite().all()


@pytest.mark.parametrize("log_size", [[[-3.0], [1.0], [2.25], [2.5], [6.0]], [[0.5]], [[7.0]]])
def test_the_gradient_of_counts_is_that_of_the_value(log_size):
    """Where few, many or all of them are nearly of a Poisson distribution."""
    x = torch.tensor([0.0, 1, 5, 9.5, 14, 200], dtype=torch.float64)
    given = [x.repeat(len(log_size), 1), draw(len(log_size), 6), torch.tensor(log_size).double()]
    given = [values.requires_grad_() for values in given]
    assert torch.autograd.gradcheck(COSTS["negative_binomial"].elements, given)
    assert torch.autograd.gradgradcheck(COSTS["negative_binomial"].elements, given)


def test_amounts_have_the_density_of_scipy():
    x, log_median = draw(2, 5, 3)
    x, log_variance = 100 * x.exp(), torch.tensor([0.7, -1.0, 2.0], dtype=torch.float64)
    deviation = (0.5 * log_variance).exp().numpy()
    expected = -stats.lognorm(deviation, scale=log_median.exp()).logpdf(x)
    np.testing.assert_allclose(lognormal_nll(x, log_median, log_variance), expected.sum(axis=1))
    logits, some = draw(6, 3)[1:], np.arange(15).reshape(5, 3) % 2 == 0
    p_zero = torch.sigmoid(logits).numpy()
    expected = np.where(some, -np.log(p_zero), expected - np.log1p(-p_zero)).sum(axis=1)
    x[torch.from_numpy(some)] = 0
    output = torch.cat([log_median, logits], dim=1)
    np.testing.assert_allclose(hurdle_lognormal_nll(x, output, log_variance), expected)


@pytest.mark.parametrize("name", ["hurdle_lognormal", "lognormal"])
def test_what_is_no_amount_is_unlikely_and_has_a_gradient(name):
    x = torch.tensor([[1e-38, 0.0, -3.0, 1e38]])
    output = torch.zeros(1, 4 * COSTS[name].n_outputs, requires_grad=True)
    log_variance = torch.full((4,), -14.0, requires_grad=True)
    cost = COSTS[name](x, output, log_variance)
    cost.sum().backward()
    assert cost.isfinite().all()
    assert cost > 1e6
    assert output.grad.isfinite().all()
    assert log_variance.grad.isfinite().all()


def test_categorical_nll_is_the_cross_entropy():
    logits, y = draw(4, 3), torch.tensor([0, 2, 1, 2])
    x = torch.nn.functional.one_hot(y, 3).double()
    expected = torch.nn.functional.cross_entropy(logits, y, reduction="none")
    torch.testing.assert_close(categorical_nll(x, logits), expected)


def test_the_dictionaries_are_views_of_one_table():
    assert {**LOSSES, **LIKELIHOODS} == COSTS
    assert LOSSES.keys() >= {"absolute_error", "log_loss", "squared_error"}
    assert LINKS.items() >= {"bernoulli": "logistic", "log_loss": "logistic"}.items()
    assert SCALE_DEGREE.items() >= {"absolute_error": 1, "squared_error": 2}.items()
    assert LINKS.keys() <= COSTS.keys()
    assert SCALE_DEGREE.keys() <= LOSSES.keys()


@pytest.mark.parametrize(
    "units",
    [{}, {"degree": 2, "standardized": True}, {"degree": 0, "link": "logistic"}],
)
def test_a_loss_in_units_that_nobody_knows_is_refused(units):
    """Where there was no degree, what was reported was in units of nothing, without a word."""
    with pytest.raises(TypeError, match="units of a loss must be known"):
        Cost(lambda x, output: x - output, "mean", **units)
    assert Cost(lambda x, output: x - output, "sum")  # nats


@pytest.mark.parametrize("name", SCALE_DEGREE)
def test_losses_scale_by_their_degree(name):
    x, output = draw(2, 4, 3)
    torch.testing.assert_close(
        LOSSES[name](10 * x, 10 * output), 10 ** SCALE_DEGREE[name] * LOSSES[name](x, output)
    )


@pytest.mark.parametrize("function", [*LOSSES.values(), *LIKELIHOODS.values()])
def test_a_row_does_not_see_its_neighbours(function):
    x, output = draw(2, 6, 3).sigmoid()
    output = output.repeat(1, function.n_outputs)
    extra = (torch.tensor(0.3),) if function in LIKELIHOODS.values() else ()
    together = function(x, output, *extra)
    apart = torch.cat([function(x[[i]], output[[i]], *extra) for i in range(6)])
    assert together.shape == (6,)
    torch.testing.assert_close(together, apart)


@pytest.mark.parametrize("function", [gaussian_nll, laplace_nll])
def test_a_parameter_in_double_precision_leaves_the_dtype_of_rows(function):
    x, mean = draw(2, 4, 3, dtype=torch.float32)
    assert function(x, mean, torch.zeros(3, dtype=torch.float64)).dtype == torch.float32


@pytest.mark.parametrize("name", [*LOSSES, *LIKELIHOODS])
def test_each_row_has_the_loss_of_its_own_observed_values(name):
    x = torch.tensor([[0.0, 1.0, 0.0]] * 4)
    x[1, 2], x[2, 1:], x[3] = torch.nan, torch.nan, torch.nan
    extra = (torch.tensor(0.3),) if name in LIKELIHOODS else ()
    function = {**LOSSES, **LIKELIHOODS}[name]
    x = x + 1 if name == "lognormal" else x
    output = draw(4, 3 * function.n_outputs, dtype=torch.float32)
    expected = [function(x[:1], output[:1], *extra)[0], 0.0, 0.0, 0.0]
    if name != "categorical":  # of which a part says nothing
        for row, n_seen in ((1, 2), (2, 1)):
            seen = slice(row, row + 1), slice(n_seen)
            outputs = output[seen[0]].unflatten(1, (-1, 3))[..., seen[1]].flatten(1)
            expected[row] = function(x[seen], outputs, *extra)[0]
    found = observed(name, x, output, *extra)
    torch.testing.assert_close(found, torch.tensor(expected))
