"""Rows of X, in blocks: what all kinds share."""

import numpy as np
import torch
from sklearn.utils import assert_all_finite

from skae._rows.sources.dtypes import float_dtype, plain_dtype

CHUNK_ROWS, PARTS_ROWS = 1024, 2**18


def chunks(n_rows, chunk_rows=CHUNK_ROWS):
    """Slices that cover `n_rows` rows."""
    # scikit-learn's `gen_batches` looks at its arguments for longer than a row takes.
    return (slice(i, min(i + chunk_rows, n_rows)) for i in range(0, n_rows, chunk_rows))


def extremes(values):
    """The smallest and the largest of an array, NaN aside."""
    low, high = values.min(), values.max()
    if np.isnan(low):
        return np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    return low, high


def as_slice(rows):
    """Rows that follow one another as a slice, of which no copy is made."""
    if isinstance(rows, slice) or not len(rows) or not (np.diff(rows) == 1).all():
        return rows
    return slice(rows[0], rows[-1] + 1)


class Source:
    """Rows of X, of which any block is to be had as a dense array.

    Parameters
    ----------
    X : what a subclass is for, of shape (n_samples, n_features)

    Attributes
    ----------
    shape : tuple
        Of X.
    dtype : dtype
        Of the blocks: that of X, if it is one that numpy computes with and says what is missing.
    has_missing : bool
        Whether some values may be missing for another reason than being NaN.
    is_dense : bool
        Whether X is a plain array in memory, that need not be read.
    lies_in_file : bool
        Whether rows are read from a file, where neighbours are had sooner than others.
    together : int
        So many neighbours are read from a file, or none of them.
    kind : str
        What X is, with its article, for messages.
    header : object or None
        An empty table of the names of the columns, if they have any, for scikit-learn to look at.
    """

    is_dense = lies_in_file = has_missing = False
    together, kind, header = 1, "an array", None

    def __init__(self, X, *, has_missing=False):
        self.X, self.shape, self.has_missing = X, X.shape, has_missing
        self.dtype = plain_dtype(X.dtype, has_missing)

    def __len__(self):
        return self.shape[0]

    def block(self, rows):
        """Some of the rows as they are, but for values that are missing: these are NaN.

        Parameters
        ----------
        rows : slice or integer array
            Which rows, in any order, also more than once.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            Not to be changed: it may be a view of X.
        """
        return self.X[as_slice(rows)]

    def tensor(self, rows, copy=True):
        """Some of the rows as a floating tensor, float64 where X needs it.

        Parameters
        ----------
        rows : slice or integer array
            Which rows.
        copy : bool
            Whether the result may not be a view of X, for it may be changed in place.

        Returns
        -------
        tensor of shape (n_rows, n_features)
        """
        block = self.block(rows)
        # Torch warns of arrays that can not be written to and refuses steps backwards.
        foreign = not block.flags.writeable or min(block.strides) < 0
        make = np.array if foreign or (copy and block.base is not None) else np.asarray
        return torch.from_numpy(make(block, dtype=float_dtype(block.dtype), order="C"))

    def named(self, rows):
        """Some of the rows in memory, with the names of the columns if they have any."""
        return self.block(rows)

    def kept(self, rows):
        """Copies of some of the rows in memory, in the form that they have: dense or CSR."""
        return np.array(self.block(rows))

    def parts(self, rows, n_parts):
        """Numbers of the parts that rows lie in, where what is stored together is so many."""
        chunk, place = np.divmod(rows, self.together)
        return chunk * n_parts + place * n_parts // self.together

    def starts(self, rows, n_parts):
        """Where among rows in their order each of these parts begins."""
        found, last = [], -1
        for some in chunks(len(rows), PARTS_ROWS):  # of millions the numbers are large themselves
            part = self.parts(rows[some], n_parts)
            found.append(some.start + np.flatnonzero(np.diff(part, prepend=last)))
            last = part[-1]
        return np.concatenate(found)

    def blocks(self):
        """All rows, block by block."""
        return map(self.block, chunks(len(self)))

    def _values(self):
        """All values that are not zero for being left out, in arrays of any shape."""
        return self.blocks()

    def extremes(self):
        """The smallest and the largest value, NaN aside, or None; of a CSR matrix, stored ones."""
        found = [extremes(values) for values in self._values() if values.size]
        if not found:
            return None
        low, high = zip(*found, strict=True)
        return np.fmin.reduce(low), np.fmax.reduce(high)

    def check_finite(self, *, allow_nan=False, estimator_name=""):
        """Refuse infinity, and NaN unless `allow_nan`, in scikit-learn's words, where it is met."""
        for values in self._values():
            self.check_values(values, allow_nan=allow_nan, estimator_name=estimator_name)

    def check_values(self, values, *, allow_nan=False, estimator_name=""):
        """The same for some values of a block."""
        if self.has_missing and not allow_nan and np.isnan(values).any():
            raise ValueError(
                "Input X contains NaN, or values that are masked or filled in and so missing.\n"
                f"{estimator_name} does not accept missing values."
            )
        assert_all_finite(
            values, allow_nan=allow_nan, estimator_name=estimator_name, input_name="X"
        )
