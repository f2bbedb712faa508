"""Losses in units of X, the PCA start, bounds, and the density that samples come from."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.mixture import BayesianGaussianMixture
from sklearn.neighbors import KernelDensity

from skae import AutoencoderTransformer
from skae.architectures import MLP, ConvNet
from skae.metrics import reconstruction_error

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


@pytest.mark.parametrize("n_components", [5, 64, 70])
def test_training_starts_at_pca(n_components, digits):
    started = AutoencoderTransformer(
        n_components,
        init="pca",
        output_activation="identity",
        early_stopping=False,
        max_iter=1,
        learning_rate="constant",
        learning_rate_init=1e-12,
        random_state=0,
    ).fit(digits)
    expected = reconstruction_error(PCA(min(n_components, 64)).fit(digits), digits)
    assert reconstruction_error(started, digits) == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_weighted_training_starts_at_weighted_pca(digits):
    weight = np.random.default_rng(0).exponential(size=len(digits)) ** 2
    started = AutoencoderTransformer(
        5,
        init="pca",
        output_activation="identity",
        early_stopping=False,
        max_iter=1,
        learning_rate_init=1e-12,
        random_state=0,
    ).fit(digits, sample_weight=weight)
    centred = digits - np.average(digits, axis=0, weights=weight)
    _, _, components = np.linalg.svd(np.sqrt(weight)[:, None] * centred, full_matrices=False)
    projected = centred @ components[:5].T @ components[:5]
    expected = np.average(np.mean((centred - projected) ** 2, axis=1), weights=weight)
    found = -np.average(started.score_samples(digits), weights=weight)
    assert found == pytest.approx(expected, rel=1e-4)


def test_pca_starts_where_it_applies(digits):
    def starts(**params):
        model = AutoencoderTransformer(3, **{**QUICK, "max_iter": 1, **params}).fit(digits / 16)
        return hasattr(model.module_.encoder, "linear")

    assert starts()
    assert starts(loss="absolute_error")
    assert starts(init="pca", architecture=MLP((8,)))
    assert not starts(architecture=MLP((8,)))
    assert not starts(init="random")
    assert not starts(loss="log_loss")
    for refused in ({"loss": "log_loss"}, {"architecture": ConvNet((8, 8))}):
        with pytest.raises(ValueError, match="init='pca' needs"):
            starts(init="pca", **refused)


def test_score_is_minus_the_loss_in_units_of_X(digits):
    squared = AutoencoderTransformer(3, **QUICK).fit(digits)
    assert squared.score(digits) == pytest.approx(-reconstruction_error(squared, digits), rel=1e-4)
    absolute = AutoencoderTransformer(3, loss="absolute_error", **QUICK).fit(digits)
    back = absolute.inverse_transform(absolute.transform(digits))
    assert absolute.score(digits) == pytest.approx(-np.abs(back - digits).mean(), rel=1e-4)
    logistic = AutoencoderTransformer(3, loss="log_loss", **QUICK).fit(digits / 16)
    x, p = digits / 16, logistic.inverse_transform(logistic.transform(digits / 16))
    expected = np.mean(x * np.log(p) + (1 - x) * np.log1p(-p))
    assert logistic.score(digits / 16) == pytest.approx(expected, rel=1e-4)


def test_the_kept_error_is_that_of_the_held_out_rows(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits[:300], X_val=digits[300:])
    assert model.reconstruction_err_ == pytest.approx(-model.score(digits[300:]), rel=1e-4)
    last = AutoencoderTransformer(3, early_stopping=False, **QUICK)
    last.fit(digits[:300], X_val=digits[300:])
    assert last.reconstruction_err_ == pytest.approx(-last.score(digits[300:]), rel=1e-4)


def test_parameters_set_after_fit_do_not_change_the_score(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits / 16)
    before = model.score(digits / 16)
    assert model.set_params(loss="log_loss").score(digits / 16) == before


def test_outputs_stay_within_the_bounds_that_the_data_show(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    reconstructed = model.inverse_transform(10 * model.transform(digits))
    often_empty = np.mean(digits == 0, axis=0) > 0.1
    often_full = np.mean(digits == 16, axis=0) > 0.1
    assert reconstructed.min() < -1  # where nothing suggests a bound, there is none
    assert reconstructed[:, often_empty].min() >= 0  # exactly: log_loss may come next
    assert reconstructed[:, often_full].max() <= 16
    few = AutoencoderTransformer(3, **QUICK).fit(digits[:9])
    assert few.scaling_.bounds is None


def test_a_stream_shows_no_bounds(digits):
    model = AutoencoderTransformer(3, **QUICK)
    for _ in range(5):
        model.partial_fit(np.zeros_like(digits[:30]) + digits[:2].repeat(15, axis=0))
    assert model.scaling_.bounds is None


class Uniform(BaseEstimator):
    """A density with nothing but what is asked for."""

    def fit(self, X):
        self.low_, self.high_ = X.min(axis=0), X.max(axis=0)
        return self

    def sample(self, n_samples):
        rng = np.random.default_rng(0)
        return rng.uniform(self.low_, self.high_, (n_samples, len(self.low_)))


class Plain:
    """Not even an estimator."""

    fit, sample = Uniform.fit, Uniform.sample


class Wrapped(BaseEstimator):
    """A density in a density: its seed is one level down."""

    def __init__(self, inner):
        self.inner = inner

    def fit(self, X):
        self.inner.fit(X)
        return self

    def sample(self, n_samples):
        return self.inner.sample(n_samples)


@pytest.mark.parametrize(
    "density",
    [
        None,
        KernelDensity(bandwidth=0.1),
        BayesianGaussianMixture(n_components=2),
        Uniform(),
        Plain(),
        Wrapped(BayesianGaussianMixture(n_components=2)),
    ],
    ids=lambda density: type(density).__name__,
)
def test_samples_come_from_any_density_and_repeat(density, digits):
    model = AutoencoderTransformer(3, latent_density=density, **QUICK).fit(digits)
    first, second, other = (model.sample(20, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    codes, of_samples = model.transform(digits), model.transform(first)
    margin = 3 * codes.std(axis=0)
    assert (of_samples > codes.min(axis=0) - margin).all()
    assert (of_samples < codes.max(axis=0) + margin).all()


def test_a_density_that_does_not_work_says_so_in_fit(digits):
    density = BayesianGaussianMixture(n_components=1000)
    with pytest.raises(ValueError, match="n_components"):
        AutoencoderTransformer(3, latent_density=density, **QUICK).fit(digits)


def test_a_logistic_link_can_not_be_taken_away(digits):
    with pytest.raises(ValueError, match="'identity' does not go with loss='log_loss'"):
        AutoencoderTransformer(loss="log_loss", output_activation="identity").fit(digits / 16)
