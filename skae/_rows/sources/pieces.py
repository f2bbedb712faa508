"""Rows that a library reads from where they lie, in pieces of neighbours."""

import sys
from abc import abstractmethod

import numpy as np

from skae._rows.sources.base import Source, as_slice

# Rows are read in pieces of about so many values, of whole chunks where they are stored in chunks:
# a chunk must be read whole, mostly to be decompressed. Chunks of more than the second are not kept
# whole.
PIECE_VALUES, MAX_CHUNK_VALUES = 2**20, 2**24
# So many bytes between two rows are read rather than skipped: that takes as long as a call.
GAP_BYTES = 2**16


class PieceSource(Source):
    """Rows of which a library reads some neighbours at a time, in whole chunks where it has some.

    A kind has four holes: `takes`, `_chunk_rows`, `_read`, and `_place` with `_open` where X itself
    can not be pickled. Its `shape` and `dtype` are those of X unless it sets others.

    Attributes
    ----------
    kind : str
        What X is, with its article, for messages.
    advice : str
        What may be the matter when rows can not be read, in a sentence.
    """

    lies_in_file = True
    kind = advice = ""

    @staticmethod
    @abstractmethod
    def takes(X):
        """Whether X is of this kind; see `is_of`."""

    def _chunk_rows(self):
        """How many rows are stored together; 1 if any are to be had alone."""
        return 1

    @abstractmethod
    def _read(self, start, stop):
        """Neighbouring rows, an array of shape (stop - start, n_features) in the dtype of X."""

    def _place(self):
        """What tells another process where X is."""
        return self.X

    @staticmethod
    def _open(place):
        """X in another process."""
        return place

    def __init__(self, X):
        super().__init__(X)
        self._divide()
        self._start, self._piece = 0, np.empty((0, 0), self.dtype)  # what was read last

    def _divide(self):
        if len(self.shape or ()) != 2:
            return  # and will be refused
        width = max(1, self.shape[1])
        self.together = max(1, min(self._chunk_rows(), MAX_CHUNK_VALUES // width))
        self._piece_rows = max(1, PIECE_VALUES // (width * self.together)) * self.together
        self._gap = 1 + GAP_BYTES // max(1, width * self.dtype.itemsize * self.together)

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
        breaks = np.flatnonzero(np.diff(rows // self.together) > self._gap)
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
        start = first - first % self.together
        stop = last - last % self.together + self.together
        stop = min(stop, start + self._piece_rows, len(self))
        try:
            self._start, self._piece = int(start), self._read(int(start), int(stop))
        except Exception as error:  # each library has its own
            raise OSError(
                f"Rows {start} to {stop} of X, {self.kind}, can not be read: {error}. {self.advice}"
            ) from error


def is_of(X, module, *names):
    """Whether X is of some classes of a module, which who has such an X has imported."""
    module = sys.modules.get(module)
    return module is not None and isinstance(X, tuple(getattr(module, name) for name in names))
