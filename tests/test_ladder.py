"""The ladder network against its definition, and what it is for."""

import copy

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from skae import LadderClassifier
from skae.modules import Ladder
from skae.modules._ladder import GaussianCombinator
from skae.objectives import DenoisingLadder

QUICK = {"hidden_layer_sizes": (16, 8), "max_iter": 3, "random_state": 0}
SIZES = 6, 5, 4, 3


@pytest.fixture
def ladder():
    torch.manual_seed(0)
    module = Ladder(SIZES, "relu", (0.3,) * 4)
    for combinator in module.combinators:  # at the start they ignore one of their inputs
        torch.nn.init.normal_(combinator.curves)
    for parameter in (*module.offsets, module.scale):  # at the start they do nothing
        torch.nn.init.normal_(parameter)
    return module


def batch_norm(a, statistics=None):
    mean, variance = statistics or (a.mean(dim=0), a.var(dim=0, correction=0))
    return (a - mean) / (variance + 1e-6).sqrt()


@pytest.mark.parametrize("training", [True, False])
def test_the_clean_run_is_that_of_a_network_with_batch_normalization(training, ladder):
    x = 5 + 2 * torch.randn(200, 6)
    for norm in ladder.statistics:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0, 2)
        norm.running_var[0] = 0  # as of a unit that is always the same
    statistics = [(n.running_mean.clone(), n.running_var.clone()) for n in ladder.statistics]
    ladder.train(training)
    found, h, hidden = ladder.clean(x), x, []
    for number, linear in enumerate(ladder.up):
        a = linear(h)
        z = batch_norm(a, None if training else statistics[number])
        torch.testing.assert_close(found[number + 1][0], z, rtol=1e-4, atol=1e-4)
        _, mean, precision = found[number + 1]
        torch.testing.assert_close((a - mean) * precision, z, rtol=1e-4, atol=1e-4)
        h = (z + ladder.offsets[number]).relu()
        hidden.append(h)
    assert found[0][0] is x
    if training:
        for norm, (mean, variance) in zip(ladder.statistics, statistics, strict=True):
            assert torch.equal(norm.running_mean, mean)
            assert torch.equal(norm.running_var, variance)
    else:
        torch.testing.assert_close(ladder.encode(x), hidden[-2], rtol=1e-4, atol=1e-3)
        logits = ladder.scale * (z + ladder.offsets[-1])
        torch.testing.assert_close(ladder.classify(x), logits, rtol=1e-4, atol=1e-3)
        ladder.noise_levels = (0.0,) * 4
        torch.testing.assert_close(ladder.noisy(x)[1], logits, rtol=1e-4, atol=1e-3)


def test_running_statistics_are_of_the_runs_that_learn_classes(ladder):
    """`encode` in training mode is such a run as well, and counts as much as `noisy`."""
    x, other = torch.randn(50, 6), copy.deepcopy(ladder)
    norm, mean = ladder.statistics[0], ladder.statistics[0].running_mean.clone()
    ladder.noise_levels = (0.0,) * 4
    ladder.noisy(x), other.encode(x)
    expected = 0.95 * mean + 0.05 * ladder.up[0](x).mean(dim=0)  # a twentieth of what was seen
    torch.testing.assert_close(norm.running_mean, expected)
    for one, two in zip(ladder.statistics, other.statistics, strict=True):
        torch.testing.assert_close(one.running_mean, two.running_mean)
        torch.testing.assert_close(one.running_var, two.running_var)


def test_it_starts_from_weights_that_keep_the_scale_and_nothing_more():
    torch.manual_seed(0)
    ladder = Ladder((400, 100, 3), "relu", (0.0,) * 3)
    for linear in (*ladder.up, *ladder.down):
        assert linear.bias is None
        assert linear.weight.std().item() == pytest.approx(linear.in_features**-0.5, rel=0.15)
    assert not list(ladder.statistics.parameters())
    assert not any(offset.any() for offset in ladder.offsets)
    assert ladder.scale.tolist() == [1, 1, 1]
    assert ladder.encode(torch.randn(5, 400)).shape == (5, 100)


def test_the_combinator_starts_at_nothing_and_learns_from_both_inputs():
    """The slope of a logistic curve without height is that of u."""
    combinator = GaussianCombinator(1).double()
    z, u = torch.tensor([[2.0], [3.0]]).double(), torch.tensor([[-1.0], [0.5]]).double()
    found = combinator(z, u)
    assert not found.any()
    found.sum().backward()
    height, slope, place, linear, offset = combinator.curves.grad[:, :, 0].tolist()
    logistic = u.sigmoid()
    assert height == pytest.approx([logistic.sum().item(), (z * logistic).sum().item()])
    assert (slope, place) == ([0, 0], [0, 0])
    assert linear == pytest.approx([-0.5, -0.5])
    assert offset == pytest.approx([2, 5])


