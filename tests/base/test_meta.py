"""What estimators that hold another one do with it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags

from skae import VAETransformer
from skae._base.meta import (
    all_or_nothing,
    fit_inside,
    keep_feature_names,
    take_input_tags,
    weights_for,
)

X = np.random.default_rng(0).normal(size=(20, 3))
WEIGHT = np.linspace(0.1, 2, 20)


class Noting(BaseEstimator):
    def fit(self, X, y=None, sample_weight=None):
        self.given_ = y, sample_weight
        return self


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_a_fit_that_fails_nothing_is_fitted(error):
    meta = SimpleNamespace(inner=1, _known=2, _private_=3, inner_=4, classes_=5)

    @all_or_nothing(meta)
    def fit():
        meta.more_ = 6
        raise error

    with pytest.raises(error):
        fit()
    assert vars(meta) == {"inner": 1, "_known": 2, "_private_": 3}


def test_after_a_fit_that_works_all_is_there():
    meta = SimpleNamespace(inner_=4)
    with all_or_nothing(meta):
        meta.more_ = 6
    assert vars(meta) == {"inner_": 4, "more_": 6}


def test_names_of_features_are_those_of_the_last_fit():
    meta, frame = SimpleNamespace(), pd.DataFrame(X, columns=list("abc"))
    keep_feature_names(meta, PCA(2).fit(frame))
    assert meta.n_features_in_ == 3
    assert meta.feature_names_in_.tolist() == ["a", "b", "c"]
    keep_feature_names(meta, PCA(2).fit(X[:, :2]))
    assert vars(meta) == {"n_features_in_": 2}
    keep_feature_names(meta, Noting().fit(X))
    assert vars(meta) == {}


def test_the_estimator_inside_is_given_weights_and_no_labels():
    inner = Noting()
    fit_inside(inner, X, WEIGHT)
    labels, weight = inner.given_
    assert labels is None
    assert weight is WEIGHT
    fit_inside(inner, X, None)
    assert inner.given_ == (None, None)


def test_weights_that_nothing_takes_are_refused():
    assert weights_for(PCA(2), None) == weights_for(FrozenEstimator(PCA(2)), WEIGHT) == {}
    assert weights_for(KMeans(2), WEIGHT) == {"sample_weight": WEIGHT}
    with pytest.raises(TypeError, match="PCA takes no sample_weight"):
        fit_inside(PCA(2), X, WEIGHT)


def test_what_is_frozen_stays_as_it_is():
    inner = Noting().fit(X)
    inner.given_ = "before"
    frozen = FrozenEstimator(inner)
    fit_inside(frozen, X, WEIGHT)
    assert inner.given_ == "before"
    for wrong, message in ((-WEIGHT, "Negative"), (WEIGHT[:3], "shape")):
        with pytest.raises(ValueError, match=message):
            fit_inside(frozen, X, wrong)
    with pytest.raises(NotFittedError):
        fit_inside(FrozenEstimator(PCA(2)), X, None)


@pytest.mark.parametrize("allow_nan", [False, True])
def test_rows_may_be_what_they_may_be_inside(allow_nan):
    tags = take_input_tags(get_tags(PCA(2)), VAETransformer(allow_nan=allow_nan))
    assert tags.input_tags.sparse is True
    assert tags.input_tags.allow_nan is allow_nan
    tags = take_input_tags(get_tags(VAETransformer(allow_nan=True)), Noting())
    assert (tags.input_tags.sparse, tags.input_tags.allow_nan) == (False, False)
