"""What the columns are like: moments and bounds, read block by block."""

from dataclasses import dataclass, replace

import numpy as np

from skae._rows.checks import warn_user
from skae._rows.scaling import Scaling
from skae._rows.source import as_source, chunks

# The square of what lies beyond is infinite.
MAX_DEVIATION = 1e150
# A block of so many rows stays in the cache while it is used several times.
STATISTICS_ROWS = 256
# Rows that two sets are compared by, and how many times wider or further away is plainly far. One
# of several groups may be narrow, so that plainly narrow is narrower than plainly wide is wide.
MIN_COMPARED, MAX_COMPARED, FAR, NARROW = 50, 1000, 3, 8


@dataclass(frozen=True)
class ColumnStatistics:
    """Weighted moments and bounds of the columns of `n_rows` rows, each of shape (n_features,).

    `low_share` and `high_share` say how much of the weight lies exactly on the smallest and the
    largest value.
    """

    n_rows: int
    mean: np.ndarray
    deviation: np.ndarray
    low: np.ndarray
    high: np.ndarray
    low_share: np.ndarray
    high_share: np.ndarray

    @classmethod
    def measure(cls, X, subset, weight=None, unit=None):
        """Read the rows `subset` of X once, block by block; sums are in float64, in `unit`."""
        source = as_source(X)
        share = None if weight is None else np.asarray(weight)[subset] / np.sum(weight[subset])
        low = high = None
        first, second, low_share, high_share = np.zeros((4, source.shape[1]))
        # What overflows is refused later, by `scaling`.
        with np.errstate(over="ignore", invalid="ignore"):
            for chunk in chunks(len(subset), STATISTICS_ROWS):
                x = source.block(subset[chunk])
                w = np.full(len(x), 1 / len(subset)) if share is None else share[chunk]
                if low is None:
                    low, high = x[0], x[0]
                    unit = _unit(x) if unit is None else unit
                    # The mean of some of the rows is near enough to that of all for no digits to
                    # be lost when its square is subtracted.
                    shift = np.average(x, axis=0, weights=w / w.mean())
                lower, higher = x.min(axis=0), x.max(axis=0)
                low_share[lower < low] = 0
                high_share[higher > high] = 0
                low, high = np.minimum(low, lower), np.maximum(high, higher)
                low_share += _share_of(x == low, w, share is None)
                high_share += _share_of(x == high, w, share is None)
                x = np.subtract(x, shift, dtype=np.float64)
                if unit != 1:
                    x /= unit
                first += w @ x
                second += w @ np.square(x, out=x)
            if unit != (right := _unit(np.stack([low, high]))):
                # The first rows were no fair sample.
                return cls.measure(source, subset, weight, right)
            low, high = low.astype(np.float64), high.astype(np.float64)
            constant = low == high  # the rounded mean of a constant is not quite it
            mean = np.where(constant, low, shift + unit * first)
            variance = np.where(constant, 0, second - first**2)
            deviation = unit * np.sqrt(np.maximum(variance, 0))
        return cls(len(subset), mean, deviation, low, high, low_share, high_share)

    @classmethod
    def measure_observed(cls, X, subset, weight=None):
        """The same of the values that are not NaN, in two passes; a column without any is 0."""
        source = as_source(X)
        w = np.ones(len(source)) if weight is None else np.asarray(weight, np.float64)
        blocks = [subset[chunk] for chunk in chunks(len(subset), STATISTICS_ROWS)]

        def read():
            for rows in blocks:
                x = source.block(rows).astype(np.float64)
                yield x, np.where(np.isnan(x), 0, w[rows][:, None])

        low, high = np.full((2, source.shape[1]), np.nan)
        total, first, second, low_share, high_share = np.zeros((5, source.shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):
            for x, share in read():
                low, high = np.fmin(low, np.fmin.reduce(x)), np.fmax(high, np.fmax.reduce(x))
                total += share.sum(axis=0)
                first += np.nansum(share * x, axis=0)
            observed = np.where(total > 0, total, 1)
            low, high, mean = np.nan_to_num(low), np.nan_to_num(high), first / observed
            unit = _unit(np.stack([low, high]))
            for x, share in read():
                second += np.nansum(share * ((x - mean) / unit) ** 2, axis=0)
                low_share += (share * (x == low)).sum(axis=0)
                high_share += (share * (x == high)).sum(axis=0)
        deviation = np.where(low == high, 0, unit * np.sqrt(second / observed))
        shares = low_share / observed, high_share / observed
        return cls(len(subset), np.where(low == high, low, mean), deviation, low, high, *shares)

    def of_a_stream(self):
        """Statistics of the first rows of many: they show a scale, but no bounds."""
        if not self.deviation.any():
            raise ValueError(
                f"The first call of partial_fit fixes the scale of the data, but its {self.n_rows} "
                "rows are all equal. Begin with a fair sample, or with fit."
            )
        nowhere = np.zeros_like(self.low_share)
        return replace(self, low_share=nowhere, high_share=nowhere)

    @property
    def is_of_a_stream(self):
        """Whether it shows no bounds: of all rows some lie at the smallest value."""
        return not self.low_share.any()

    def scaling(self):
        """The scaling to zero means and a mean variance of one."""
        largest = self.deviation.max()
        if not largest < MAX_DEVIATION:
            raise ValueError(
                f"The values of X, from {self.low.min():.3g} to {self.high.max():.3g}, are too far "
                "apart: float64 can not hold the squares of their differences. Rescale X, for "
                "example with StandardScaler."
            )
        if largest == 0:
            return Scaling(self.mean, 1.0)
        return Scaling(self.mean, largest * np.sqrt(np.mean((self.deviation / largest) ** 2)))

    def warn_if_far(self, X, allow_nan=False):
        """Warn where rows to validate on are plainly on another scale than these.

        Of a few rows that can not be said.
        """
        source = as_source(X)
        some = np.linspace(0, len(source) - 1, min(len(source), MAX_COMPARED)).astype(int)
        varies = self.deviation > 0
        if min(len(some), self.n_rows) < MIN_COMPARED or not varies.any():
            return
        measure = self.measure_observed if allow_nan else self.measure
        others = measure(source, some)
        with np.errstate(over="ignore"):
            shift = ((others.mean - self.mean)[varies] / self.deviation[varies]) ** 2
            spread = (others.deviation[varies] / self.deviation[varies]) ** 2
        columns, where = np.flatnonzero(varies & self._are_beyond(source, some)), ""
        # Most columns spread or lie far from these; or they spread by far less, those aside that
        # hardly ever vary and so may not at all in a few rows.
        most_are_far = np.mean(shift + spread > FAR**2) > 0.5
        varying = spread[spread > 0]
        if most_are_far or (varying < 1 / NARROW**2).sum() > len(varying) / 2:
            columns = np.arange(source.shape[1])
        elif len(columns):
            where = f" in columns {columns[:10].tolist()}"
        else:
            return
        low, high = others.low[columns].min(), others.high[columns].max()
        warn_user(
            f"X_val is on another scale than X{where}: its values are from {low:.3g} to "
            f"{high:.3g}, those of X from {self.low[columns].min():.3g} to "
            f"{self.high[columns].max():.3g}. Transform it as X; a Pipeline does that for metadata "
            "that its transform_input names."
        )

    def _are_beyond(self, source, rows):
        """Columns of which most values lie further outside of the range of these than it is wide.

        Rows of a group that these have too lie within it, however rare the group is.
        """
        beyond, n_seen = np.zeros((2, source.shape[1]))
        with np.errstate(over="ignore"):
            low, high = 2 * self.low - self.high, 2 * self.high - self.low
        for chunk in chunks(len(rows), STATISTICS_ROWS):
            x = source.block(rows[chunk])
            beyond += ((x < low) | (x > high)).sum(axis=0)
            n_seen += (~np.isnan(x)).sum(axis=0)
        return (n_seen >= MIN_COMPARED) & (beyond > n_seen / 2)

    def zero_share(self):
        """How much of the weight of each column lies on zero, if that is one of its ends."""
        return np.maximum(self.low_share * (self.low == 0), self.high_share * (self.high == 0))

    def bounds(self, min_share, min_rows):
        """Bounds that the data show: infinite where too few rows lie on them."""
        enough = max(min_share, min_rows / self.n_rows)
        return (
            np.where(self.low_share >= enough, self.low, -np.inf),
            np.where(self.high_share >= enough, self.high, np.inf),
        )


def _unit(x):
    """A power of two to divide by so that squares neither under- nor overflow; mostly 1."""
    largest = np.abs(x, dtype=np.float64).max()
    ordinary = largest == 0 or 1e-100 < largest < 1e100
    return 1.0 if ordinary else np.ldexp(0.5, np.frexp(largest)[1])


def _share_of(mask, weight, equal):
    """The weight of the rows that each column of a mask picks."""
    if not equal:
        return weight @ mask
    return weight[0] * mask.view(np.uint8).sum(axis=0, dtype=np.uint16)  # the fastest by far
