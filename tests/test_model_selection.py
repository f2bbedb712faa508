"""Cross-validation where only some rows have labels."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneOut,
    StratifiedShuffleSplit,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae.model_selection import SemiSupervisedSplit

Y = np.where(np.arange(60) % 3 == 0, np.arange(60) % 2, -1)
X = np.random.default_rng(0).normal(size=(60, 2))
GROUPS = np.arange(60) // 6


@pytest.mark.parametrize(
    ("cv", "n_splits"),
    [
        (4, 4),
        (StratifiedShuffleSplit(3, random_state=0), 3),
        (GroupKFold(5), 5),
        (LeaveOneOut(), 20),
        (([(np.arange(10), np.arange(10, 20))] * 2), 2),
        (iter([(np.arange(10), np.arange(10, 20))]), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unlabelled_rows_are_always_trained_on_and_never_tested(cv, n_splits):
    split, groups = SemiSupervisedSplit(cv), GROUPS if isinstance(cv, GroupKFold) else None
    assert split.get_n_splits(X, Y, groups) == n_splits
    parts = list(split.split(X, Y, groups))
    assert len(parts) == n_splits
    for train, test in parts:
        assert np.isin(np.flatnonzero(Y == -1), train).all()
        assert (Y[test] >= 0).all()
        assert not np.isin(test, train).any()
        assert len(np.unique(train)) == len(train)


def test_folds_are_stratified_and_test_each_labelled_row_once():
    tests = [test for _, test in SemiSupervisedSplit(5).split(X, Y)]
    assert sorted(np.concatenate(tests)) == np.flatnonzero(Y >= 0).tolist()
    assert all(Y[test].mean() == 0.5 for test in tests)


class Knowing(ClassifierMixin, BaseEstimator):
    """Predicts the class that a row has, which here is in X; notes what it was fitted on."""

    def __init__(self, shift=0):
        self.shift = shift

    def fit(self, X, y):
        self.classes_, self.n_unlabelled_ = np.array([0, 1]), (y == -1).sum()
        return self

    def predict(self, X):
        return ((np.arange(60) % 2)[np.rint(X[:, 0]).astype(int)] + self.shift) % 2


def test_scores_are_those_of_labelled_rows():
    rows = np.column_stack([np.arange(60.0), np.zeros(60)])
    assert cross_val_score(Knowing(), rows, Y, cv=SemiSupervisedSplit()).tolist() == [1.0] * 5
    # What it is for: without it the rows of class -1 count as wrong.
    assert cross_val_score(Knowing(), rows, Y, cv=5).mean() < 0.5
    search = GridSearchCV(Knowing(), {"shift": [0, 1]}, cv=SemiSupervisedSplit(3)).fit(rows, Y)
    assert search.best_params_ == {"shift": 0}
    assert search.best_score_ == 1
    assert search.best_estimator_.n_unlabelled_ == (Y == -1).sum()


def test_string_labels_and_frames_can_be_split():
    import pandas as pd

    texts = np.where(Y == -1, "-1", np.where(Y == 0, "no", "yes"))
    for y in (texts, pd.Series([-1 if text == "-1" else text for text in texts])):
        found = list(SemiSupervisedSplit(4).split(pd.DataFrame(X), y))
        expected = list(SemiSupervisedSplit(4).split(X, Y))
        for (train, test), (other_train, other_test) in zip(found, expected, strict=True):
            np.testing.assert_array_equal(train, other_train)
            np.testing.assert_array_equal(test, other_test)


def test_no_labels_are_nothing_to_split():
    with pytest.raises(ValueError, match="no label"):
        next(SemiSupervisedSplit().split(X, np.full(60, -1)))


def test_a_pipeline_takes_part():
    from skae import LadderClassifier

    model = make_pipeline(StandardScaler(), LadderClassifier(hidden_layer_sizes=(8,), max_iter=1))
    assert len(cross_val_score(model, X, Y, cv=SemiSupervisedSplit(2))) == 2


@pytest.mark.parametrize("y", [None, [0, 1, None, -1], [0.0, 1.0, np.nan, -1.0]])
def test_missing_labels_say_what_to_write(y):
    with pytest.raises(ValueError, match="-1 where there is no"):
        list(SemiSupervisedSplit(2).split(X[:4], y))


@pytest.mark.parametrize("cv", [None, 2.5])
def test_what_can_not_split_is_refused(cv):
    with pytest.raises(TypeError, match="a number of folds, a splitter"):
        SemiSupervisedSplit(cv)
