"""Rows that a library reads from where they lie, in pieces of neighbours."""

import sys
from abc import abstractmethod

import numpy as np

from skae._rows.sources.base import Source, as_slice
from skae._rows.sources.dtypes import equal_any, plain, plain_dtype

# Rows are read in pieces of about so many values, of whole chunks where they are stored in chunks:
# a chunk must be read whole, mostly to be decompressed. Chunks of more than the second are not kept
# whole.
PIECE_VALUES, MAX_CHUNK_VALUES = 2**20, 2**24
# So many bytes between two rows are read rather than skipped: that takes as long as a call.
GAP_BYTES = 2**16


class PieceSource(Source):
    """Rows of which a library reads some neighbours at a time, in whole chunks where it has some.

    A kind fills in `takes` and `_read`; `_outline` where X itself does not tell; `_chunk_rows`
    where rows are not to be had alone; `_masks` or `_missing_values` where values may be missing
    for another reason than being NaN; `_place` and `_open` where X can not be pickled.

    Attributes
    ----------
    advice : str
        What may be the matter when rows can not be read, in a sentence.
    """

    lies_in_file = True
    advice = ""

    @staticmethod
    @abstractmethod
    def takes(X):
        """Whether X is of this kind; see `is_of`."""

    def _outline(self):
        """The shape and the dtype of the rows."""
        return self.X.shape, self.X.dtype

    def _masks(self):
        """Whether the library may mask values."""
        return False

    def _missing_values(self):
        """The numbers that stand for values that are missing."""
        return []

    def _chunk_rows(self):
        """How many rows are stored together, or how many in each chunk; 1 if each lies alone."""
        return 1

    @abstractmethod
    def _read(self, start, stop):
        """Neighbouring rows, an array of shape (stop - start, n_features), masked or not."""

    def _place(self):
        """What tells another process where X is."""
        return self.X

    @staticmethod
    def _open(place):
        """X in another process."""
        return place

    def __init__(self, X):
        self.X = X
        self.shape, dtype = self._outline()
        self._missing = self._missing_values()
        self.has_missing = self._masks() or bool(self._missing)
        self.dtype = plain_dtype(dtype, self.has_missing)
        self._divide()
        self._start, self._piece = 0, np.empty((0, 0), self.dtype)  # what was read last

    def _divide(self):
        if len(self.shape or ()) != 2:
            return  # and will be refused
        width, sizes = max(1, self.shape[1]), self._chunk_rows()
        most, self._edges = max(1, MAX_CHUNK_VALUES // width), None
        if np.ndim(sizes):
            self._edges, sizes = _edges(sizes, most)
        self.together = max(1, min(sizes, most))
        self._piece_rows = max(1, PIECE_VALUES // (width * self.together)) * self.together
        self._gap = 1 + GAP_BYTES // max(1, width * self.dtype.itemsize * self.together)

    def _chunk_of(self, rows):
        if self._edges is None:
            return rows // self.together
        return np.searchsorted(self._edges, rows, side="right") - 1

    def _first_of(self, chunk):
        """The first row of a chunk; of the one behind the last, the number of rows."""
        if self._edges is None:
            return np.minimum(chunk * self.together, len(self))
        return self._edges[chunk]

    def parts(self, rows, n_parts):
        """Numbers of the parts that rows lie in, where each chunk is so many."""
        if self._edges is None:
            return super().parts(rows, n_parts)
        chunk = self._chunk_of(rows)
        start, stop = self._edges[chunk], self._edges[chunk + 1]
        return chunk * n_parts + (rows - start) * n_parts // (stop - start)

    def __getstate__(self):
        return self._place()

    def __setstate__(self, place):
        self.__init__(self._open(place))

    def block(self, rows):
        """Some of the rows; each chunk that they lie in is read once."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        if (np.diff(rows) > 0).all():
            return self._gather(rows)
        rows, places = np.unique(rows, return_inverse=True)
        return self._gather(rows)[places]

    def _gather(self, rows):
        """Rows in their order, each once."""
        breaks = np.flatnonzero(np.diff(self._chunk_of(rows)) > self._gap)
        lasts = np.append(rows[breaks], rows[-1:])
        found, n_found = np.empty((len(rows), self.shape[1]), self.dtype), 0
        while n_found < len(rows):
            first = rows[n_found]
            self._go_to(first, lasts[np.searchsorted(lasts, first)])
            there = rows[n_found:] - self._start
            there = as_slice(there[: np.searchsorted(there, len(self._piece))])
            part = self._piece[there]
            if len(part) == len(rows):
                return part
            found[n_found : n_found + len(part)] = part
            n_found += len(part)
        return found

    def _go_to(self, first, last):
        """Read the piece that begins with a row, if it is not there, as far as another at most."""
        if self._start <= first < self._start + len(self._piece):
            return
        chunk = self._chunk_of(first)
        start = self._first_of(chunk)
        most = max(chunk + 1, self._chunk_of(start + self._piece_rows))
        stop = self._first_of(min(self._chunk_of(last) + 1, most))
        try:
            values = self._read(int(start), int(stop))
            missing = equal_any(values, self._missing)
            self._start, self._piece = int(start), plain(values, self.dtype, missing)
        except Exception as error:  # each library has its own
            raise OSError(
                f"Rows {start} to {stop} of X, {self.kind}, can not be read: {error}. {self.advice}"
            ) from error


def _edges(sizes, most):
    """Where chunks begin, and the last ends; and the longest. Those of more than `most` are cut."""
    edges = [0]
    for size in sizes:
        n_cuts, start = -(-size // most), edges[-1]
        edges.extend(start + size * (1 + i) // n_cuts for i in range(n_cuts))
    edges = np.array(edges)
    return edges, int(np.diff(edges).max(initial=1))


def is_of(X, module, *names):
    """Whether X is of some classes of a module, which who has such an X has imported."""
    module = sys.modules.get(module)
    return module is not None and isinstance(X, tuple(getattr(module, name, ()) for name in names))
