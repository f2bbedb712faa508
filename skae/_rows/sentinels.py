"""Values that stand far away from all others, such as the -9999 of a sensor that is dead."""

from dataclasses import dataclass

import numpy as np

from skae._rows.checks import warn_user
from skae._rows.source import Source, as_source, chunks
from skae._rows.statistics import STATISTICS_ROWS

# So much of the rows, and so many, may have one on each side of a column.
MAX_SHARE, MAX_ROWS = 0.01, 1000
# They lie so many times as far from the middle as the next value does, or the ends of what is
# between 1 and 99 % of the rows: what comes more than once or is all nines the first, others the
# second. The largest of values with a heavy tail, such as the inhabitants of towns, is often ten
# times the next; of Student's t with 1.5 degrees of freedom in one of thousand tables a hundred.
FAR, VERY_FAR = 10, 100
MIN_ROWS = 20
# Squared deviations from which on a column is looked at.
FAR_ENOUGH = 25
# Where so much of a column is its smallest value or its largest, mostly 0, others are too few.
MAX_EQUAL = 0.9
N_NAMED = 3


@dataclass(frozen=True)
class Sentinels:
    """Limits of the columns, infinite where there are none, and what lies beyond.

    Parameters
    ----------
    low, high : arrays of shape (n_features,)
        The ends of the other values.
    found : tuple of (column, values, share)
        Of each column that has some: the values, each as often as it is there, and how much of the
        variance of the column they hold.
    """

    low: np.ndarray
    high: np.ndarray
    found: tuple

    @classmethod
    def find(cls, X, subset, statistics):
        """Those in the rows `subset` of X with such statistics, or None."""
        n_rows = statistics.n_rows
        most = max(1, min(MAX_ROWS, int(MAX_SHARE * n_rows)))
        columns = _suspicious(statistics, most) if n_rows >= MIN_ROWS else []
        if not len(columns):
            return None
        lowest, highest, n_seen = _ends(as_source(X), subset, columns, most + 1)
        low, high = np.full((2, len(statistics.mean)), [[-np.inf], [np.inf]])
        found = []
        for number, column in enumerate(columns):
            ends = lowest[:, number], highest[:, number]
            absurd, low[column], high[column] = _beyond(*ends)
            moments = n_seen[number], statistics.mean[column], statistics.deviation[column]
            share = _share_of_variance(absurd, *moments)
            if share > 0.5:
                found.append((column, absurd, share))
            else:
                low[column], high[column] = -np.inf, np.inf
        return cls(low, high, tuple(found)) if found else None

    def limits(self):
        """What values are clipped to."""
        return self.low, self.high

    def warn(self, n_rows, names=None):
        """Say what was found, and what to do."""
        said = []
        for column, values, share in self.found[:N_NAMED]:
            different = np.unique(values)
            shown = ", ".join(f"{value:.8g}" for value in different[:N_NAMED])
            more = ", ..." if len(different) > N_NAMED else ""
            name = column if names is None else repr(str(names[column]))
            said.append(
                f"column {name} has {shown}{more} in {len(values)} of {n_rows} rows, "
                f"{100 * share:.3g} % of its variance"
            )
        if len(self.found) > N_NAMED:
            said.append(f"so have {len(self.found) - N_NAMED} more columns")
        warn_user(
            f"A few values lie far beyond all others: {'; '.join(said)}. The model learns from the "
            "ends of the other values in their place. If they stand for values that are missing, "
            "set them to NaN and use allow_nan=True; if they are real and matter, transform these "
            "columns, for example by their logarithm."
        )


