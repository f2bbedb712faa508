"""Distributions of codes to aim at."""

import math

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AdversarialAutoencoder
from skae._priors import PRIORS, SampledPrior, draw_from, seed_density


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("name", "spread"), [("normal", 1.0), ("mixture", 3.2 / 2**0.5), ("swiss_roll", 2.0)]
)
def test_priors_are_scaled_and_normal_in_further_components(name, spread):
    one = PRIORS[name](1.0).draw(20_000, 3)
    torch.manual_seed(0)
    torch.testing.assert_close(PRIORS[name](3.0).draw(20_000, 3), 3 * one)
    assert one.std(dim=0)[:2].tolist() == pytest.approx([spread] * 2, rel=0.12)
    assert one.std(dim=0)[2].item() == pytest.approx(1, rel=0.02)


def test_a_mixture_has_ten_petals():
    z = PRIORS["mixture"]().draw(5000, 2).double()
    angle = torch.atan2(z[:, 1], z[:, 0]) / (2 * math.pi / 10)
    assert (angle - angle.round()).abs().mean() < 0.07  # a quarter if there were none
    assert len(angle.round().remainder(10).unique()) == 10


def test_a_swiss_roll_is_a_spiral():
    z = PRIORS["swiss_roll"]().draw(5000, 2)
    radius = z.square().sum(dim=1).sqrt()
    # Along one direction rows lie on two turns at most: at radius r or r + 8/3.
    turn = (torch.atan2(z[:, 1], z[:, 0]) / (3 * math.pi)).remainder(2 / 3) * 4
    apart = (radius - turn).remainder(8 / 3)
    assert torch.minimum(apart, 8 / 3 - apart).median() < 0.15
    assert radius.max() < 4.6


DENSITIES = [
    lambda n, random_state: random_state.normal(5, 1, (n, 2)),
    GaussianMixture(2, random_state=0).fit(np.random.default_rng(0).normal(5, 1, (50, 2))),
    KernelDensity().fit(np.full((3, 2), 5.0)),
]


@pytest.mark.parametrize("source", DENSITIES, ids=["callable", "mixture", "kernel density"])
def test_any_source_is_drawn_from_with_torchs_seed(source):
    prior = SampledPrior(source)
    first = prior.draw(200, 2)
    assert first.mean().item() == pytest.approx(5, abs=0.5)
    assert not torch.equal(prior.draw(200, 2), first)
    torch.manual_seed(0)
    torch.testing.assert_close(prior.draw(200, 2), first)


def test_draws_of_a_mixture_are_in_random_order():
    density = GaussianMixture(2, random_state=0).fit([[0.0], [0.1], [9.0], [9.1]])
    codes = draw_from(density, 100, np.random.RandomState(0))[:, 0] > 5
    assert 20 < np.diff(codes).sum() < 80


def test_all_seeds_of_a_density_are_set():
    density = make_pipeline(StandardScaler(), GaussianMixture())
    seed_density(density, 7)
    assert density.get_params()["gaussianmixture__random_state"] == 7


@pytest.mark.parametrize("prior", ["mixture", "swiss_roll"])
def test_a_prior_in_a_plane_needs_two_components(prior):
    with pytest.raises(ValueError, match="needs n_components of at least 2"):
        AdversarialAutoencoder(1, prior=prior, max_iter=1).fit(np.eye(20))


def test_a_density_that_is_frozen_stays_fitted_and_is_seeded():
    frozen = FrozenEstimator(GaussianMixture(2).fit(np.random.RandomState(0).normal(size=(50, 2))))
    drawn = [draw_from(frozen, 5, np.random.RandomState(0)) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
    X = np.random.RandomState(0).normal(size=(60, 3))
    small = {"hidden_layer_sizes": (4,), "max_iter": 1, "random_state": 0}
    clone(AdversarialAutoencoder(2, prior=frozen, **small)).fit(X)
    melted = clone(AdversarialAutoencoder(2, prior=frozen.estimator, **small))
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        melted.fit(X)
