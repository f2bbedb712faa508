"""What fitted models make of rows far beyond those that they were trained on."""

import copy

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, VAETransformer
from skae.modules._held import Held

from .estimators import QUICK, every_encoder


def plane(n_rows=300, noise=0.1):
    """Rows of two hidden numbers, a little curved, in five dimensions."""
    rng = np.random.default_rng(0)
    t, W = rng.normal(size=(n_rows, 2)), rng.normal(size=(2, 5))
    return (t + 0.3 * np.sin(2 * t)) @ W + noise * rng.normal(size=(n_rows, 5)), W


def free(model):
    """Let its networks see everything."""
    for part in model.module_.modules():
        if isinstance(part, Held):
            part.is_held = False
    return model


@every_encoder
def test_rows_of_training_are_what_they_were_and_far_ones_lie_on_a_line(cls):
    X, W = plane()
    model = cls(**QUICK).fit(X)
    seen = model.transform(X)
    np.testing.assert_array_equal(free(copy.deepcopy(model)).transform(X), seen)
    far = [t * (W[:1] + W[1:]) for t in (1e3, 2e3, 3e3)]
    codes = [model.transform(x).astype(float) for x in far]
    rows = [model.inverse_transform(z).astype(float) for z in codes]
    if not isinstance(model.module_.encoder, Held):  # its codes have bounds, or are bits
        assert np.abs(rows[2]).max() < 10 * np.abs(X).max()
        return
    for first, second, third in (codes, rows):
        size = np.abs(third).max()
        np.testing.assert_allclose(third - second, second - first, rtol=0, atol=1e-4 * size)


@pytest.mark.parametrize("init", ["random", "pca"])
def test_far_rows_of_a_plane_come_back(init):
    X, W = plane()
    model = AutoencoderTransformer(2, init=init, max_iter=20, random_state=0).fit(X)
    far = 100 * np.array([[1.0, 0], [0, 1], [-1, 2]]) @ W
    error = np.linalg.norm(model.inverse_transform(model.transform(far)) - far, axis=1)
    assert (error < 0.15 * np.linalg.norm(far, axis=1)).all()


def test_a_stream_is_held_by_all_of_its_pieces():
    X, _ = plane()
    near, far = X[:150], 20 * X[150:]
    model = AutoencoderTransformer(2, **QUICK)
    radii = [model.partial_fit(part).module_.encoder.radius.item() for part in (near, far, near)]
    assert radii[0] < radii[1] == radii[2]


def test_the_likelihood_of_far_rows_is_that_of_a_sum_over_codes():
    X, _ = plane(1000)
    X /= X.std(axis=0)
    model = VAETransformer(2, max_iter=30, random_state=0).fit(X)
    noise = model.module_.link.parameter.exp().item() * model.scaling_.scale.item() ** 2

    def log_joint(x, Z):
        errors = ((x - model.inverse_transform(Z)) ** 2).sum(axis=1)
        normalizers = 5 * np.log(2 * np.pi * noise) + 2 * np.log(2 * np.pi)
        return -0.5 * (errors / noise + (Z**2).sum(axis=1) + normalizers)

    def exact(x):
        """By a grid that finds the mode, and a fine one round it."""
        width, best = 2 * np.abs(model.transform(x[None])).max() + 5, np.zeros(2)
        while width > 0.5:
            side = np.linspace(-width, width, 101)
            Z = best + np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
            best, width = Z[log_joint(x, Z).argmax()], 0.2 * width
        side = np.linspace(-2, 2, 401)
        Z = best + np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        return logsumexp(log_joint(x, Z)) + 2 * np.log(side[1] - side[0])

    for direction in np.random.default_rng(1).normal(size=(3, 5)):
        far = np.array([5, 20, 50, 500])[:, None] * direction / np.linalg.norm(direction)
        scores = model.score_samples(far)
        np.testing.assert_allclose(scores[:3], [exact(x) for x in far[:3]], rtol=0.05)
        assert (np.diff(scores) < 0).all()


@pytest.mark.parametrize("n_rows", [40, 300])
def test_pca_that_nothing_was_added_to_is_pca_everywhere(n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows, 5))
    model, pca = (m.fit(X) for m in (AutoencoderTransformer(2, random_state=0), PCA(2)))
    assert model.net_.best_epoch_ == 0
    far = 1e4 * X[:3]
    expected = pca.inverse_transform(pca.transform(far))
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(far)), expected, rtol=1e-4, atol=1e-4 * 1e4
    )


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace", "bernoulli", "poisson", "mixed"])
def test_draws_of_the_prior_are_seen_whatever_ends_the_decoder(likelihood):
    X = np.random.default_rng(0).integers(0, 2, (200, 12)).astype(float)
    model = VAETransformer(6, likelihood=likelihood, **QUICK).fit(X)
    radii = [part.radius for part in model.module_.decoder.modules() if isinstance(part, Held)]
    assert len(radii) == 1
    assert radii[0] >= 6**0.5 + 4


def test_a_warm_start_is_judged_by_what_is_trained():
    X, _ = plane()
    model = AutoencoderTransformer(2, init="random", warm_start=True, max_iter=30, random_state=0)
    model.fit(X[:150])
    model.fit(5 * X[150:])
    left_out = model.best_loss_
    found = model.set_params(max_iter=1, learning_rate_init=1e-9).fit(5 * X[150:])
    assert found.best_loss_ == pytest.approx(left_out, rel=0.5)


def test_what_a_failed_training_leaves_is_held_as_before(monkeypatch):
    X, _ = plane()
    model = AutoencoderTransformer(2, init="random", **QUICK).partial_fit(X)
    far = 100 * X[:5]
    before = model.transform(far)
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate_init=1e30).partial_fit(X)
    np.testing.assert_array_equal(model.transform(far), before)
