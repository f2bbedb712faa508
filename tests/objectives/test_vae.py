"""The bounds of a likelihood that is told the class, by hand."""

import math

import pytest
import torch

from skae.modules import VariationalAutoencoder
from skae.objectives import NegativeELBO, importance_log_likelihood

from .functions import Apply, X, Y, make_classifier, number


def make_conditional(encoder=None):
    """p(x | y) = N(x; y, 1), whatever the code is, whose posterior is the prior."""
    encoder = encoder or Apply(lambda x: torch.zeros(len(x), 2))
    decoder = Apply(lambda z: number(z[:, 1:])[:, None])
    return VariationalAutoencoder(encoder, decoder, class_shares=torch.tensor([0.5, 0.25, 0.25]))


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
