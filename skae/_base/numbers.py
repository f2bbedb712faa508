"""Decoders that are told a number beside the code."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.utils.validation import check_consistent_length

from skae._base.holes import Holes
from skae._base.start import Record
from skae._rows.checks import warn_user
from skae._rows.numbers import (
    are_fractions,
    as_numbers,
    check_no_fractions,
    warn_of_many_classes,
    warn_of_no_label,
)

# Where none is told, a row is scored as rows of so many numbers, which are as frequent.
N_SCORED = 16


@dataclass(frozen=True)
class KnownNumbers(Record):
    """What is known of the numbers that a decoder is told.

    Parameters
    ----------
    mean, scale : float
        What they are standardized by: those of the first rows.
    low, high : float
        The smallest and the largest.
    scored : array of shape (n_scored,), float32
        Standardized numbers that stand for all.
    """

    mean: float
    scale: float
    low: float
    high: float
    scored: np.ndarray | None = None

    PLACE = "_known_numbers"
    NAMES = {
        "mean": "_mean_number",
        "scale": "_scale_of_numbers",
        "low": "_lowest_number",
        "high": "_highest_number",
        "scored": "_numbers_to_score",
    }

    @classmethod
    def of(cls, y):
        """Of the first rows of a model."""
        scale = float(y.std())
        return cls(float(y.mean()), scale if scale > 0 else 1.0, float(y.min()), float(y.max()))

    def with_more(self, y):
        """The same once further numbers came."""
        return replace(self, low=min(self.low, float(y.min())), high=max(self.high, float(y.max())))

    def standardized(self, y):
        """As the module is told them, float32."""
        return ((y - self.mean) / self.scale).astype(np.float32)

    def in_units(self, numbers):
        """The opposite."""
        return self.mean + self.scale * numbers.astype(np.float64)

    def warn_if_beyond(self, y):
        """Warn of numbers that are not between those of training."""
        beyond = y[(y < self.low) | (y > self.high)]
        # What was standardized and back is rounded.
        beyond = beyond[np.abs(beyond - beyond.clip(self.low, self.high)) > 1e-5 * self.scale]
        if len(beyond):
            warn_user(
                f"y has numbers as far as {beyond[np.abs(beyond - self.mean).argmax()]:g}, but "
                f"training rows have {self.low:g} to {self.high:g}: nothing was learned of rows "
                "beyond."
            )


class NumbersMixin(Holes):
    """A model with `conditional` where y is a number of each row."""

    def _tells_number(self):
        return hasattr(self, "_known_numbers")

    def _scored_numbers(self):
        """Of a new module: numbers that stand for all, or None."""
        return torch.from_numpy(self._known_numbers.scored) if self._tells_number() else None

    def _read_labels(self, y, X, classes=None):
        is_new = not hasattr(self, "net_")
        asked = self.conditional is True and y is not None and are_fractions(y)
        asked = is_new and (asked or self.conditional == "number")
        if not asked and (is_new or not self._tells_number()):
            if self.conditional and y is not None:
                check_no_fractions(y)
            labels = super()._read_labels(y, X, classes)
            if labels is not None and is_new and self.conditional is True:
                warn_of_many_classes(self.classes_, len(labels))
            return labels
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. Give a "
                "number of each row."
            )
        if classes is not None:
            raise ValueError("classes is for labels, but y is a number of each row.")
        y = as_numbers(y)
        check_consistent_length(X, y)
        if is_new and self.conditional is True:
            warn_of_no_label(y)
        known = KnownNumbers.of(y) if is_new else self._known_numbers.with_more(y)
        self._known_numbers = known
        return known.standardized(y)

    def _note(self, rows, n_new):
        if not self._tells_number():
            super()._note(rows, n_new)
            return
        places = (np.arange(N_SCORED) + 0.5) / N_SCORED
        scored = np.quantile(rows.labels.cpu().numpy(), places).astype(np.float32)
        self._known_numbers = replace(self._known_numbers, scored=scored)
        if hasattr(self, "net_"):
            self.module_.numbers.copy_(torch.from_numpy(scored))

    def _tell(self, X, y):
        if not self._tells_number():
            return super()._tell(X, y)
        if y is None:
            raise ValueError(
                "The decoder of this model is told a number; codes hold what it does not say. Give "
                "y as well."
            )
        y = as_numbers([y] * len(X) if np.ndim(y) == 0 else y)
        check_consistent_length(X, y)
        self._known_numbers.warn_if_beyond(y)
        return (self._known_numbers.standardized(y),)
