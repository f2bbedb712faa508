"""Which features make a row strange: what each costs, given the others."""

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skae._base.applying import map_rows
from skae._base.autoencoder import BaseAutoencoder
from skae._base.tabular import TableEstimator
from skae._rows.checks import check_finite
from skae._rows.origins import columns_of

# What a feature is expected to be is found by so many passes: the first starts from its mean.
N_PASSES = 2
# Features that are set aside, at most.
MAX_ASIDE = 3
# Values of rows of which one feature each is hidden, in one batch.
MAX_VALUES = 2**20


def feature_scores(estimator, X, groups=None, scores=None, threshold=None):
    """By how much the score of each row would rise if a feature were as the others have it.

    Parameters
    ----------
    estimator : estimator
        A fitted autoencoder, a `TabularAutoencoder`, or a Pipeline that ends in one.
    X : array-like of shape (n_samples, n_features)
    groups : list of lists of int, or None
        Features that count as one. None means that each is one.
    scores : array of shape (n_samples,) or None
        Those of the rows.
    threshold : float or None
        Of rows below it the strangest feature is set aside, and the others are scored without it,
        until what is left is above. None sets none aside.

    Returns
    -------
    ndarray of shape (n_samples, n_features or n_groups), float64
        The lower, the stranger.
    """
    model, rows, blocks = encoded(estimator, X)
    rows = np.array(rows, dtype=np.float64)  # to hide values in
    if groups is not None:
        blocks = _joined(_checked(groups, len(blocks)), blocks)
    found = _scores_of_blocks(model, rows, blocks)
    if scores is None or threshold is None:
        return found
    aside, scores = np.zeros(found.shape, dtype=bool), np.array(scores, dtype=float)
    odd = np.flatnonzero(scores < threshold)
    for _ in range(min(MAX_ASIDE, found.shape[1] - 1)):
        worst = np.where(aside[odd], np.inf, found[odd]).argmin(axis=1)
        gain = found[odd, worst]
        odd, worst = odd[gain < 0], worst[gain < 0]
        if not len(odd):
            break
        aside[odd, worst] = True
        scores[odd] -= found[odd, worst]
        for row, block in zip(odd, worst, strict=True):
            rows[row, blocks[block]] = np.nan
        again = _scores_of_blocks(model, rows[odd], blocks)
        found[odd] = np.where(aside[odd], found[odd], again)
        odd = odd[scores[odd] < threshold]
    return found


def encoded(estimator, X):
    """The autoencoder inside, the rows that it is given, and their columns for each feature of X.

    Raises
    ------
    TypeError
        If there is no autoencoder of skae inside, or one whose decoder is told the class.
    ValueError
        If a step before it mixes features.
    """
    if isinstance(estimator, FrozenEstimator):
        return encoded(estimator.estimator, X)
    if isinstance(estimator, TableEstimator):
        table = estimator._table
        blocks = {column.name: range(part.start, part.stop) for column, part in table.blocks}
        blocks = [list(blocks.get(column.name, ())) for column in table.columns]
        return estimator.autoencoder_, estimator._rows(X), blocks
    if isinstance(estimator, Pipeline):
        before, last = estimator[:-1], estimator[-1]
        model, rows, blocks = encoded(last, before.transform(X) if len(before) else X)
        return model, rows, _joined(columns_of(before), blocks) if len(before) else blocks
    if not isinstance(estimator, BaseAutoencoder) or estimator._is_conditional():
        raise TypeError(
            f"{type(estimator).__name__} can not say which features make a row strange: that takes "
            "an autoencoder of skae whose decoder is not told the class, or a Pipeline that ends "
            "in one."
        )
    rows = estimator._validate(X, reset=False)
    rows = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
    return estimator, rows, [[column] for column in range(rows.shape[1])]


def _joined(outer, inner):
    return [[column for place in places for column in inner[place]] for places in outer]


def _checked(groups, n_features):
    groups = [[int(place) for place in group] for group in groups]
    places = [place for group in groups for place in group]
    if len(set(places)) < len(places) or not set(places) <= set(range(n_features)):
        raise ValueError(
            f"groups={groups!r} must be lists of numbers of features, each at most once, from 0 to "
            f"{n_features - 1}."
        )
    return groups


def _scores_of_blocks(model, rows, blocks):
    hidden = torch.zeros(len(blocks), rows.shape[1], dtype=torch.bool)
    for block, columns in enumerate(blocks):
        hidden[block, columns] = True
    mean = torch.from_numpy(np.asarray(model._start.statistics.mean, dtype=np.float64))
    usual = model.scaling_(mean).float()

    def gains(x):
        parts = x.split(max(1, MAX_VALUES // hidden.numel()))
        return torch.cat([_gains(model, part, usual.to(x), hidden.to(x.device)) for part in parts])

    settings = {"allow_nan": True, "name": type(model).__name__}
    found = map_rows(gains, rows, model.scaling_, model.module_, **settings)
    found = check_finite(found.astype(np.float64), "feature_scores")
    return np.minimum(found, 0.0)


def _gains(model, x, usual, hidden):
    """Scores of rows less what they are with each block of columns as the others have it."""
    module, missing = model.module_, x.isnan()
    before = model._quick_scores(module, _expected(module, x, missing, usual))
    every = (missing[:, None] | hidden).flatten(0, 1)
    after = _expected(module, x.repeat_interleave(len(hidden), dim=0), every, usual)
    gains = before[:, None] - model._quick_scores(module, after).view(len(x), -1)
    # Of what is not there nothing can be strange; rounding would leave its mark.
    is_there = (~missing).to(gains) @ hidden.T.to(gains) > 0
    return torch.where(is_there, gains, 0.0)


def _expected(module, x, hidden, usual):
    """Rows with what the network leads to expect in place of what is hidden."""
    if not hidden.any():
        return x
    filled = torch.where(hidden, usual, x)
    for _ in range(N_PASSES):
        filled = torch.where(hidden, module.reconstruct(filled), filled)
    return filled
