"""Likelihoods as modules: means, draws, and columns with likelihoods of their own."""

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from skae.losses import LIKELIHOODS
from skae.modules import Likelihood, LogAmounts, LogCounts, MixedLikelihood, Told

OUTPUT = torch.tensor([[0.3, -1.0, 1.5]])


def fixed(name):
    return Likelihood(name, torch.tensor(-0.4), learned=False)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_draws_have_the_mean_and_the_likelihood_of_their_name(name):
    """Where x is drawn from p, E[d log p / d output] = 0: only the right output is a maximum."""
    torch.manual_seed(0)
    likelihood, n_draws = fixed(name), 100_000
    output = OUTPUT.repeat(n_draws, LIKELIHOODS[name].n_outputs).double().requires_grad_()
    mean = likelihood(output)
    drawn = likelihood.draw(output.detach())
    error = drawn.std(dim=0) / n_draws**0.5
    assert ((drawn.mean(dim=0) - mean[0]).abs() < 4 * error + 1e-9).all()
    likelihood.nll(drawn, output).sum().backward()
    gradient = output.grad
    assert (gradient.mean(dim=0).abs() < 4 * gradient.std(dim=0) / n_draws**0.5).all()


@pytest.mark.parametrize("name", ["gaussian", "laplace", "negative_binomial"])
def test_the_spread_of_draws_is_the_likeliest(name):
    torch.manual_seed(0)
    likelihood = Likelihood(name, torch.tensor(-0.15))
    drawn = likelihood.draw(OUTPUT.repeat(200_000, 1)).detach()
    likelihood.nll(drawn, OUTPUT).mean().backward()
    at_truth = likelihood.raw_parameter.grad.abs().item()
    with torch.no_grad():
        likelihood.raw_parameter += 0.02
    likelihood.raw_parameter.grad = None
    likelihood.nll(drawn, OUTPUT).mean().backward()
    assert at_truth < 0.3 * likelihood.raw_parameter.grad.abs().item()


def test_the_excess_is_what_sums_of_counts_vary_by_beyond_their_mean():
    torch.manual_seed(0)
    parts = [(fixed("negative_binomial"), [0, 2]), (fixed("poisson"), [1]), (Told(), [3])]
    mixed = MixedLikelihood([(part, torch.tensor(columns)) for part, columns in parts])
    output = torch.tensor([[0.3, -1.0, 1.5, 2.0]])
    counts = mixed.draw(output.repeat(400_000, 1))[:, :3].sum(dim=1).double()
    expected = counts.var() - counts.mean()
    assert mixed.excess(output).item() == pytest.approx(expected.item(), rel=0.02)


def test_what_rows_alone_say_is_left_out_of_relative_costs():
    torch.manual_seed(0)
    parts = [(fixed("negative_binomial"), [0, 2]), (fixed("gaussian"), [1]), (Told(), [3])]
    mixed = MixedLikelihood([(part, torch.tensor(columns)) for part, columns in parts])
    outputs, x = torch.randn(2, 5, 4), torch.tensor([[3.0, -1.0, 0.0, 2.0]]).repeat(5, 1)
    full, relative = ([cost(x, o) for o in outputs] for cost in (mixed.nll, mixed.relative_nll))
    torch.testing.assert_close(relative[0] - relative[1], full[0] - full[1])


