"""Principal codes: what PCA gives where all is linear, and nothing else is another."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from torch import nn

from skae import (
    AutoencoderClassifier,
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from skae._base import principal, reconstruction
from skae._base.principal import ends_in_a_line, principal_map
from skae.architectures import ConvNet, TorchArchitecture
from skae.modules import LinearPlusNetwork

X = load_digits().data[:300]
QUICK = {"max_iter": 3, "random_state": 0}
# Such a step moves nothing: training ends where it began.
STILL = {"init": "pca", "learning_rate_init": 1e-12, "max_iter": 1, "random_state": 0}


def with_holes():
    holes = np.random.default_rng(0).random(X.shape) < 0.1
    return np.where(holes, np.nan, X)


MODELS = {
    "as it comes": AutoencoderTransformer(4, **QUICK),
    "random": AutoencoderTransformer(4, init="random", **QUICK),
    "pca": AutoencoderTransformer(4, init="pca", early_stopping=False, **QUICK),
    "one": AutoencoderTransformer(1, **QUICK),
    "more than there are": AutoencoderTransformer(80, **QUICK),
    "one layer": AutoencoderTransformer(4, hidden_layer_sizes=(), **QUICK),
    "absolute": AutoencoderTransformer(4, loss="absolute_error", **QUICK),
    "denoising": DenoisingAutoencoder(4, **QUICK),
    "stacked": StackedDenoisingAutoencoder(4, layer_max_iter=1, **QUICK),
    "tied": ContractiveAutoencoder(4, code_activation="identity", **QUICK),
    "convolutions": AutoencoderTransformer(
        4, architecture=ConvNet(image_shape=(8, 8), channels=(4,)), **QUICK
    ),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def moments(Z, weight=None):
    Z = Z.astype(float)
    covariance = np.cov(Z.T, aweights=weight, ddof=0)
    return np.average(Z, axis=0, weights=weight), np.atleast_2d(covariance)


def as_networks_give_them(monkeypatch):
    monkeypatch.setattr(reconstruction, "turn", lambda *_: None)


@every_model
def test_codes_are_uncorrelated_and_ordered_by_what_a_line_explains(model):
    Z = model.fit(X).transform(X)
    mean, covariance = moments(Z)
    np.testing.assert_allclose(mean, 0, atol=1e-5)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6)
    assert covariance[0, 0] == pytest.approx(1, abs=1e-5)
    shares, centred = model.explained_variance_ratio_, X - X.mean(axis=0)
    assert (np.diff(shares) <= 1e-12).all()
    for share, z in zip(shares, Z.T[Z.std(axis=0) > 1e-5], strict=False):
        line = LinearRegression().fit(z[:, None], X)
        left = np.square(X - line.predict(z[:, None])).sum()
        assert share == pytest.approx(1 - left / np.square(centred).sum(), abs=1e-5)
        if share > 1e-3:  # the largest loading
            slopes = line.coef_[:, 0]
            assert slopes[np.abs(slopes).argmax()] > 0


@every_model
def test_reconstructions_are_what_they_were(model, monkeypatch):
    found = copy.deepcopy(model).fit(X)
    as_networks_give_them(monkeypatch)
    plain = copy.deepcopy(model).fit(X)
    assert not hasattr(plain, "explained_variance_ratio_")
    for rows in (X, 50 * X):  # these are far beyond
        expected = plain.inverse_transform(plain.transform(rows))
        again = found.inverse_transform(found.transform(rows))
        np.testing.assert_allclose(again, expected, rtol=0, atol=1e-5 * np.abs(rows).max())
    np.testing.assert_allclose(found.score_samples(X), plain.score_samples(X), rtol=1e-4, atol=1e-9)


def test_weights_count_and_so_do_no_rows_that_were_given_to_validate_on():
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    model = AutoencoderTransformer(4, **QUICK).fit(X, sample_weight=weight)
    mean, covariance = moments(model.transform(X), weight)
    np.testing.assert_allclose(mean, 0, atol=1e-5)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6)
    model = AutoencoderTransformer(4, **QUICK).fit(X[:200], X_val=X[200:])
    _, covariance = moments(model.transform(X[:200]))
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6)


def test_codes_of_rows_with_holes_are_uncorrelated():
    rows = with_holes()
    Z = AutoencoderTransformer(4, allow_nan=True, **QUICK).fit(rows).transform(rows)
    _, covariance = moments(Z)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6)


def test_large_data_are_turned_by_a_sample(monkeypatch):
    monkeypatch.setattr(principal, "MAX_ROWS", 150)
    model = AutoencoderTransformer(2, **QUICK).fit(X)
    _, covariance = moments(model.transform(X))
    assert 1e-4 < abs(covariance[0, 1]) < 0.3


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("n_components", [1, 5, 13])
def test_what_is_linear_has_the_codes_of_pca(n_components, sign):
    rows = load_wine().data
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    rows[:, ::2] *= sign
    model = AutoencoderTransformer(n_components, **STILL).fit(rows)
    pca = PCA(n_components, random_state=0).fit(rows)
    Z = pca.transform(rows)
    np.testing.assert_allclose(model.transform(rows), Z / Z[:, 0].std(), atol=1e-5)
    np.testing.assert_allclose(
        model.explained_variance_ratio_, pca.explained_variance_ratio_, atol=1e-6
    )


def test_any_basis_leads_to_principal_components():
    pca = PCA(5).fit(X)
    Z = pca.transform(X)
    basis = np.random.default_rng(0).normal(size=(5, 5))
    mixed = Z @ basis.T + 3
    cross = (X - X.mean(axis=0)).T @ mixed / len(X)
    matrix, inverse, explained = principal_map(np.cov(mixed.T, ddof=0), cross)
    turned = (mixed - mixed.mean(axis=0)) @ matrix.T
    np.testing.assert_allclose(turned, Z / Z[:, 0].std(), atol=1e-9)
    np.testing.assert_allclose(explained, Z.var(axis=0), rtol=1e-9)
    np.testing.assert_allclose(matrix @ inverse, np.eye(5), atol=1e-9)


def test_a_code_that_no_line_uses_keeps_a_tenth_of_its_spread():
    """It is no less needed by the decoder."""
    covariance, cross = np.diag([4.0, 0.0, 9.0]), np.array([[0, 0, 9.0], [0, 0, 0]])
    matrix, inverse, explained = principal_map(covariance, cross)
    np.testing.assert_allclose(explained, [9, 0, 0], atol=1e-12)
    turned = matrix @ covariance @ matrix.T
    np.testing.assert_allclose(turned, np.diag([1, (0.1 * 2 / 3) ** 2, 0]), atol=1e-12)
    np.testing.assert_allclose(matrix @ inverse, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_codes_that_are_constant_stay_so(rank):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, rank)) @ rng.normal(size=(rank, 5)) + 2
    model = AutoencoderTransformer(4, **STILL).fit(rows)
    Z = model.transform(rows)
    np.testing.assert_allclose(Z[:, rank:], 0, atol=1e-4)
    np.testing.assert_array_equal(model.explained_variance_ratio_[rank:] < 1e-9, True)
    assert model.explained_variance_ratio_.sum() == pytest.approx(float(rank > 0))
    np.testing.assert_allclose(model.inverse_transform(Z), rows, atol=1e-4)


class Bounded(nn.Sequential):
    def __init__(self, n_inputs, n_outputs, *last):
        super().__init__(nn.Linear(n_inputs, n_outputs), *last)


class Own(nn.Module):
    """Nobody sees what it does last."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)

    def forward(self, x):
        return self.layer(x).sigmoid()


