"""A representation of all rows, a classifier on the labelled ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skae import (
    AdversarialAutoencoder,
    AutoencoderClassifier,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VAEClassifier,
    VAETransformer,
)

TARGET = load_digits().target[:400]
FEW = np.where(np.arange(400) < 100, TARGET, -1)
QUICK = {"hidden_layer_sizes": (32,), "max_iter": 5, "random_state": 0}
DIVERGES = {"learning_rate_init": 1e30}


class Noting(TransformerMixin, BaseEstimator):
    """Passes rows on and notes what it was fitted on."""

    def fit(self, X, y=None):
        self.rows_, self.y_ = X, y
        return self

    def transform(self, X):
        return X


class NotingClassifier(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.rows_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def test_the_transformer_sees_all_rows_and_the_classifier_the_labelled_ones(digits):
    model = AutoencoderClassifier(Noting(), NotingClassifier()).fit(digits, FEW)
    np.testing.assert_array_equal(model.transformer_.rows_, digits)
    assert model.transformer_.y_ is None
    np.testing.assert_array_equal(model.classifier_.rows_, digits[:100])
    np.testing.assert_array_equal(model.classifier_.y_, TARGET[:100])
    assert not hasattr(model, "predict_proba")
    assert not hasattr(model, "decision_function")


@pytest.mark.parametrize(
    "cls", [AutoencoderTransformer, DenoisingAutoencoder, VAETransformer, AdversarialAutoencoder]
)
@pytest.mark.parametrize("classifier", [SVC(), KNeighborsClassifier(3), None])
def test_every_transformer_and_any_classifier(cls, classifier, digits):
    model = AutoencoderClassifier(cls(8, **QUICK), classifier).fit(digits, FEW)
    expected = clone(model.classifier_).fit(model.transformer_.transform(digits[:100]), FEW[:100])
    np.testing.assert_array_equal(
        model.predict(digits), expected.predict(model.transformer_.transform(digits))
    )
    assert model.score(digits[100:], TARGET[100:]) > 0.4


def test_a_frozen_transformer_is_used_as_it_is(digits):
    fitted = VAETransformer(4, **QUICK).fit(digits)
    model = AutoencoderClassifier(FrozenEstimator(fitted)).fit(digits, FEW)
    assert model.transformer_.estimator is fitted
    # It learns no more, so the weights are for the classifier alone.
    with pytest.raises(ValueError, match="Negative"):
        model.fit(digits, FEW, sample_weight=-np.ones(400))
    model.fit(digits, FEW, sample_weight=np.arange(400))
    expected = LogisticRegression(max_iter=1000)
    expected.fit(fitted.transform(digits[:100]), FEW[:100], np.arange(100))
    np.testing.assert_allclose(model.classifier_.coef_, expected.coef_)


@pytest.mark.parametrize("with_pandas", [False, True])
def test_text_labels_and_frames(with_pandas, digits):
    X = pd.DataFrame(digits).rename(columns=str) if with_pandas else digits
    y = [-1 if label == -1 else f"digit {label}" for label in FEW]
    model = AutoencoderClassifier(AutoencoderTransformer(8, **QUICK)).fit(X, y)
    assert set(model.predict(X)) <= {f"digit {label}" for label in range(10)}
    assert model.predict_proba(X).shape == (400, 10)
    assert model.n_features_in_ == 64
    assert hasattr(model, "feature_names_in_") == with_pandas


def test_weights_reach_both_or_are_refused(digits):
    weight = (np.arange(400) % 2).astype(float)
    transformer = AutoencoderTransformer(4, **QUICK)
    model = AutoencoderClassifier(transformer).fit(digits, FEW, sample_weight=weight)
    other = AutoencoderClassifier(transformer).fit(digits[1::2], FEW[1::2])
    np.testing.assert_allclose(
        model.transformer_.scaling_.mean, other.transformer_.scaling_.mean, rtol=1e-6
    )
    codes = model.transformer_.transform(digits[:100])
    expected = LogisticRegression(max_iter=1000).fit(codes, FEW[:100], weight[:100])
    np.testing.assert_allclose(model.classifier_.coef_, expected.coef_)
    with pytest.raises(TypeError, match="KNeighborsClassifier takes no sample_weight"):
        AutoencoderClassifier(transformer, KNeighborsClassifier()).fit(digits, FEW, weight)


def test_a_pipeline_may_be_the_transformer(digits):
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(8, **QUICK))
    pipeline.set_output(transform="pandas")
    model = AutoencoderClassifier(pipeline, SVC()).fit(digits, FEW)
    assert model.score(digits[100:], TARGET[100:]) > 0.5


@pytest.mark.parametrize("make", [np.asarray, np.ndarray.tolist])
def test_the_default_needs_no_settings(make):
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = np.where(np.arange(60) < 30, (X[:, 0] > 0).astype(int), -1)
    model = AutoencoderClassifier().fit(make(X), y)
    assert model.transformer_.n_components == 3
    assert model.score(X[:30], y[:30]) > 0.7


@pytest.mark.parametrize("transformer", [AdversarialAutoencoder(conditional=True), VAEClassifier()])
def test_transformers_that_need_labels_are_refused(transformer, digits):
    with pytest.raises(ValueError, match="learns from X alone"):
        AutoencoderClassifier(transformer).fit(digits, FEW)
    fitted = clone(transformer).set_params(**QUICK).fit(digits, FEW)
    model = AutoencoderClassifier(FrozenEstimator(fitted)).fit(digits, FEW)
    assert model.transformer_.estimator is fitted


def test_no_labels_are_refused(digits):
    with pytest.raises(ValueError, match="no label"):
        AutoencoderClassifier().fit(digits, np.full(400, -1))


@pytest.mark.parametrize(
    ("n_labelled", "fine_tune_params", "message"),
    [(10, {"early_stopping": True}, "no class has two"), (100, DIVERGES, "diverged")],
)
def test_a_refit_that_fails_leaves_nothing(n_labelled, fine_tune_params, message, digits):
    y = np.where(np.arange(400) < n_labelled, np.arange(400) % 10, -1)
    model = AutoencoderClassifier(AutoencoderTransformer(4, **QUICK)).fit(digits, y)
    model.set_params(fine_tune=True, fine_tune_params=fine_tune_params)
    with pytest.raises(ValueError, match=message):
        model.fit(digits, y)
    with pytest.raises(NotFittedError):
        model.predict(digits)
    assert not hasattr(model, "classes_")