def test_what_is_above_is_normalized_however_little_it_varies():
    """A deviation of a thousandth is that of the term which keeps the quotient finite."""
    ladder = Ladder((2, 2), "relu", (0.0, 0.0)).double()
    with torch.no_grad():  # the estimate is what comes from above
        ladder.combinators[-1].curves.zero_()[3, 0] = 1
    share = torch.tensor([[0.501, 0.499], [0.499, 0.501]], dtype=torch.float64)
    layers = [torch.zeros(2, 2, dtype=torch.float64)] * 2
    sign = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(ladder.denoise(layers, share.log())[-1], sign / 2**0.5)
    alone = ladder.denoise([layer[:1] for layer in layers], share[:1].log())
    assert alone[-1].tolist() == [[0.0, 0.0]]  # which is its own mean


def test_the_two_runs_differ_by_the_noise_only(ladder):
    x = torch.randn(50, 6)
    ladder.noise_levels = (0.0,) * 4
    noisy, logits = ladder.noisy(x)
    clean = ladder.clean(x)
    for a, (b, _, _) in zip(noisy, clean, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits, ladder.scale * (noisy[-1] + ladder.offsets[-1]))


@pytest.mark.parametrize("layer", range(4))
def test_each_layer_has_noise_of_its_level(layer, ladder):
    ladder.noise_levels = tuple(0.5 if number == layer else 0.0 for number in range(4))
    x = torch.randn(4000, 6)
    noisy = ladder.noisy(x)[0]
    noise = noisy[layer] - ladder.clean(x)[layer][0]
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)
    if layer:
        torch.testing.assert_close(
            noisy[layer - 1], ladder.clean(x)[layer - 1][0], atol=1e-4, rtol=0
        )


def test_layers_are_normalized_over_the_batch(ladder):
    for z, mean, deviation in ladder.clean(torch.randn(200, 6))[1:]:
        torch.testing.assert_close(z.mean(dim=0), torch.zeros(z.shape[1]), atol=1e-5, rtol=0)
        torch.testing.assert_close(z.std(dim=0, correction=0), torch.ones(z.shape[1]))
        assert mean.shape == deviation.shape == (z.shape[1],)


def test_inference_uses_what_training_has_seen(ladder):
    """Noise and all: with the statistics of clean rows each layer would be larger."""
    x, ladder.noise_levels = 3 * torch.randn(5000, 6) + 1, (1.0,) * 4
    for _ in range(200):
        layers, _ = ladder.noisy(x)
    below, h = layers[0], x
    for number, linear in enumerate(ladder.up):
        a = linear(below)
        h = ladder._activate((linear(h) - a.mean(dim=0)) / a.std(dim=0), number)
        below = ladder._activate(layers[number + 1], number)
    torch.testing.assert_close(ladder.eval().classify(x), h, rtol=0, atol=0.1)
    torch.testing.assert_close(ladder.classify(x[:1]), ladder.classify(x)[:1])


def test_the_objective_in_its_parts(ladder):
    costs = (7.0, 0.0, 0.5, 2.0)
    x, y = torch.randn(20, 6), torch.tensor([0, 2, 1, 1, 0])
    torch.manual_seed(1)
    terms = DenoisingLadder(costs)(ladder, x, y)
    assert all(len(term) == 20 for term in terms.values())
    torch.manual_seed(1)
    noisy, logits = ladder.noisy(x)
    clean = ladder.clean(x[:15])
    estimates = ladder.denoise([z[:15] for z in noisy], logits[:15])
    expected = costs[0] * functional.mse_loss(estimates[0], x[:15])
    for cost, (z, mean, precision), estimate in list(zip(costs, clean, estimates, strict=True))[1:]:
        expected = expected + cost * functional.mse_loss((estimate - mean) * precision, z)
    torch.testing.assert_close(terms["denoising"].mean(), expected)
    entropy = functional.cross_entropy(logits[15:], y)
    torch.testing.assert_close(terms["classification"].mean(), entropy)
    # Rows that stand there as unlabelled bring no gradient of a class.
    assert not terms["classification"][:15].any()
    assert not terms["denoising"][15:].any()


def test_in_validation_the_classes_are_those_without_noise(ladder):
    x, y = torch.randn(20, 6), torch.tensor([0, 2, 1, 1, 0])
    terms = DenoisingLadder((1.0,) * 4)(ladder.eval(), x, y)
    entropy = functional.cross_entropy(ladder.classify(x[15:]), y)
    torch.testing.assert_close(terms["classification"].mean(), entropy)