@pytest.mark.parametrize("encoder", [lambda n, k: Bounded(n, k, nn.Sigmoid()), Own])
def test_codes_with_a_meaning_of_their_own_stay(encoder):
    architecture = TorchArchitecture(encoder=encoder, decoder=nn.Linear)
    model = AutoencoderTransformer(3, architecture=architecture, **QUICK).fit(X)
    Z = model.transform(X)
    assert Z.min() >= 0
    assert Z.max() <= 1
    assert not hasattr(model, "explained_variance_ratio_")
    assert not hasattr(SparseAutoencoder(8, **QUICK).fit(X), "explained_variance_ratio_")


@pytest.mark.parametrize(
    ("network", "is_one"),
    [
        (nn.Linear(3, 2), True),
        (nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Sequential(nn.Linear(2, 2))), True),
        (nn.Sequential(nn.Linear(3, 2), nn.Identity()), True),
        (LinearPlusNetwork(3, 2, nn.Sequential(nn.Linear(3, 2))), True),
        (nn.Sequential(nn.Linear(3, 2), nn.Tanh()), False),
        (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), False),
        (nn.Sequential(), False),
    ],
)
def test_a_linear_end_is_seen(network, is_one):
    assert ends_in_a_line(network) is is_one


def test_training_goes_on_as_if_nothing_was_turned(monkeypatch):
    def trained():
        model = AutoencoderTransformer(3, warm_start=True, **QUICK)
        return model.fit(X[:150]).fit(X)

    model = trained()
    _, covariance = moments(model.transform(X))
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6)
    as_networks_give_them(monkeypatch)
    plain = trained()
    assert model.loss_curve_ == plain.loss_curve_
    np.testing.assert_allclose(model.score_samples(X), plain.score_samples(X), rtol=1e-5)


def test_a_stream_is_turned_by_what_was_learned_last(monkeypatch):
    def trained():
        model = AutoencoderTransformer(3, n_rehearsed=0, **QUICK)
        return model.partial_fit(X[:150]).partial_fit(X[150:])

    model = trained()
    _, covariance = moments(model.transform(X[150:]))
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-6)
    as_networks_give_them(monkeypatch)
    assert model.loss_curve_ == trained().loss_curve_


def test_a_fit_that_fails_leaves_the_codes():
    model = AutoencoderTransformer(3, warm_start=True, **QUICK).fit(X)
    Z, shares = model.transform(X), model.explained_variance_ratio_
    with pytest.raises(ValueError, match="diverge"):
        model.set_params(learning_rate_init=1e30).fit(X)
    np.testing.assert_array_equal(model.transform(X), Z)
    np.testing.assert_array_equal(model.explained_variance_ratio_, shares)


def test_pickles_and_files_have_the_map(tmp_path):
    model = AutoencoderTransformer(3, **QUICK).fit(X)
    save(model, tmp_path / "model.skae")
    for other in (pickle.loads(pickle.dumps(model)), load(tmp_path / "model.skae")):
        np.testing.assert_array_equal(other.transform(X), model.transform(X))
        shares = model.explained_variance_ratio_
        np.testing.assert_array_equal(other.explained_variance_ratio_, shares)


def test_fine_tuned_codes_are_those_of_the_encoder():
    y = load_digits().target[:300]
    transformer = AutoencoderTransformer(3, **QUICK)
    model = AutoencoderClassifier(transformer, fine_tune=True, fine_tune_params={"max_iter": 1})
    tuned = model.fit(X, y).transformer_
    assert not hasattr(tuned, "explained_variance_ratio_")
    assert not len(tuned.module_.principal.mean)