class ClippedSource(Source):
    """Rows of another source within limits.

    Parameters
    ----------
    source : Source
    low, high : arrays of shape (n_features,)
    """

    def __init__(self, source, low, high):
        self.source, self.low, self.high = source, low, high
        self.shape, self.dtype = source.shape, source.dtype
        self.has_missing = source.has_missing
        self.is_dense, self.lies_in_file = source.is_dense, source.lies_in_file
        self.together = source.together
        self.columns = np.flatnonzero(np.isfinite(low) | np.isfinite(high))

    def parts(self, rows, n_parts):
        """Those of the other source."""
        return self.source.parts(rows, n_parts)

    def block(self, rows):
        """Some of the rows, a copy."""
        block = np.array(self.source.block(rows))
        within = block[:, self.columns].clip(self.low[self.columns], self.high[self.columns])
        block = block.astype(np.result_type(block, within), copy=False)
        block[:, self.columns] = within
        return block

    def _values(self):
        return self.blocks()


def is_common_beyond(source, limits):
    """Whether in some column so many rows lie beyond its limits that they are no exception."""
    beyond = sum(((x < limits[0]) | (x > limits[1])).sum(axis=0) for x in source.blocks())
    return bool((beyond > max(1, MAX_SHARE * len(source))).any())


def _suspicious(statistics, most):
    """Columns in which a few values may hold half of the variance, and that vary without them."""
    far = np.maximum(statistics.high - statistics.mean, statistics.mean - statistics.low)
    shares = np.maximum(statistics.low_share, statistics.high_share)
    with np.errstate(divide="ignore", invalid="ignore"):  # NaN where nothing varies
        distances = far / statistics.deviation
    # Fewer deviations may do where values are missing; one of 20 values lies 4 away at most.
    holds = distances**2 >= min(FAR_ENOUGH, statistics.n_rows / (2 * most))
    return np.flatnonzero(holds & np.isfinite(statistics.deviation) & (shares < MAX_EQUAL))


def _ends(source, subset, columns, n_kept):
    """The lowest values of columns, ascending, the highest, descending, and how many there are."""
    low, high = np.empty((2, 0, len(columns)))
    n_seen = np.zeros(len(columns))
    for chunk in chunks(len(subset), STATISTICS_ROWS):
        x = source.block(subset[chunk])[:, columns].astype(np.float64)
        missing = np.isnan(x)
        n_seen += (~missing).sum(axis=0)
        low = np.concatenate([low, np.where(missing, np.inf, x)])
        high = np.concatenate([high, np.where(missing, np.inf, -x)])
        if len(low) > n_kept:
            low, high = (np.partition(end, n_kept - 1, axis=0)[:n_kept] for end in (low, high))
    return np.sort(low, axis=0), -np.sort(high, axis=0), n_seen


def _beyond(lowest, highest):
    """The values of a column that stand far away, and the ends of the others."""
    nothing = np.empty(0), -np.inf, np.inf
    if not np.isfinite([lowest[-1], highest[-1]]).all():  # all others are missing
        return nothing
    middle, span = (lowest[-1] + highest[-1]) / 2, highest[-1] - lowest[-1]
    if not 0 < span < np.inf:  # or one value
        return nothing
    n_low, n_high = (_n_far(np.abs(end - middle), end, span) for end in (lowest, highest))
    absurd = np.concatenate([lowest[:n_low], highest[:n_high]])
    low = lowest[n_low] if n_low else -np.inf
    return absurd, low, highest[n_high] if n_high else np.inf


def _share_of_variance(values, n_rows, mean, deviation):
    """How much smaller the variance is without some of the values."""
    far = (values - mean) / deviation
    moved = far.sum() / (n_rows - len(far))  # of the mean of the others
    held = np.sum(far**2) + (n_rows - len(far)) * moved**2
    return min(held / n_rows, 1.0)


def _n_far(distances, values, span):
    """How many values stand far away, of those at an end in their order."""
    nearer = np.maximum(distances[1:], span)
    for n_far in range(len(nearer), 0, -1):
        group = values[:n_far]
        code = (n_far > 1 and np.ptp(group) == 0) or all(map(_is_nines, group))
        if distances[n_far - 1] >= (FAR if code else VERY_FAR) * nearer[n_far - 1]:
            return n_far
    return 0


def _is_nines(value):
    digits = f"{abs(value):.8g}"
    return len(digits) > 1 and set(digits) == {"9"}