def test_the_combinator_is_the_best_estimate_of_a_normal_variable():
    """With the right mean and weight it is the posterior mean, here trained to be."""
    torch.manual_seed(0)
    z = 2 + torch.randn(20_000, 1)
    noisy, u = z + 0.5 * torch.randn_like(z), torch.zeros_like(z)
    combinator = GaussianCombinator(1)
    optimizer = torch.optim.Adam(combinator.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        functional.mse_loss(combinator(noisy, u), z).backward()
        optimizer.step()
    best = 2 + (noisy - 2) / (1 + 0.25)
    torch.testing.assert_close(combinator(noisy, u), best, atol=0.05, rtol=0)


def test_the_combinators_gradient_is_that_of_its_formula():
    def formula(z, u, curves):
        height, slope, place, linear, offset = curves
        mean, weight = (
            height[:, None] * torch.sigmoid(slope[:, None] * u + place[:, None])
            + linear[:, None] * u
            + offset[:, None]
        )
        return (z - mean) * weight + mean

    torch.manual_seed(0)
    combinator = GaussianCombinator(4).double()
    nn.init.normal_(combinator.curves)
    given = [torch.randn(6, 4, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    given.append(combinator.curves)
    found, expected = combinator(*given[:2]), formula(*given)
    torch.testing.assert_close(found, expected)
    weight = torch.randn(6, 4, dtype=torch.float64)
    gradients = (torch.autograd.grad((out * weight).sum(), given) for out in (found, expected))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("sizes", "n_layers"), [((), 2), (8, 3), ((8, 8, 8), 5)])
def test_any_number_of_layers(sizes, n_layers, digits):
    model = LadderClassifier(**{**QUICK, "hidden_layer_sizes": sizes, "max_iter": 1})
    model.fit(digits, np.arange(len(digits)) % 3)
    assert len(model.module_.noise_levels) == len(model.net_.module_.objective.costs) == n_layers


def some_labels(y, per_class, seed=0):
    order = np.random.default_rng(seed).permutation(len(y))
    known = np.concatenate([order[y[order] == label][:per_class] for label in np.unique(y)])
    hidden = np.full(len(y), -1)
    hidden[known] = y[known]
    return hidden


def test_unlabelled_rows_help():
    X, y = load_digits(return_X_y=True)
    hidden = some_labels(y, 5)
    model = LadderClassifier(hidden_layer_sizes=(100, 50), max_iter=20, random_state=0)
    known, rest = hidden >= 0, hidden < 0
    alone = model.fit(X[known], y[known]).score(X[rest], y[rest])
    together = model.fit(X, hidden).score(X[rest], y[rest])
    assert together > alone + 0.02


def test_batches_of_one_row_are_refused(digits):
    with pytest.raises(ValueError, match="nothing to normalize"):
        LadderClassifier(**{**QUICK, "batch_size": 1}).fit(digits, np.arange(len(digits)) % 3)
    model = LadderClassifier(**QUICK).fit(digits, np.arange(len(digits)) % 3)
    before = model.predict_proba(digits)
    with pytest.raises(ValueError, match="nothing to normalize"):
        model.partial_fit(digits[:1], [0])
    np.testing.assert_array_equal(model.predict_proba(digits), before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise_level": (0.3, 0.3)}, "noise_level=.* must have 4 numbers"),
        ({"noise_level": (0.3, 0.3, -1, 0.3)}, "none negative"),
        ({"denoising_cost": (1, 2, 3, np.inf)}, "denoising_cost"),
        ({"denoising_cost": "none"}, "denoising_cost"),
        ({"hidden_layer_sizes": (0,)}, "positive integers"),
    ],
)
def test_wrong_settings_say_what_is_right(settings, message, digits):
    with pytest.raises(ValueError, match=message):
        LadderClassifier(**{**QUICK, **settings}).fit(digits, np.arange(len(digits)) % 3)


def test_rare_groups_that_labels_show_as_often_as_others_are_told_apart():
    """Three groups of rows, .8, .1 and .1 of them, and as many labels of each."""
    X, y, known = uneven_groups(0)
    model = LadderClassifier(random_state=0, max_iter=30).fit(X, np.where(known, y, -1))
    linear = LogisticRegression().fit(X[known], y[known])
    X, y, _ = uneven_groups(1)
    assert model.score(X, y) > linear.score(X, y) - 0.015


def uneven_groups(seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, 3000, p=[0.8, 0.1, 0.1])
    X = np.array([[0, 0], [3, 0], [0, 3]])[y] + 0.8 * rng.standard_normal((3000, 2))
    known = np.zeros(3000, dtype=bool)
    for group in range(3):
        known[np.flatnonzero(y == group)[:30]] = True
    return X, y, known
