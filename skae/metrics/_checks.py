"""Checks of drawn rows against real ones; each is a function of tables, or of encoded rows."""

import numpy as np
from scipy.stats import ks_2samp, rankdata
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import (
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae._rows.frames.columns import NUMBERS

N_FOLDS = 5
# What is left of equality and of bounds by rows that were float32 on their way; in deviations.
ROUNDING = 1e-5
# Of real rows so many are called near to training rows.
NEAR = 0.05
# Enough to tell, and half of the time.
N_TREES = 50
# Of more pairs of columns than these only the worst are named.
MAX_PAIRS = 100


# Of each column alone: ``{name: figure}``.


def missing(table, X):
    """The share of missing values."""
    gaps = table.gaps(X).mean(axis=0)
    return dict(zip(table.layout.names, gaps.tolist(), strict=True))


def outside(table, X):
    """The share of numbers that lie outside of the range that the column is known to have."""
    found = {}
    for column, numbers in _numbers(table, X):
        if column.kind in NUMBERS:
            slack = ROUNDING * column.deviation
            known = numbers[~np.isnan(numbers)]
            is_in = (known >= column.low - slack) & (known <= column.high + slack)
            found[column.name] = _share(~is_in)
    return found


def unknown(table, X):
    """The share of categories that the column is not known to have, and of flags that are none."""
    return {
        column.name: _share(places[~np.isnan(places)] < 0)
        for column, places in _numbers(table, X)
        if column.kind not in NUMBERS
    }


def whole(table, X):
    """The share of whole numbers, in columns that are known to have no others."""
    found = {}
    for column, numbers in _numbers(table, X):
        if column.kind == "integer":
            known = numbers[~np.isnan(numbers)]
            found[column.name] = 1 - _share(known != np.rint(known))
    return found


def distributions(table, first, second):
    """How far apart the distributions of a column in two tables are, from 0 to 1.

    Of numbers the statistic of Kolmogorov and Smirnov, of categories the total variation.
    """
    found = {}
    for (column, one), (_, other) in zip(
        _numbers(table, first), _numbers(table, second), strict=True
    ):
        one, other = one[~np.isnan(one)], other[~np.isnan(other)]
        if not len(one) or not len(other):
            found[column.name] = float(len(one) != len(other))
        elif column.kind in NUMBERS:
            found[column.name] = float(ks_2samp(one, other).statistic)
        else:
            found[column.name] = _total_variation(one, other)
    return found


def _total_variation(one, other):
    values = np.union1d(one, other)
    shares = [(part == values[:, None]).mean(axis=1) for part in (one, other)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _numbers(table, X):
    """Each learned column with its numbers, or the places of its categories."""
    of_name = dict(zip(table.layout.names, table.read(X), strict=True))
    for column in table.learned():
        yield column, column.numbers(of_name[column.name])


def _share(flags):
    return float(flags.mean()) if len(flags) else 0.0


# Of pairs of columns.


def correlations(table, first, second):
    """How far apart the correlations in two tables of encoded rows are, the largest first.

    They are Spearman's. Of a category it is the one of its values that differs most; so it is seen
    as well if it goes the other way round.
    """
    difference = np.abs(_spearman(first) - _spearman(second))
    starts = [block.start for _, block in table.blocks]
    names = [column.name for column, _ in table.blocks]
    for axis in (0, 1):
        difference = np.maximum.reduceat(difference, starts, axis=axis)
    rows, columns = np.triu_indices(len(names), k=1)
    values = difference[rows, columns]
    worst = np.argsort(-values, kind="stable")[:MAX_PAIRS]
    pairs = {(names[rows[i]], names[columns[i]]): float(values[i]) for i in worst}
    return float(values.mean()) if len(values) else 0.0, pairs


def _spearman(rows):
    """Rank correlations, of the rows that have both values; 0 where one does not vary."""
    seen = ~np.isnan(rows)
    ranks = rankdata(rows, axis=0, nan_policy="omit") / len(rows)
    ranks, seen = np.where(seen, ranks - 0.5, 0.0), seen.astype(float)
    n_both = np.maximum(seen.T @ seen, 1)
    means = ranks.T @ seen / n_both
    covariances = ranks.T @ ranks / n_both - means * means.T
    variances = np.maximum((ranks**2).T @ seen / n_both - means**2, 0)
    scale = np.sqrt(variances * variances.T)
    return np.divide(covariances, scale, where=scale > 1e-9, out=np.zeros_like(scale))


# By a classifier: one that is linear and one that is not, together.


def told_apart(real, drawn, random_state):
    """The area under the ROC curve of a classifier that tells real from drawn rows.

    The mean of folds: pooled, they would not have one half where there is nothing to tell.
    """
    rows = np.concatenate([real, drawn])
    is_drawn = np.arange(len(rows)) >= len(real)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=random_state)
    judge = _classifier(random_state)
    return float(cross_val_score(judge, rows, is_drawn, cv=folds, scoring="roc_auc").mean())


def classes_kept(real, y_real, drawn, y_drawn, random_state):
    """How often a classifier of real rows finds the class, ``(of drawn rows, of real ones)``."""
    n_folds = min(N_FOLDS, np.unique(y_real, return_counts=True)[1].min())
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    judge = _classifier(random_state)
    found_of_real = cross_val_predict(judge, real, y_real, cv=folds)
    found = clone(judge).fit(real, y_real).predict(drawn)
    return tuple(
        {label: float((read[y == label] == label).mean()) for label in np.unique(y).tolist()}
        for read, y in ((found, y_drawn), (found_of_real, y_real))
    )


def values_kept(real, y_real, drawn, y_drawn, random_state):
    """The root mean squared error of a regressor of real rows, of the numbers asked for."""
    folds = KFold(N_FOLDS, shuffle=True, random_state=random_state)
    trees = HistGradientBoostingRegressor(max_iter=N_TREES, random_state=random_state)
    judge = VotingRegressor(
        [("linear", make_pipeline(StandardScaler(), Ridge())), ("trees", trees)]
    )
    found_of_real = cross_val_predict(judge, real, y_real, cv=folds)
    found = clone(judge).fit(real, y_real).predict(drawn)
    pairs = (y_drawn, found), (y_real, found_of_real)
    return tuple(float(root_mean_squared_error(*pair)) for pair in pairs)


def _classifier(random_state):
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    trees = HistGradientBoostingClassifier(max_iter=N_TREES, random_state=random_state)
    return VotingClassifier([("linear", linear), ("trees", trees)], voting="soft")


# By distance.


def nearest(train, rows, *, with_itself=False):
    """The distance of each row to the nearest of training, or of these themselves to another."""
    n_neighbors = 2 if with_itself else 1
    index = NearestNeighbors(n_neighbors=n_neighbors).fit(train)
    return index.kneighbors(rows)[0][:, -1]
