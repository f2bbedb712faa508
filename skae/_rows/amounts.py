"""Amounts: columns that are positive, or zero or positive, and skewed."""

import numpy as np

from skae._rows.source import as_source, chunks
from skae._rows.statistics import STATISTICS_ROWS

# Their likelihoods: what is positive is normal on a scale of logarithms.
AMOUNTS = ("hurdle_lognormal", "lognormal")
# Fewer values, or fewer different ones, show no distribution.
MIN_POSITIVE, MIN_DISTINCT, MIN_DISTINCT_OF_ALL = 20, 3, 10
# By so many nats a row the logarithms must be nearer to a normal distribution than the values are.
MIN_GAIN = 0.1
# What a 0 that has a probability of its own is taken to be worth, in nats.
WORTH_OF_ZERO = 1.0
# The place of 0 on the scale of logarithms: so many deviations below the mean of the others.
BELOW = 2.5


class _Moments:
    """Of the positive values of columns, and of their logarithms, block by block."""

    def __init__(self, n_columns):
        self.n_seen, self.n_zero, self.n_positive = np.zeros((3, n_columns))
        self.sums = np.zeros((4, n_columns))
        self.shift = np.ones(n_columns)
        self.is_never_negative = np.ones(n_columns, dtype=bool)
        self.distinct = [set() for _ in range(n_columns)]

    def add(self, block):
        """Further values; NaN is none."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            self.is_never_negative &= ~(block < 0).any(axis=0)
            self.n_seen += (~np.isnan(block)).sum(axis=0)
            self.n_zero += (block == 0).sum(axis=0)
            positive = block > 0
            first = np.take_along_axis(block, positive.argmax(axis=0)[None], axis=0)[0]
            is_new = (self.n_positive == 0) & positive.any(axis=0)
            # Sums of squares lose digits where a column is far from 0.
            self.shift[is_new] = first[is_new]
            self.n_positive += positive.sum(axis=0)
            values = np.where(positive, block, self.shift)
            logs = np.log(values) - np.log(self.shift)
            values = values / self.shift - 1
            self.sums += [part.sum(axis=0) for part in (values, values**2, logs, logs**2)]
        for column in np.flatnonzero(self.is_never_negative):
            if len(self.distinct[column]) < MIN_DISTINCT_OF_ALL:
                self.distinct[column].update(block[positive[:, column], column].tolist())

    def deviations(self):
        """Of the values, in units of `shift`, and of the logarithms."""
        sums = self.sums / np.maximum(self.n_positive, 1)
        return np.sqrt(np.maximum(sums[1::2] - sums[::2] ** 2, 0))


def find_amounts(X, columns):
    """Which of some columns are "lognormal", and which "hurdle_lognormal".

    They have no negative value. With r the nats by which a normal distribution of the logarithms is
    likelier for the positive values than one of the values, and p the share of zeros, ``(1 - p) r +
    p`` is above 0.1. Columns with zeros are "hurdle_lognormal", without "lognormal"; they need 3
    and 10 different positive values.

    Parameters
    ----------
    X : Source, or what has one, of shape (n_samples, n_features)
    columns : integer array

    Returns
    -------
    list of (str, integer array)
    """
    moments = _Moments(len(columns))
    for block in as_source(X).blocks():
        moments.add(block[:, columns].astype(np.float64))
        if not moments.is_never_negative.any():
            return []
    zero_share = moments.n_zero / np.maximum(moments.n_seen, 1)
    deviation, log_deviation = moments.deviations()
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.log(deviation / log_deviation) - moments.sums[2] / moments.n_positive
    total = (1 - zero_share) * gain + WORTH_OF_ZERO * zero_share
    n_distinct = np.array([len(values) for values in moments.distinct], dtype=int)
    has_zeros = moments.n_zero > 0
    found = moments.is_never_negative & (moments.n_positive >= MIN_POSITIVE) & (total > MIN_GAIN)
    found &= n_distinct >= np.where(has_zeros, MIN_DISTINCT, MIN_DISTINCT_OF_ALL)
    parts = ("lognormal", found & ~has_zeros), ("hurdle_lognormal", found & has_zeros)
    return [(name, columns[which]) for name, which in parts if which.any()]


def log_moments(X, subset, weight, columns):
    """Of the logarithms of what is positive in some columns, and of the zeros.

    Returns
    -------
    list of three arrays of shape (n_features,)
        Mean and standard deviation of the logarithms, and the share of zeros; 0, 1 and 0 of other
        columns, and where nothing is positive or all is one value.
    """
    source = as_source(X)
    weight = np.ones(len(source)) if weight is None else np.asarray(weight, np.float64)
    seen, zero, total, first, second = np.zeros((5, len(columns)))
    for chunk in chunks(len(subset), STATISTICS_ROWS):
        x = source.block(subset[chunk])[:, columns].astype(np.float64)
        w = weight[subset[chunk]][:, None]
        logs = np.log(np.where(x > 0, x, 1))
        seen += (w * ~np.isnan(x)).sum(axis=0)
        zero += (w * (x == 0)).sum(axis=0)
        total += (w * (x > 0)).sum(axis=0)
        first += (w * logs).sum(axis=0)
        second += (w * logs**2).sum(axis=0)
    mean, deviation, share = np.zeros((3, source.shape[1]))
    deviation += 1
    mean[columns] = first / np.maximum(total, np.finfo(float).tiny)
    variance = second / np.maximum(total, np.finfo(float).tiny) - mean[columns] ** 2
    deviation[columns] = np.where(variance > 1e-12 * (1 + mean[columns] ** 2), variance, 1) ** 0.5
    share[columns] = zero / np.maximum(seen, np.finfo(float).tiny)
    return [mean, deviation, share]


def log_scale(mean, deviation, zero_share):
    """The shift, offset and spread of `LogAmounts`, of such moments."""
    shift = np.where(zero_share > 0, np.exp(mean - BELOW * deviation), 0)
    offset = mean - zero_share * BELOW * deviation
    apart = zero_share * (1 - zero_share) * BELOW**2
    return shift, offset, deviation * np.sqrt(1 - zero_share + apart)