def test_columns_keep_their_places():
    parts = [
        ("hurdle_lognormal", [6], [6, 9]),
        ("categorical", [3, 1], [3, 1]),
        ("poisson", [0], [0]),
        ("hurdle_lognormal", [8, 5], [8, 5, 10, 11]),
        ("gaussian", [2, 4, 7], [2, 4, 7]),
    ]
    mixed = MixedLikelihood([(fixed(name), torch.tensor(columns)) for name, columns, _ in parts])
    output = torch.randn(40, 12, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    x = mixed.draw(output)
    assert x.shape == (40, 9)
    nlls = [fixed(name).nll(x[:, columns], output[:, places]) for name, columns, places in parts]
    torch.testing.assert_close(mixed.nll(x, output), sum(nlls))
    for name, columns, places in parts:
        torch.testing.assert_close(mixed(output)[:, columns], fixed(name)(output[:, places]))
    assert (x[:, [1, 3]].sum(dim=1) == 1).all()
    assert (x[:, 0] == x[:, 0].round()).all()
    assert ((x[:, [5, 6, 8]] == 0).sum(dim=0) > 0).all()
    low, high = torch.full((2, 9), math.inf)
    low = -low
    low[2], high[5] = 1.0, 0.5
    x = mixed.draw(output, low, high)
    assert x[:, 2].min() > 1 > x[:, 4].min()
    assert 0.1 < x[:, 5].max() < 0.5 < x[:, 8].max()


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


SUPPORT = {
    "hurdle_lognormal": lambda x: (x >= 0).all() and (x == 0).any() and (x > 0).any(),
    "lognormal": lambda x: (x > 0).all(),
    "bernoulli": lambda x: ((x == 0) | (x == 1)).all(),
    "categorical": lambda x: ((x == 0) | (x == 1)).all() and (x.sum(dim=1) == 1).all(),
    "negative_binomial": lambda x: ((x == x.round()) & (x >= 0)).all() and x.max() > 1,
    "poisson": lambda x: ((x == x.round()) & (x >= 0)).all() and x.max() > 1,
}


@pytest.mark.parametrize("name", SUPPORT)
def test_draws_are_values_that_there_may_be(name):
    torch.manual_seed(0)
    likelihood = fixed(name)
    drawn = likelihood.draw(OUTPUT.repeat(100, LIKELIHOODS[name].n_outputs))
    assert SUPPORT[name](drawn)


def test_a_category_that_is_not_drawn_has_its_column():
    drawn = fixed("categorical").draw(torch.tensor([[-30.0, 30.0, -30.0]] * 4))
    assert drawn.tolist() == [[0.0, 1.0, 0.0]] * 4


@pytest.mark.parametrize(("name", "kurtosis"), [("gaussian", 3), ("laplace", 6)])
@pytest.mark.parametrize("log_variance", [-0.4, 1.2])
def test_draws_have_the_variance_and_the_tails_of_their_name(name, kurtosis, log_variance):
    torch.manual_seed(0)
    likelihood = Likelihood(name, torch.tensor(log_variance), learned=False)
    drawn = likelihood.draw(torch.zeros(100_000, 1, dtype=torch.float64))
    assert drawn.var().item() == pytest.approx(math.exp(log_variance), rel=0.03)
    assert (drawn**4).mean() / drawn.var() ** 2 == pytest.approx(kurtosis, rel=0.1)
    assert (drawn**3).mean().abs() < 0.2 * drawn.std() ** 3


def test_counts_of_small_means_reach_the_encoder_relative_to_them():
    layer = LogCounts(torch.tensor([True, True]), torch.tensor([0.5, -1.0]))
    expected = torch.tensor([[math.log(2 / 1.5), math.log(2.0)]])
    torch.testing.assert_close(layer(torch.tensor([[1.0, 1.0]])), expected)


@pytest.mark.parametrize("name", ["bernoulli", "gaussian", "laplace", "negative_binomial"])
def test_nan_is_not_observed_only_where_it_is_allowed(name):
    x = torch.tensor([[1.0, 0.0, 1.0], [0.0, math.nan, math.nan]])
    settings = {"parameter": torch.tensor(0.5), "learned": False}
    output = OUTPUT.repeat(2, 1)
    found = Likelihood(name, **settings, allow_nan=True).nll(x, output)
    strict = Likelihood(name, **settings)
    seen = strict.nll(x[1:, :1], output[1:, :1])
    torch.testing.assert_close(found, torch.cat([strict.nll(x[:1], output[:1]), seen]))
    assert strict.nll(x, output)[1].isnan()


def test_only_logarithms_of_means_are_limited():
    output = torch.tensor([[100.0, -100.0]])
    for name in ("poisson", "negative_binomial"):
        torch.testing.assert_close(fixed(name)(output), torch.tensor([[math.exp(30), 0.0]]))
    for name in ("gaussian", "laplace"):
        assert fixed(name)(output) is output
        at_output = torch.tensor([[100.0, -100.0]])
        assert fixed(name).nll(at_output, output) == fixed(name).nll(0 * output, 0 * output)


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("gaussian", 0.0, 0.0),  # to a millionth
        ("laplace", 0.3, 3.0),
        ("gaussian", -1.4, -14 + math.log(2)),
        ("gaussian", -1.6, -14 + math.log1p(math.exp(-2))),
        ("negative_binomial", 0.3, 3.0),
        ("negative_binomial", 4.0, 30.0),
        ("negative_binomial", -4.0, -30.0),
    ],
)
def test_what_is_learned_moves_ten_times_as_far_and_within_bounds(name, raw, expected):
    likelihood = Likelihood(name, torch.tensor(raw))
    assert likelihood.parameter.item() == pytest.approx(expected, abs=1e-5)
    assert Likelihood(name, torch.tensor(raw), learned=False).parameter.item() == pytest.approx(raw)
    assert Likelihood(name).raw_parameter.requires_grad
    assert Likelihood(name).raw_parameter == 0


