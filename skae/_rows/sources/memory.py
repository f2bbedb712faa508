"""Arrays and sparse matrices, and sources behind one another."""

import mmap
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from skae._rows.sources.base import Source, as_slice
from skae._rows.sources.dtypes import plain

# Smaller tensors are not worth the question whether they lie in a file.
MIN_MAPPED_BYTES = 2**24


class ArraySource(Source):
    """An array in memory; one of labels or weights will do as well."""

    is_dense = True

    def _values(self):
        return [self.X]


class ConvertedSource(Source):
    """An array of values that become others, block by block: masked ones NaN, bfloat16 float32."""

    def __init__(self, X):
        super().__init__(X, has_missing=is_masked(X))

    def block(self, rows):
        """Some of the rows in the dtype that they become."""
        return plain(self.X[as_slice(rows)], self.dtype)


class MappedSource(ConvertedSource):
    """An array whose values lie in a file."""

    lies_in_file = True


class CSRSource(Source):
    """A sparse matrix."""

    def block(self, rows):
        """Some of the rows, with their zeros."""
        return super().block(rows).toarray()

    def kept(self, rows):
        """Copies of some of the rows, as a CSR array."""
        return sparse.csr_array(self.X[rows])

    def _values(self):
        return [self.X.data]


class JoinedSource(Source):
    """The rows of a source, and those of another behind them.

    Parameters
    ----------
    first, second : Source
        With as many features.
    """

    def __init__(self, first, second):
        self.first, self.second = first, second
        self.shape = (len(first) + len(second), first.shape[1])
        self.dtype = np.result_type(first.dtype, second.dtype)
        self.has_missing = first.has_missing or second.has_missing
        self.is_dense = first.is_dense and second.is_dense
        self.lies_in_file = first.lies_in_file or second.lies_in_file
        self.together = max(first.together, second.together)

    def block(self, rows):
        """Some of the rows, in the dtype that holds both sources."""
        rows = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        parts = [(self.first, rows < len(self.first), 0)]
        parts += [(self.second, ~parts[0][1], len(self.first))]
        for source, there, start in parts:
            if there.all():
                return source.block(rows - start).astype(self.dtype, copy=False)
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        for source, there, start in parts:
            found[there] = source.block(rows[there] - start)
        return found


def with_rows_at(first, second, places):
    """Rows of `Source.kept`, in the form that they have, with others at some places.

    The places are distinct; those beyond the end make it longer, without a gap.
    """
    n_first, n_rows = first.shape[0], max(first.shape[0], 1 + places.max())
    if sparse.issparse(first):
        order = np.arange(n_rows)
        order[places] = n_first + np.arange(len(places))
        return sparse.vstack([first, sparse.csr_array(second)], format="csr")[order]
    second = second.toarray() if sparse.issparse(second) else second
    found = np.empty((n_rows, *first.shape[1:]), np.result_type(first, second))
    found[:n_first], found[places] = first, second
    return found


def is_masked(X):
    """Whether some value of an array is masked."""
    return bool(np.ma.getmask(X).any())


def is_memory_mapped(X):
    """Whether the values of X, an array or a view of one, lie in a file."""
    while X is not None:
        if isinstance(X, np.memmap | mmap.mmap):
            return True
        if isinstance(X, torch.Tensor):
            return _is_mapped_tensor(X)
        X = X.obj if isinstance(X, memoryview) else getattr(X, "base", None)
    return False


def _is_mapped_tensor(X):
    storage = X.untyped_storage()
    if storage.filename is not None or storage.nbytes() < MIN_MAPPED_BYTES:
        return storage.filename is not None
    # Of a file that is not shared, which is what `torch.from_file` maps unless it is told to share
    # it, torch does not know. Linux does.
    try:
        maps = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return False
    for place, *fields in map(str.split, maps):
        start, stop = (int(end, 16) for end in place.split("-"))
        if start <= X.data_ptr() < stop:
            return len(fields) > 4 and fields[4].startswith("/")
    return False
