"""The outlier detector: scikit-learn's contract, and outliers that a plane can not tell."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    VAETransformer,
    load,
    save,
)

QUICK = {"hidden_layer_sizes": (32,), "max_iter": 30, "random_state": 0}


@pytest.fixture(scope="module")
def bow():
    """Rows on an arc, new ones, and rows in its middle, which no line tells from them."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 4, 600)
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(0, 0.05, (600, 2))
    return rows[:500], rows[500:], rng.normal(0, 0.2, (100, 2))


@pytest.mark.parametrize(
    "autoencoder",
    [
        AutoencoderTransformer(1, **{**QUICK, "max_iter": 60}),
        make_pipeline(StandardScaler(), VAETransformer(1, **{**QUICK, "max_iter": 100})),
    ],
    ids=["autoencoder", "vae in a pipeline"],
)
def test_rows_off_the_surface_are_outliers(autoencoder, bow):
    train, inside, outside = bow
    detector = AutoencoderOutlierDetector(autoencoder, novelty=False).fit(train)
    scores = detector.score_samples(np.concatenate([inside, outside]))
    assert roc_auc_score(np.repeat([1, 0], 100), scores) > 0.9
    np.testing.assert_allclose(scores[:100], detector.score_samples(inside), rtol=1e-12)
    inner = detector.autoencoder_.score_samples(inside)
    np.testing.assert_array_equal(detector.score_samples(inside), inner)


def test_the_default_sees_a_broken_relation_of_ordinary_values():
    rng = np.random.default_rng(0)
    alike = rng.normal(size=(500, 1)) + 0.1 * rng.normal(size=(500, 2))
    settings = {"contamination": 0.01, "novelty": False, "random_state": 0}
    detector = AutoencoderOutlierDetector(**settings).fit(alike)
    np.testing.assert_array_equal(detector.predict([[1, 1], [1, -1], [-1, 1]]), [1, -1, -1])


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_frozen_autoencoder_is_used_as_it_is(in_pipeline, bow):
    train, inside, _ = bow
    fitted = AutoencoderTransformer(1, **QUICK)
    fitted = make_pipeline(StandardScaler(), fitted) if in_pipeline else fitted
    expected = fitted.fit(train).score_samples(inside)
    detector = AutoencoderOutlierDetector(FrozenEstimator(fitted)).fit(5 * train)
    np.testing.assert_array_equal(detector.score_samples(inside), expected)
    scores = fitted.score_samples(5 * train)
    assert detector.offset_ == np.quantile(scores, 0.1, method="weibull")
    np.testing.assert_array_equal(detector.held_out_scores_, np.sort(scores))
    # It learns no more, so there is nothing to weigh; but what is no weight is refused.
    assert detector.fit(train, sample_weight=np.ones(len(train))).n_features_in_ == train.shape[1]
    with pytest.raises(ValueError, match="Negative"):
        detector.fit(train, sample_weight=-np.ones(len(train)))
    with pytest.raises(NotFittedError):
        AutoencoderOutlierDetector(FrozenEstimator(AutoencoderTransformer(1))).fit(train)


def test_a_frozen_autoencoder_comes_back_from_a_file(bow, tmp_path):
    train, inside, _ = bow
    fitted = AutoencoderTransformer(1, **QUICK).fit(train)
    detector = AutoencoderOutlierDetector(FrozenEstimator(fitted)).fit(train)
    save(detector, tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.score_samples(inside), detector.score_samples(inside))


def test_a_refit_that_is_interrupted_leaves_nothing(bow, monkeypatch):
    train, inside, _ = bow
    detector = AutoencoderOutlierDetector(AutoencoderTransformer(1, **QUICK)).fit(train)

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(AutoencoderTransformer, "score_samples", interrupted)
    with pytest.raises(KeyboardInterrupt):
        detector.fit(3 * train)
    monkeypatch.undo()
    with pytest.raises(NotFittedError):
        detector.predict(inside)


@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.5])
def test_so_many_training_rows_are_outliers_as_asked(contamination, bow):
    train, inside, _ = bow
    detector = AutoencoderOutlierDetector(
        AutoencoderTransformer(1, **QUICK), contamination=contamination, novelty=False
    )
    assert (detector.fit_predict(train) == -1).mean() == pytest.approx(contamination, abs=0.003)
    decisions = detector.decision_function(inside)
    np.testing.assert_array_equal(detector.predict(inside) == -1, decisions < 0)
    np.testing.assert_allclose(decisions + detector.offset_, detector.score_samples(inside))