def test_the_mean_of_amounts_is_that_of_scipy():
    log_variance = torch.tensor([0.3, -1.0, 1.2])
    deviation, medians = (0.5 * log_variance).exp().numpy(), OUTPUT.exp().numpy()
    expected = stats.lognorm(deviation, scale=medians).mean()
    lognormal = Likelihood("lognormal", log_variance, learned=False)
    np.testing.assert_allclose(lognormal(OUTPUT), expected, rtol=1e-5)
    hurdle = Likelihood("hurdle_lognormal", log_variance, learned=False)
    output = torch.cat([OUTPUT, torch.tensor([[0.0, -50.0, 3.0]])], dim=1)
    share = special.expit([[0.0, 50.0, -3.0]])
    np.testing.assert_allclose(hurdle(output), share * expected, rtol=1e-5)
    high = torch.tensor([1.5, 0.4, 9.0])
    truncated = Likelihood("lognormal", log_variance, learned=False, high=high)
    whole = stats.lognorm(deviation, scale=medians)
    below = [
        whole.mean()[0, n] * stats.norm.cdf(z - deviation[n]) / stats.norm.cdf(z)
        for n, z in enumerate((np.log(high.numpy()) - OUTPUT[0].numpy()) / deviation)
    ]
    np.testing.assert_allclose(truncated(OUTPUT)[0], below, rtol=1e-4)
    torch.manual_seed(0)
    drawn = truncated.draw(OUTPUT.repeat(100_000, 1), high=high)
    np.testing.assert_allclose(drawn.mean(dim=0), below, rtol=0.01)
    assert truncated(1e4 * OUTPUT).isfinite().all()
    assert lognormal(1e4 * OUTPUT).isfinite().all()
    assert hurdle(1e4 * output).isfinite().all()


DISTRIBUTIONS = {
    "gaussian": lambda mean, s: stats.norm(mean, s),
    "laplace": lambda mean, s: stats.laplace(mean, s / 2**0.5),
    "lognormal": lambda mean, s: stats.lognorm(s, scale=np.exp(mean)),
    "hurdle_lognormal": lambda mean, s: stats.lognorm(s, scale=np.exp(mean)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize(("low", "high"), [(0.2, 2.0), (0.4, math.inf), (-math.inf, 0.7)])
def test_draws_within_bounds_are_those_of_the_truncated_distribution(name, low, high):
    torch.manual_seed(0)
    outputs = torch.tensor([0.3] * LIKELIHOODS[name].n_outputs).repeat(20_000, 1)
    drawn = fixed(name).draw(outputs, torch.tensor([low]), torch.tensor([high])).double()
    if name == "hurdle_lognormal":
        assert (drawn == 0).double().mean() == pytest.approx(special.expit(0.3), abs=0.015)
        drawn = drawn[drawn > 0]
    assert low - 1e-6 <= drawn.min() <= drawn.max() <= high + 1e-6
    whole = DISTRIBUTIONS[name](0.3, math.exp(-0.2))
    start, end = whole.cdf([low, high])
    share = np.clip((whole.cdf(drawn.flatten()) - start) / (end - start), 0, 1)
    assert stats.kstest(share, "uniform").pvalue > 0.001


@pytest.mark.parametrize("name", ["gaussian", "laplace", "poisson", "negative_binomial"])
def test_draws_far_outside_of_the_bounds_lie_near_them(name):
    torch.manual_seed(0)
    low, high = torch.tensor([2.0]), torch.tensor([6.0])
    for output, bound in ((-200.0, 2.0), (200.0, 6.0)):
        drawn = fixed(name).draw(torch.full((50, 1), output), low, high)
        assert low <= drawn.min() <= drawn.max() <= high
        # The tails of Laplace's distribution are as wide anywhere.
        assert (drawn - bound).abs().median() < (0.8 if name == "laplace" else 0.05)
    equal = fixed(name).draw(torch.zeros(50, 1), high, high)
    assert (equal == high).all()


def test_amounts_reach_the_encoder_as_logarithms_and_come_back():
    of_each = torch.tensor([[0.0, 0.2, 0.0], [1.0, 2.0, 0.0], [0.5, 2.0, 1.0]])
    layer = LogAmounts(torch.tensor([True, True, False]), *of_each)
    x = torch.tensor([[math.e**2, 0.0, -3.0], [math.e, 1.8, 3.0]])
    log = math.log(0.2) / 2 - 1, math.log(2.0) / 2 - 1
    found = layer(x)
    torch.testing.assert_close(found, torch.tensor([[2.0, log[0], -3.0], [0.0, log[1], 3.0]]))
    torch.testing.assert_close(layer.inverse(found), x)
    assert layer(torch.tensor([[-5.0, -5.0, 0.0]])).isfinite().all()
    assert layer.inverse(torch.tensor([[1e9, -1e9, 0.0]])).isfinite().all()


@pytest.mark.parametrize("name", ["bernoulli", "categorical", "poisson"])
def test_where_there_is_no_parameter_none_is_learned(name):
    assert not Likelihood(name).raw_parameter.requires_grad
