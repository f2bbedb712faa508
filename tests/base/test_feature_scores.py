"""Which features make a row strange: the right one is named, in the right units."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    TabularAutoencoder,
    VAETransformer,
)
from skae._base.feature_scores import feature_scores

QUICK = {"hidden_layer_sizes": (32,), "max_iter": 40, "random_state": 0}


def plane(n_rows, seed, n_strange=0):
    """Rows on a curved surface in six dimensions, and which features were moved off it."""
    rng = np.random.default_rng(seed)
    weight = np.random.default_rng(9).normal(size=(2, 6))
    X = np.tanh(rng.normal(size=(n_rows, 2)) @ weight) + 0.05 * rng.normal(size=(n_rows, 6))
    strange = np.argsort(rng.random((n_rows, 6)), axis=1)[:, :n_strange]
    for place in strange.T:
        X[np.arange(n_rows), place] += 1.5 * rng.choice([-1, 1], n_rows)
    return X, np.sort(strange, axis=1)


@pytest.fixture(scope="module")
def detector():
    # With a component to spare the code follows what is strange.
    vae = VAETransformer(3, **QUICK).fit(plane(1500, 0)[0])
    return AutoencoderOutlierDetector(FrozenEstimator(vae), contamination=0.01).fit(
        plane(500, 1)[0]
    )


@pytest.mark.parametrize(("n_strange", "share"), [(1, 0.99), (2, 0.8)])
def test_the_strange_features_are_the_lowest(n_strange, share, detector):
    X, strange = plane(300, 2, n_strange)
    found = detector.feature_scores(X)
    lowest = np.sort(np.argsort(found, axis=1)[:, :n_strange], axis=1)
    assert (lowest == strange).all(axis=1).mean() > share
    vae = detector.autoencoder_
    residual = (X - vae.inverse_transform(vae.transform(X))) ** 2
    by_residual = np.sort(np.argsort(-residual, axis=1)[:, :n_strange], axis=1)
    assert (by_residual == strange).all(axis=1).mean() < share - 0.05


def test_a_score_is_what_the_right_value_would_add(detector):
    """In units of `score_samples`, nearly: one has the bound, the other draws."""
    clean, _ = plane(200, 3)
    X = clean.copy()
    X[:, 4] += 2
    lost = detector.score_samples(X) - detector.score_samples(clean)
    found = detector.feature_scores(X)
    assert (found <= 0).all()
    np.testing.assert_allclose(np.median(found[:, 4] / lost), 1, atol=0.2)
    assert np.median(found.sum(axis=1) / lost) == pytest.approx(1, abs=0.2)


def test_units_follow_those_of_the_loss():
    X = plane(200, 0)[0]
    found = []
    for unit in (1, 100):
        model = AutoencoderTransformer(2, **{**QUICK, "max_iter": 5}).fit(unit * X)
        found.append(feature_scores(model, unit * X[:5]))
    np.testing.assert_allclose(found[1], 1e4 * found[0], rtol=1e-3)


def test_rows_do_not_depend_on_each_other(detector):
    X = plane(60, 5, 1)[0]
    each = np.concatenate([detector.feature_scores(row[None]) for row in X[:5]])
    np.testing.assert_allclose(detector.feature_scores(X)[:5], each, rtol=1e-3, atol=1e-3)


def table(n_rows, seed):
    """A table whose kind follows from its size, and a row where it does not."""
    size = np.random.default_rng(seed).normal(size=n_rows)
    kind = np.select([size < -0.5, size > 0.5], ["small", "large"], "middle")
    X = pd.DataFrame({"size": 10 * size, "kind": kind, "size_too": size + 1})
    X["fixed"] = 1.0
    return X


@pytest.fixture(scope="module")
def trained():
    """Detectors of a table: one with a Pipeline inside, and one of tables."""
    X = table(400, 0)
    encoder = make_column_transformer(
        (StandardScaler(), ["size", "size_too"]), (OneHotEncoder(), ["kind"]), ("drop", ["fixed"])
    )
    settings = {**QUICK, "likelihood": "mixed"}
    inside = make_pipeline(encoder, VAETransformer(2, **settings))
    tables = TabularAutoencoder(VAETransformer(2, **QUICK))
    found = {}
    for name, model in (("pipeline", inside), ("table", tables)):
        with (
            pytest.warns(UserWarning, match="fixed")
            if name == "table"
            else contextlib.nullcontext()
        ):
            found[name] = AutoencoderOutlierDetector(model, novelty=False).fit(X)
    return found


@pytest.mark.parametrize("name", ["pipeline", "table"])
def test_columns_of_one_feature_count_as_one(name, trained):
    X = table(100, 1)
    X.loc[0, "kind"] = "large" if X.loc[0, "size"] < 0 else "small"
    found = trained[name].feature_scores(X)
    assert found.shape == X.shape
    assert found[0].argmin() == 1
    assert (found[:, 3] == 0).all()  # it is left out


def test_missing_values_cost_nothing():
    X = plane(400, 0)[0]
    model = VAETransformer(2, allow_nan=True, **{**QUICK, "max_iter": 10}).fit(X)
    X[:50, 2] = np.nan
    found = feature_scores(model, X[:50])
    assert (found[:, 2] == 0).all()
    assert np.isfinite(found).all()


def test_groups_are_hidden_together(detector):
    X = plane(50, 6, 1)[0]
    groups = [[0, 1], [5], [2, 3, 4]]
    found = detector.feature_scores(X, groups=groups)
    assert found.shape == (50, 3)
    again = detector.feature_scores(X, groups=[[5], *groups[::2]])
    np.testing.assert_allclose(again, found[:, [1, 0, 2]], rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="at most once"):
        detector.feature_scores(X, groups=[[0], [0]])


def test_what_can_not_be_said_is_refused():
    X, y = plane(200, 0)[0], np.arange(200) % 2
    mixed = make_pipeline(PCA(3), AutoencoderTransformer(2, **QUICK)).fit(X)
    with pytest.raises(ValueError, match="no one feature"):
        feature_scores(mixed, X)
    told = VAETransformer(2, conditional=True, **{**QUICK, "max_iter": 2}).fit(X, y)
    with pytest.raises(TypeError, match="told the class"):
        feature_scores(told, X)
    with pytest.raises(TypeError, match="autoencoder of skae"):
        feature_scores(PCA(2).fit(X), X)
