"""Scores of rows that were not trained on, and the thresholds that they give."""

import math
import warnings
from statistics import NormalDist

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from skae._base.meta import fit_inside
from skae._rows.checks import warn_user
from skae._rows.source import as_source, is_read_in_place, shape_of, some_rows

# Rows are held out until so many are expected below the threshold: their number, and with it the
# rate of new rows, is then known to a seventh. Beyond so many folds more cost more than they tell.
ENOUGH_BELOW, ENOUGH_FOR_AUTO, N_FOLDS = 50, 500, 5
# Of at least so many times as many rows as are enough, those are spared by the autoencoder itself.
MANY = 10
# What is asked of scores whose share of outliers is not known: the rate, and the quantiles that
# tell it, beyond which outliers may be.
AUTO_RATE, AUTO_QUANTILE = 0.01, 0.2


def parts_to_hold_out(n_rows, contamination):
    """Rows to hold out, part by part, and of how many parts an autoencoder of its own is fitted.

    With one part and none, the autoencoder itself can do without it. They are the same at each
    call.
    """
    auto, order = contamination == "auto", np.random.RandomState(0).permutation(n_rows)
    n_enough = ENOUGH_FOR_AUTO if auto else math.ceil(ENOUGH_BELOW / contamination)
    if n_rows >= MANY * n_enough:
        return [np.sort(order[:n_enough])], 0
    if n_rows < 2 * N_FOLDS:  # too few to learn from less
        return [], 0
    parts = [np.sort(part) for part in np.array_split(order, N_FOLDS)]
    return parts, min(N_FOLDS, math.ceil(n_enough / (n_rows / N_FOLDS)))


def fit_without(estimator, X, sample_weight, part):
    """Fit the estimator inside to all rows but some; a file is not copied, if it takes weights."""
    n_rows = shape_of(X)[0]
    weight = np.ones(n_rows)
    if sample_weight is not None:
        weight[:] = np.asarray(sample_weight)  # it may be a number
    if _lies_in_file(X) and has_fit_parameter(estimator, "sample_weight"):
        weight[part] = 0
        fit_inside(estimator, X, weight)
        return
    others = np.setdiff1d(np.arange(n_rows), part)
    weight = None if sample_weight is None else weight[others]
    fit_inside(estimator, some_rows(X, others), weight)


def score_part(fitted, X, part):
    """Scores of some of the rows."""
    return np.asarray(fitted.score_samples(some_rows(X, part)))


def held_out_scores(autoencoder, X, sample_weight, parts, n_folds, step):
    """Scores of each part by a new autoencoder that has not seen it, corrected; or None."""
    scores, of_seen, interrupted = [], [], False
    for number, part in enumerate(parts[:n_folds]):
        fold = clone(autoencoder)
        # What there is to warn of was said when all rows were trained on.
        with step("fit-fold", fold), warnings.catch_warnings(action="ignore"):
            fit_without(fold, X, sample_weight, part)
        if was_interrupted(fold):
            interrupted = True
            break
        scores.append(score_part(fold, X, part))
        of_seen.append(score_part(fold, X, parts[number - 1]))
    if interrupted:
        instead = f"{len(scores)} of {n_folds} folds" if scores else "the training rows alone"
        warn_user(
            f"Training was interrupted while rows were held out; offset_ is from {instead}, and "
            "new rows may fall below it at another rate than contamination.",
            ConvergenceWarning,
        )
    return _by_more_rows(np.concatenate(scores), np.concatenate(of_seen)) if scores else None


def _by_more_rows(scores, of_seen):
    """What an autoencoder of all rows would score new rows, from the scores of the folds'.

    New rows score as much worse than with endless rows to learn from as rows that were learned
    from score better, and both go with one over the number of rows, as for Akaike's criterion. A
    fold has learned from ``1 - 1 / N_FOLDS`` of the rows: that is ``1 / N_FOLDS`` of the first of
    the two distances, and half of that of both. Each quantile is moved by so much.
    """
    scores, places = np.sort(scores), (np.arange(len(scores)) + 0.5) / len(scores)
    return scores + (np.quantile(of_seen, places) - scores) / (2 * N_FOLDS)


def was_interrupted(fitted):
    """Whether the user has ended the training of an estimator, or of the last of a Pipeline."""
    last = fitted
    while isinstance(last, Pipeline) or hasattr(last, "autoencoder_"):
        last = last[-1] if isinstance(last, Pipeline) else last.autoencoder_
    return not isinstance(last, FrozenEstimator) and getattr(
        getattr(last, "net_", None), "interrupted_", False
    )


def threshold(scores, contamination, *, held_out):
    """The score below which rows are outliers.

    A quantile of so many held-out scores that the expected share of new rows below it is
    `contamination`; of the scores of training rows that share of these. Where it is not known, see
    `threshold_of_most`.
    """
    if contamination == "auto":
        return threshold_of_most(scores, AUTO_RATE, AUTO_QUANTILE)
    return float(np.quantile(scores, contamination, method="weibull" if held_out else "linear"))


def threshold_of_most(scores, rate, quantile):
    r"""Where a shifted log-normal distribution has a tail of `rate`, if it has these quantiles.

    Its quantiles are :math:`m - b (e^{g z} - 1) / g`, with z those of a normal one, as of Tukey's g
    distribution; the median and the quantiles `quantile` and ``1 - quantile`` give m, b and g. So
    what lies beyond them, outliers, is not looked at, and units and skewness do not matter.
    """
    low, middle, high = np.quantile(scores, [quantile, 0.5, 1 - quantile])
    z, further = NormalDist().inv_cdf(1 - quantile), NormalDist().inv_cdf(1 - rate)
    if not high > middle > low:
        return float(middle - (high - low) / 2 * further / z)
    g = math.log((middle - low) / (high - middle)) / z
    ratio = further / z if abs(g) < 1e-6 else math.expm1(g * further) / math.expm1(g * z)
    return float(middle - (middle - low) * ratio)


def _lies_in_file(X):
    return is_read_in_place(X) and as_source(X).lies_in_file
