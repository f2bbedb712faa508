"""Rows that are held out, and thresholds from their scores."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

from skae._base.threshold import held_out_scores, parts_to_hold_out, threshold, was_interrupted


@pytest.mark.parametrize(
    ("n_rows", "contamination", "sizes", "n_folds"),
    [
        (9, 0.1, [], 0),
        (12, 0.1, [3, 3, 2, 2, 2], 5),
        (1000, 0.01, [200] * 5, 5),
        (1000, 0.1, [200] * 5, 3),
        (2500, 0.1, [500] * 5, 1),
        (4995, 0.1, [999] * 5, 1),
        (5000, 0.1, [500], 0),
        (1000, 0.5, [100], 0),
        (1000, "auto", [200] * 5, 3),
        (5000, "auto", [500], 0),
    ],
    ids=str,
)
def test_rows_are_held_out_until_they_are_enough(n_rows, contamination, sizes, n_folds):
    parts, found = parts_to_hold_out(n_rows, contamination)
    assert [len(part) for part in parts] == sizes
    assert found == n_folds
    together = np.concatenate([*parts, [0]])[:-1]
    assert len(set(together)) == sum(sizes)
    assert set(together) <= set(range(n_rows))
    assert all((np.diff(part) > 0).all() for part in parts)  # a file is read from front to back


@pytest.mark.parametrize("contamination", [0.01, 0.05, 0.1, 0.5])
def test_of_new_rows_the_expected_share_is_below(contamination):
    """Drawn scores divide the line into parts of equal expected shares."""
    scores = np.random.default_rng(0).permutation(np.arange(1, 200) / 200)
    assert threshold(scores, contamination, held_out=True) == pytest.approx(contamination)
    below = (scores < threshold(scores, contamination, held_out=False)).mean()
    assert below == pytest.approx(contamination, abs=1 / 199)


class Mean(BaseEstimator):
    """New rows have a squared error of ``1 + 1 / n`` variances, those of the fit ``1 - 1 / n``."""

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def score_samples(self, X):
        return -((X - self.mean_) ** 2).mean(axis=1)


def test_scores_are_what_an_estimator_of_all_rows_would_give():
    found, (parts, n_folds) = [], parts_to_hold_out(12, 0.1)
    for X in np.random.default_rng(0).normal(size=(1000, 12, 50)):
        scores = held_out_scores(Mean(), X, None, parts, n_folds, lambda *_: nullcontext())
        found.append(scores.mean())
    # Folds of 9 and 10 rows have 1.10 to 1.11.
    assert -np.mean(found) == pytest.approx(1 + 1 / 12, abs=0.006)


PROBABILITIES = (np.arange(9999) + 0.5) / 9999
Z = norm.ppf(PROBABILITIES)


@pytest.mark.parametrize(
    "scores",
    [Z, 1e6 + 100 * Z, -np.exp(0.5 * Z), 3 - 1e-9 * np.exp(0.2 * Z), np.exp(0.3 * Z), 5 * Z**0],
    ids=["normal", "other units", "skewed", "tiny", "skewed to the other side", "constant"],
)
def test_auto_has_a_hundredth_of_shifted_lognormal_scores_below(scores):
    found = threshold(scores, "auto", held_out=True)
    expected = 0.01 if np.ptp(scores) else 0
    assert (scores < found).mean() == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_auto_does_not_follow_outliers(share):
    n_outliers = round(share * len(Z) / (1 - share))
    outliers = -np.linspace(6, 1e6, n_outliers)
    found = threshold(np.concatenate([Z, outliers]), "auto", held_out=True)
    assert (outliers < found).all()
    assert 0 < (found > Z).mean() < 0.02


def _holding(model):
    """As a model of tables has it."""
    meta = Mean()
    meta.autoencoder_ = model
    return meta


@pytest.mark.parametrize("interrupted", [False, True])
def test_an_interruption_is_seen_in_a_pipeline_in_a_pipeline(interrupted):
    last = Mean()
    last.net_ = SimpleNamespace(interrupted_=interrupted)
    assert was_interrupted(make_pipeline(make_pipeline(last))) is interrupted
    assert was_interrupted(make_pipeline(_holding(last))) is interrupted
