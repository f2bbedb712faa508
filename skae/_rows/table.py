"""A table to learn from, and how it is divided."""

from dataclasses import dataclass, replace

import numpy as np

from skae._rows.batches import Rows, fits_in_memory
from skae._rows.chunked import hold_out_chunks
from skae._rows.columns import Target
from skae._rows.labels import hold_out_of_each
from skae._rows.sentinels import ClippedSource
from skae._rows.source import JoinedSource, Source


@dataclass(frozen=True)
class Table:
    """Checked rows, and what is known of them.

    Parameters
    ----------
    X : Source of shape (n_samples, n_features)
    target : Target
        What X is as something to reproduce.
    subset : integer array
        The rows of X that count: those to learn from, then those that are held out.
    weight : array of shape (n_samples,) or None
    labels : integer array of shape (n_samples,) or None
        Class numbers, -1 where there is no label; or floats, numbers that are told.
    X_val : Source or None
        Rows to validate on, in place of a part of X.
    n_train : int or None
        How many of `subset` are to learn from; None means all.
    all_labels : integer array of shape (n_samples,) or None
        Those that are hidden included, if some are.
    hidden : integer array or None
        The rows whose labels are hidden.
    limits : pair of arrays of shape (n_features,) or None
        What values are clipped to before anything is learned from them.
    """

    X: Source
    target: Target
    subset: np.ndarray
    weight: np.ndarray | None = None
    labels: np.ndarray | None = None
    X_val: Source | None = None
    n_train: int | None = None
    all_labels: np.ndarray | None = None
    hidden: np.ndarray | None = None
    limits: tuple | None = None

    @property
    def learned(self):
        """X as it is learned from."""
        return self._within_limits(self.X)

    @property
    def judged(self):
        """X_val as it is judged by."""
        return self._within_limits(self.X_val)

    def _within_limits(self, X):
        return X if self.limits is None else ClippedSource(X, *self.limits)

    def hiding(self, rows):
        """The same table without the labels of some rows."""
        labels = self.labels.copy()
        labels[rows] = -1
        return replace(self, labels=labels, all_labels=self.labels, hidden=rows)

    def before(self, other):
        """The same table with the rows of another behind its own."""
        tables, weight, labels = (self, other), None, None
        if any(table.weight is not None for table in tables):
            weight = np.concatenate(
                [np.ones(len(t.X)) if t.weight is None else t.weight for t in tables]
            )
        if self.labels is not None:
            labels = np.concatenate([table.labels for table in tables])
        subset = np.concatenate([self.subset, len(self.X) + other.subset])
        X = JoinedSource(self.X, other.X)
        return replace(self, X=X, subset=subset, weight=weight, labels=labels)

    def held_out(self, fraction, random_state, judged_by_labels=False):
        """The same table with a fraction of its rows held out.

        Where they are `judged_by_labels` some of them must have one.
        """
        n_rows = len(self.subset)
        if self.X_val is not None or n_rows < 3:
            return self
        if self.labels is None and not fits_in_memory(self.X, n_rows):
            held = hold_out_chunks(self.X, self.subset, fraction, random_state)
            if held is not None:
                subset = np.concatenate([self.subset[~held], self.subset[held]])
                return replace(self, subset=subset, n_train=int((~held).sum()))
        drawn = random_state.permutation(self.subset)
        # One row would show no spread; one alone can not be learned from.
        n_val = max(min(2, n_rows - 2), int(fraction * n_rows))
        if self.labels is not None and self.labels.dtype.kind != "f":
            held = hold_out_of_each(self.labels[drawn], fraction)
            if judged_by_labels and not (held & (self.labels[drawn] >= 0)).any():
                raise ValueError(
                    "early_stopping=True holds out labelled rows to judge by, but no class has "
                    "two. Label more rows, or set early_stopping=False."
                )
            drawn, n_val = drawn[np.argsort(held, kind="stable")], held.sum()
        parts = drawn[: n_rows - n_val], drawn[n_rows - n_val :]
        # In order, since a file is read from front to back.
        subset = np.concatenate([np.sort(part) for part in parts])
        return replace(self, subset=subset, n_train=n_rows - n_val)

    def rows(self, scaling, device):
        """All rows, those to learn from, and those to validate on or None, as `Rows`."""
        all_rows = Rows(
            self.learned,
            scaling,
            subset=self.subset,
            weight=self.weight,
            labels=self.labels,
            device=device,
        )
        if self.X_val is not None:
            return all_rows, all_rows, Rows(self.judged, scaling, device=device)
        if self.n_train in (None, len(self.subset)):
            return all_rows, all_rows, None
        parts = slice(self.n_train), slice(self.n_train, None)
        return all_rows, *(all_rows.part(part) for part in parts)
