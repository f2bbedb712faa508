"""The outlier detector: scikit-learn's contract, and outliers that a plane can not tell."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
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
    detector = AutoencoderOutlierDetector(autoencoder).fit(train)
    scores = detector.score_samples(np.concatenate([inside, outside]))
    assert roc_auc_score(np.repeat([1, 0], 100), scores) > 0.9
    np.testing.assert_allclose(scores[:100], detector.score_samples(inside), rtol=1e-12)
    inner = detector.autoencoder_.score_samples(inside)
    np.testing.assert_array_equal(detector.score_samples(inside), inner)


def test_the_default_sees_a_broken_relation_of_ordinary_values():
    rng = np.random.default_rng(0)
    alike = rng.normal(size=(500, 1)) + 0.1 * rng.normal(size=(500, 2))
    detector = AutoencoderOutlierDetector(contamination=0.01, random_state=0).fit(alike)
    np.testing.assert_array_equal(detector.predict([[1, 1], [1, -1], [-1, 1]]), [1, -1, -1])


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_frozen_autoencoder_is_used_as_it_is(in_pipeline, bow):
    train, inside, _ = bow
    fitted = AutoencoderTransformer(1, **QUICK)
    fitted = make_pipeline(StandardScaler(), fitted) if in_pipeline else fitted
    expected = fitted.fit(train).score_samples(inside)
    detector = AutoencoderOutlierDetector(FrozenEstimator(fitted)).fit(5 * train)
    np.testing.assert_array_equal(detector.score_samples(inside), expected)
    assert detector.offset_ == np.percentile(fitted.score_samples(5 * train), 10)
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
        AutoencoderTransformer(1, **QUICK), contamination=contamination
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
        ({"autoencoder": LinearRegression()}, "'autoencoder' parameter"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_named(params, message, bow):
    with pytest.raises(ValueError, match=message):
        AutoencoderOutlierDetector(**params).fit(bow[0])