def test_weights_reach_the_autoencoder(bow):
    train, inside, outside = bow
    both = np.concatenate([train, outside])
    weight = np.repeat([1.0, 1e-6], [len(train), len(outside)])
    detectors = [
        AutoencoderOutlierDetector(AutoencoderTransformer(1, **QUICK)).fit(both, sample_weight=w)
        for w in (None, weight)
    ]
    margins = [d.score_samples(inside).mean() - d.score_samples(outside).mean() for d in detectors]
    assert margins[1] > margins[0]
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(1, **QUICK))
    with pytest.raises(TypeError, match="takes no sample_weight"):
        AutoencoderOutlierDetector(pipeline).fit(both, sample_weight=weight)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"contamination": 0.6}, "'contamination' parameter"),
        ({"contamination": 0.0}, "'contamination' parameter"),
        ({"contamination": "half"}, "'contamination' parameter"),
        ({"novelty": "auto"}, "'novelty' parameter"),
        ({"autoencoder": LinearRegression()}, "'autoencoder' parameter"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_named(params, message, bow):
    with pytest.raises(ValueError, match=message):
        AutoencoderOutlierDetector(**params).fit(bow[0])


class Nearest(BaseEstimator):
    """Knows the rows that it was fitted to by heart: each scores zero."""

    def fit(self, X, y=None, sample_weight=None):
        X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
        kept = slice(None) if sample_weight is None else np.flatnonzero(sample_weight)
        self.n_rows_given_, self.n_features_in_ = X.shape
        self.rows_ = NearestNeighbors(n_neighbors=1).fit(X[kept])
        return self

    def score_samples(self, X):
        X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
        return -self.rows_.kneighbors(X)[0][:, 0]


@pytest.mark.parametrize("n_rows", [300, 1000, 5000], ids=["five folds", "some folds", "at once"])
@pytest.mark.parametrize("contamination", [0.1, 0.3])
def test_of_new_rows_so_many_are_outliers_as_asked(n_rows, contamination):
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(n_rows, 3)), rng.normal(size=(5000, 3))
    detector = AutoencoderOutlierDetector(Nearest(), contamination=contamination).fit(X)
    assert (detector.held_out_scores_ < 0).all()  # no row is judged by what has seen it
    assert (detector.predict(new) < 0).mean() == pytest.approx(contamination, rel=0.5)
    assert not hasattr(detector, "fit_predict")
    by_heart = AutoencoderOutlierDetector(
        Nearest(), contamination=contamination, novelty=False
    ).fit(X)
    assert by_heart.held_out_scores_ is None
    assert (by_heart.predict(new) < 0).mean() > 0.9


@pytest.mark.parametrize("n_rows", [200, 5000], ids=["folds", "at once"])
@pytest.mark.parametrize("kind", ["list", "frame", "sparse", "file"])
def test_rows_are_held_out_of_whatever_holds_them(n_rows, kind, tmp_path):
    X = np.random.default_rng(0).normal(size=(n_rows, 3))
    weight = np.ones(n_rows)
    weight[::7] = 0
    expected = AutoencoderOutlierDetector(Nearest()).fit(X, sample_weight=weight)
    if kind == "file":
        np.save(tmp_path / "rows.npy", X)
        rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    else:
        rows = {"list": np.ndarray.tolist, "frame": pd.DataFrame, "sparse": coo_array}[kind](X)
    found = AutoencoderOutlierDetector(Nearest()).fit(rows, sample_weight=weight)
    np.testing.assert_allclose(found.held_out_scores_, expected.held_out_scores_, atol=1e-6)
    if kind == "file":  # of which no copy is made
        assert found.autoencoder_.n_rows_given_ == n_rows
    unseen = X[weight == 0]
    shares = [(detector.score_samples(unseen) < 0).mean() for detector in (expected, found)]
    assert shares == [1, 1]


def test_what_is_interrupted_has_the_threshold_of_the_training_rows():
    class Interrupted(Nearest):
        def fit(self, X, y=None, sample_weight=None):
            self.net_ = SimpleNamespace(interrupted_=len(X) < 100)
            return super().fit(X)

        def score_samples(self, X):
            return super().score_samples(X) + np.asarray(X)[:, 0]

    X = np.random.default_rng(0).normal(size=(100, 3))
    with pytest.warns(ConvergenceWarning, match="offset_ is from the training rows alone"):
        detector = AutoencoderOutlierDetector(Interrupted()).fit(X)
    assert detector.held_out_scores_ is None
    assert detector.offset_ == np.quantile(X[:, 0], 0.1)


@pytest.mark.parametrize("contamination", [0.1, "auto"])
def test_outliers_among_the_training_rows_do_not_hide_others(contamination, bow):
    train, inside, outside = bow
    rows = np.concatenate([train, outside[:50]])
    autoencoder = AutoencoderTransformer(1, **{**QUICK, "max_iter": 60})
    detector = AutoencoderOutlierDetector(autoencoder, contamination=contamination).fit(rows)
    assert (detector.predict(outside[50:]) == -1).mean() > 0.5
    assert (detector.predict(inside) == -1).mean() < 0.08


def test_detectors_of_files_from_before_have_the_threshold_of_training_rows():
    path = Path(__file__).parent / "files" / "format_1" / "AutoencoderOutlierDetector.safetensors"
    assert load(path).novelty is False
