"""Rows that are drawn: values as the training rows had them."""

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch

from skae._base.applying import map_codes, tell_exposure
from skae._base.autoencoder import BaseAutoencoder
from skae._base.networks import MIN_BOUND_ROWS, MIN_BOUND_SHARE
from skae._base.start import Record
from skae._rows.amounts import AMOUNTS
from skae._rows.columns import COUNTS
from skae._rows.source import chunks
from skae._training.device import forked_seed

# Likelihoods whose draws know no bounds of their own.
UNBOUNDED = ("gaussian", "laplace", *AMOUNTS, *COUNTS)


@dataclass(frozen=True)
class Support(Record):
    """Which values the columns had in training, each an array of shape (n_features,).

    Parameters
    ----------
    low, high : array
        The smallest and the largest, NaN aside.
    least : array
        The smallest that is positive, infinite where there is none.
    is_whole : boolean array
        Whether all are whole numbers.
    """

    low: np.ndarray
    high: np.ndarray
    least: np.ndarray
    is_whole: np.ndarray

    PLACE = "_support"
    NAMES = {
        "low": "_support_low",
        "high": "_support_high",
        "least": "_support_least",
        "is_whole": "_support_is_whole",
    }

    @classmethod
    def of(cls, source, rows):
        """That of some rows of a `Source`."""
        n_features = source.shape[1]
        nothing = np.full(n_features, np.inf)
        found = cls(nothing, -nothing, nothing, np.ones(n_features, dtype=bool))
        for chunk in chunks(len(rows)):
            found = found.widened(cls._of_block(source.block(rows[chunk]).astype(np.float64)))
        return found

    @classmethod
    def _of_block(cls, x):
        # What is NaN is no number to compare with, and a whole one.
        low, high = (np.where(np.isnan(x), end, x) for end in (np.inf, -np.inf))
        least = np.where(low > 0, low, np.inf)
        is_whole = ((x == np.rint(x)) | np.isnan(x)).all(axis=0)
        return cls(low.min(axis=0), high.max(axis=0), least.min(axis=0), is_whole)

    def widened(self, other):
        """That of these rows and others."""
        return Support(
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            np.minimum(self.least, other.least),
            self.is_whole & other.is_whole,
        )

    def of_columns(self, parts):
        """The same, without bounds where likelihoods have their own, or a column had no value.

        Of "hurdle_lognormal" it is of what is not 0.
        """
        low, high, is_whole = self.low.copy(), self.high.copy(), self.is_whole.copy()
        nowhere = low > high
        for name, columns in parts:
            if name == "hurdle_lognormal":
                low[columns] = self.least[columns]
            elif name not in UNBOUNDED:
                nowhere[columns] = True
        low[nowhere], high[nowhere], is_whole[nowhere] = -np.inf, np.inf, False
        return replace(self, low=low, high=high, is_whole=is_whole)


class DrawingAutoencoder(BaseAutoencoder):
    """Base class of those with a likelihood, of which values can be drawn."""

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        found = Support.of(table.learned, table.subset)
        before = getattr(self, "_support", None)
        self._support = found if before is None else found.widened(before)

    def _mean_rows(self, codes, y=None, log_exposure=None):
        """Means of the likelihood for codes, within the range that the columns had."""
        rows, support = super()._mean_rows(codes, y, log_exposure), self._drawn_from()
        if support is None:
            return rows
        low = support.low.copy()
        for name, columns in self._start.target.columns:
            if name == "hurdle_lognormal":
                low[columns] = np.minimum(low[columns], 0)
        return rows.clip(low, support.high).astype(rows.dtype, copy=False)

    def _draw_rows(self, codes, y, random_state, log_exposure=None):
        """Draws of the likelihood for codes: whole where all values were, and within their range.

        Parameters
        ----------
        codes : array of shape (n_samples, n_components), float32 or float64
        y : array-like of shape (n_samples,), a label or None
            The classes, where the decoder is told those.
        random_state : RandomState
        log_exposure : array of shape (n_samples,) or None
            Logarithms of how much was counted over the mean, where the decoder is told that.

        Returns
        -------
        ndarray of shape (n_samples, n_features), in the dtype of the codes
        """
        likelihood, support = copy.deepcopy(self.module_.link).cpu(), self._drawn_from()
        bounds = [None, None] if support is None else self._scaled_bounds(support)
        told = tell_exposure(self._tell(codes, y), log_exposure)

        def draw(*code):
            return likelihood.draw(self.module_.output(*code).cpu(), *bounds)

        seed = int(random_state.randint(np.iinfo(np.int32).max))
        with forked_seed(torch.device("cpu"), seed):
            rows = map_codes(draw, codes, told, self.scaling_, self.module_)
        return rows if support is None else self._as_seen(rows, support)

    def _drawn_from(self):
        """The `Support` of draws; None of a model from before there was one."""
        support = getattr(self, "_support", None)
        if support is None:
            return None
        support = support.of_columns(self._start.target.columns)
        known = self.module_.exposure
        if known is not None:  # of more that is counted there is more
            grows = (known.is_count | known.is_told).cpu().numpy()
            low, high = (
                np.where(grows, end, bound)
                for end, bound in ((-np.inf, support.low), (np.inf, support.high))
            )
            support = replace(support, low=low, high=high)
        if self._as_fitted("output_activation") == "identity":
            nowhere = np.full_like(support.low, np.inf)
            support = replace(support, low=-nowhere, high=nowhere)
        return support

    def _scaled_bounds(self, support):
        """What draws are truncated at: where many rows lie at a bound, they are moved to it."""
        heaps = self._start.statistics.bounds(MIN_BOUND_SHARE, MIN_BOUND_ROWS)
        half = np.where(support.is_whole, 0.5, 0)
        low = np.where(support.low == heaps[0], -np.inf, support.low - half)
        high = np.where(support.high == heaps[1], np.inf, support.high + half)
        return [self.scaling_(torch.from_numpy(bound)) for bound in (low, high)]

    def _as_seen(self, rows, support):
        """Rows with whole numbers where all were, and within the range to the last digit."""
        found = np.where(support.is_whole, np.rint(rows), rows).clip(support.low, support.high)
        for name, columns in self._start.target.columns:
            if name == "hurdle_lognormal":
                found[:, columns] = np.where(rows[:, columns] == 0, 0, found[:, columns])
        return found.astype(rows.dtype, copy=False)
