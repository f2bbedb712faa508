"""Objectives of small models, computed by hand."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from skae.modules import AdversarialModule, VariationalAutoencoder, VariationalClassifier
from skae.objectives import (
    Adversarial,
    AdversarialClustering,
    ContractiveReconstruction,
    NegativeELBO,
    Reconstruction,
    SemiSupervisedELBO,
    SparseReconstruction,
    importance_log_likelihood,
)
from skae.objectives._semi_supervised import of_labelled, of_plain


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def softplus(a):
    return math.log1p(math.exp(a))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_nan_is_not_observed_only_where_it_is_allowed(loss):
    model = SimpleNamespace(encode=lambda x: x, decoder=torch.ones_like)
    x = torch.tensor([[3.0, torch.nan], [3.0, 2.0]])
    expected = {"squared_error": [4.0, 2.5], "absolute_error": [2.0, 1.5]}[loss]
    assert Reconstruction(loss, allow_nan=True)(model, x)["reconstruction"].tolist() == expected
    strict = Reconstruction(loss)(model, x)["reconstruction"]
    assert strict[0].isnan()
    assert strict[1] == expected[1]


def test_terms_of_some_rows_have_their_mean_over_all():
    assert of_plain(torch.tensor([1.0, 3.0]), 4).tolist() == [2, 6, 0, 0]
    assert of_labelled(torch.tensor([1.0, 3.0]), 4).tolist() == [0, 0, 2, 6]
    assert of_labelled(torch.tensor([5.0]), 3).tolist() == [0, 0, 15]
    assert of_labelled(torch.zeros(0), 3).tolist() == [0, 0, 0]


def number(told):
    """The number of the class in one-hot columns, -1 where there is none."""
    return told @ torch.arange(1.0, 4).to(told) - 1


def test_both_sides_of_the_game_are_told_the_class():
    """The decoder gives the number of the class, and the discriminator takes it for the logit."""
    told = Apply(lambda z: number(z[:, 1:])[:, None])
    prior = SimpleNamespace(draw=torch.zeros)
    module = AdversarialModule(nn.Identity(), told, nn.Identity(), told, prior, 3)
    x, y = torch.zeros(3, 1), torch.tensor([0, 2, -1])
    terms = Adversarial()(module, x, y)
    expected = {
        "reconstruction": [0, 4, 1],
        "discrimination": [softplus(k) + softplus(-k) for k in (0, 2, -1)],
        "fooling": [softplus(-k) for k in (0, 2, -1)],
    }
    assert {name: term.tolist() for name, term in terms.items()} == {
        name: pytest.approx(values) for name, values in expected.items()
    }


def test_draws_of_the_prior_are_as_precise_as_the_codes():
    seen = []

    def judge(codes, y=None):
        seen.append(codes.dtype)
        return codes[:, :1]

    module = SimpleNamespace(
        encode=lambda x: x,
        codes=lambda x: (x, x),
        prior=SimpleNamespace(draw=torch.zeros),
        draw_classes=lambda n_rows: torch.zeros(n_rows, 2).double(),
        judge=judge,
        discriminator=judge,
        class_discriminator=judge,
    )
    x = torch.zeros(3, 2, dtype=torch.float64)
    for game in (Adversarial(), AdversarialClustering()):
        game.discriminate(module, x)
    assert set(seen) == {torch.float64}


def make_conditional(encoder=None):
    """p(x | y) = N(x; y, 1), whatever the code is, whose posterior is the prior."""
    encoder = encoder or Apply(lambda x: torch.zeros(len(x), 2))
    decoder = Apply(lambda z: number(z[:, 1:])[:, None])
    return VariationalAutoencoder(encoder, decoder, class_shares=torch.tensor([0.5, 0.25, 0.25]))


X = torch.tensor([[0.0], [1.0], [2.0]])
Y = torch.tensor([0, 0, 1])
# -log N(x; y, 1)
COSTS = [0.5 * math.log(2 * math.pi) + 0.5 * (x - y) ** 2 for x, y in ((0, 0), (1, 0), (2, 1))]


@pytest.mark.parametrize("n_draws", [1, 3])
def test_the_elbo_is_that_of_rows_of_their_class(n_draws):
    terms = NegativeELBO(n_draws=n_draws)(make_conditional(), X, Y)
    assert terms["reconstruction"].tolist() == pytest.approx(COSTS)
    assert terms["kl"].tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_the_importance_weighted_likelihood_is_that_of_the_class():
    found = importance_log_likelihood(make_conditional(), X, torch.randn(4, 1), Y)
    assert found.tolist() == pytest.approx([-cost for cost in COSTS])


def make_classifier():
    """Of class y the posterior is at 3 y, and the mean of x is y more than the code."""
    decoder = Apply(lambda z: z[:, :1] + number(z[:, 1:])[:, None])
    encoder = Apply(lambda x: torch.zeros(len(x), 2).to(x))
    classifier = Apply(lambda x: torch.zeros(len(x), 3).to(x))
    shares = torch.tensor([0.5, 0.25, 0.25])
    module = VariationalClassifier(classifier, 2, encoder, decoder, None, shares)
    with torch.no_grad():
        module.shift.weight[:, 0] = torch.arange(3) * 3.0
        module.shift.weight[:, 1] = -30.0  # without spread
    return module


def test_the_posterior_of_the_estimate_is_that_of_the_class():
    """Draws are where the class has put them; the weights mend what they are not."""
    noise = torch.zeros(1, 1)
    for label in range(3):
        y = torch.full((3,), label)
        found = importance_log_likelihood(make_classifier(), X, noise, y)
        # log p(x | z) + log p(z) - log q(z), of z = 3 y
        squares = (X[:, 0] - 4 * label).square() + (3 * label) ** 2
        expected = -0.5 * (squares + math.log(2 * math.pi) + 30)
        torch.testing.assert_close(found, expected)


def test_terms_of_the_semi_supervised_bound_by_hand():
    """q(y | x) = 1/3 each; z = 3 y; KL(q(z) || N(0, 1)) = (9 y^2 + e^-30 - 1 + 30) / 2."""
    module, objective = make_classifier(), SemiSupervisedELBO(weight=2.0, share=0.5)
    terms = objective(module, X, Y[2:])
    assert list(terms) == ["reconstruction", "kl", "classification", "labelled"]
    normal = 0.5 * math.log(2 * math.pi)
    nll = [normal + sum((x - 4 * y) ** 2 for y in range(3)) / 6 for x in (0, 1)]
    kl = sum(9 * y**2 + 29 for y in range(3)) / 6
    kl += math.log(1 / 3) - (math.log(0.5) + 2 * math.log(0.25)) / 3
    labelled = normal + (2 - 4) ** 2 / 2 + (9 + 29) / 2 - math.log(0.25)
    expected = {
        "reconstruction": [1.5 * nll[0], 1.5 * nll[1], 0],
        "kl": [1.5 * kl, 1.5 * kl, 0],
        "classification": [0, 0, 3 * 2 * math.log(3)],
        "labelled": [0, 0, 3 * 0.5 * labelled],
    }
    for name, term in terms.items():
        assert term.tolist() == pytest.approx(expected[name], rel=1e-5), name
    judged = objective(module.eval(), X, Y[2:])["classification"]
    assert judged.tolist() == pytest.approx([0, 0, 3 * math.log(3)])


@pytest.mark.parametrize("penalty", ["l1", "kl"])
def test_a_penalty_on_codes_counts_as_much_as_it_weighs(penalty):
    model = SimpleNamespace(encode=lambda x: x, decoder=torch.zeros_like)
    x = torch.tensor([[0.2, 0.6], [0.6, 1.0]])
    objective = SparseReconstruction(penalty=penalty, alpha=10.0, target=0.4)
    terms = objective(model, x)
    assert terms["reconstruction"].tolist() == pytest.approx([0.2, 0.68])
    of_units = [0.0, 0.4 * math.log(0.4 / 0.8) + 0.6 * math.log(0.6 / 0.2)]
    expected = [4.0, 8.0] if penalty == "l1" else [5 * sum(of_units)] * 2
    assert terms["sparsity"].tolist() == pytest.approx(expected, rel=1e-4)


def test_the_contraction_counts_for_each_feature():
    model = SimpleNamespace(sensitivity=lambda x: (x, x.sum(dim=1)), decoder=torch.zeros_like)
    terms = ContractiveReconstruction(alpha=3.0)(model, torch.tensor([[1.0, 3.0]]))
    assert {name: term.tolist() for name, term in terms.items()} == {
        "reconstruction": [5.0],
        "contraction": [6.0],
    }


def test_without_a_class_the_posterior_is_that_of_the_likeliest():
    module = make_classifier()
    module.classifier = Apply(lambda x: torch.cat([x, 1.5 - x, x * x - 1], dim=1))
    mean, log_var = module.posterior(X)
    assert mean.tolist() == [[3], [0], [6]]
    assert log_var.tolist() == [[-30]] * 3
    assert module.posterior(X, Y)[0].tolist() == [[0], [0], [3]]
