"""What X is, in blocks: the one place that knows arrays, sparse matrices and files."""

import sys

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

CHUNK_ROWS = 1024
# A dataset is read in pieces of about so many values, of whole chunks where it has some: a chunk
# must be read whole, mostly to be decompressed. Chunks of more than the second are not kept whole.
PIECE_VALUES, MAX_CHUNK_VALUES = 2**20, 2**24
# So many bytes between two rows are read rather than skipped: that takes as long as a call.
GAP_BYTES = 2**16


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


class Source:
    """Rows of X, of which any block is to be had as a dense array.

    Parameters
    ----------
    X : what a subclass is for, of shape (n_samples, n_features)

    Attributes
    ----------
    shape, dtype
        Of X.
    is_dense : bool
        Whether X is a plain array in memory, that need not be read.
    lies_in_file : bool
        Whether rows are read from a file, where neighbours are had sooner than others.
    together : int
        So many neighbours are read from a file, or none of them.
    """

    is_dense = lies_in_file = False
    together = 1

    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype

    def __len__(self):
        return self.shape[0]

    def block(self, rows):
        """Some of the rows as they are.

        Parameters
        ----------
        rows : slice or integer array
            Which rows, in any order, also more than once.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            Not to be changed: it may be a view of X.
        """
        return self.X[_as_slice(rows)]

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
        dtype = block.dtype
        if dtype not in (np.float32, np.float64):
            dtype = np.float32 if dtype.itemsize <= 2 else np.float64
        # Torch warns of arrays that can not be written to and refuses steps backwards.
        foreign = not block.flags.writeable or min(block.strides) < 0
        make = np.array if foreign or (copy and block.base is not None) else np.asarray
        return torch.from_numpy(make(block, dtype=dtype, order="C"))

    def kept(self, rows):
        """Copies of some of the rows in memory, in the form that they have: dense or CSR."""
        return np.array(self.block(rows))

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
            assert_all_finite(
                values, allow_nan=allow_nan, estimator_name=estimator_name, input_name="X"
            )


class ArraySource(Source):
    """An array in memory; one of labels or weights will do as well."""

    is_dense = True

    def _values(self):
        return [self.X]


class MappedSource(Source):
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


class HDF5Source(Source):
    """A dataset of an HDF5 file that h5py has open, read in pieces of neighbouring rows."""

    lies_in_file = True

    def __init__(self, X):
        if not X:
            raise ValueError(
                "X is a dataset of an HDF5 file that is closed. Leave the file open until the "
                "estimator has read it."
            )
        if hasattr(X, "keys"):
            raise ValueError(
                f"X is {X.name!r} of an HDF5 file, which is no dataset. Give one that is in it: "
                f"{sorted(X)[:10]}."
            )
        super().__init__(X)
        if len(self.shape or ()) == 2:
            width = max(1, self.shape[1])
            chunk = X.chunks[0] if X.chunks else 1
            self.together = max(1, min(chunk, MAX_CHUNK_VALUES // width))
            self._piece_rows = max(1, PIECE_VALUES // (width * self.together)) * self.together
            self._gap = 1 + GAP_BYTES // max(1, width * self.dtype.itemsize * self.together)
        self._start, self._piece = 0, np.empty((0, 0), self.dtype)  # what was read last

    def __getstate__(self):
        return self.X.file.filename, self.X.name

    def __setstate__(self, place):
        import h5py  # in another process, which may have no other use for it

        filename, name = place
        self.__init__(h5py.File(filename, "r")[name])

    def block(self, rows):
        """Some of the rows; each chunk that they lie in is read once."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        if (np.diff(rows) > 0).all():
            return self._read(rows)
        rows, places = np.unique(rows, return_inverse=True)
        return self._read(rows)[places]

    def _read(self, rows):
        """Rows in their order, each once."""
        breaks = np.flatnonzero(np.diff(rows // self.together) > self._gap)
        lasts = np.append(rows[breaks], rows[-1:])
        found, n_found = np.empty((len(rows), self.shape[1]), self.dtype), 0
        while n_found < len(rows):
            first = rows[n_found]
            self._go_to(first, lasts[np.searchsorted(lasts, first)])
            there = rows[n_found:] - self._start
            there = _as_slice(there[: np.searchsorted(there, len(self._piece))])
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
        stop = min(last - last % self.together + self.together, start + self._piece_rows)
        try:
            self._start, self._piece = start, self.X[start:stop]
        except Exception as error:  # h5py raises several kinds
            raise OSError(
                f"Rows {start} to {stop} of the HDF5 dataset X can not be read: {error}. The file "
                "must stay open; if it is, it may be damaged, or packed by a filter that has to be "
                "imported, such as those of hdf5plugin."
            ) from error


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
        same = first.dtype == second.dtype  # also where that is none of this machine's
        self.dtype = first.dtype if same else np.result_type(first.dtype, second.dtype)
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


def as_source(X):
    """The `Source` of an array, a CSR matrix or a dataset; a source is its own."""
    if isinstance(X, Source):
        return X
    if is_read_in_place(X):
        return HDF5Source(X)
    if sparse.issparse(X):
        return CSRSource(X)
    return MappedSource(X) if is_memory_mapped(X) else ArraySource(X)


def is_memory_mapped(X):
    """Whether the values of X, an array or a view of one, lie in a file."""
    while X is not None:
        if isinstance(X, np.memmap):
            return True
        X = getattr(X, "base", None)
    return False


def is_read_in_place(X):
    """Whether X is something that scikit-learn would copy into memory as a whole."""
    h5py = sys.modules.get("h5py")  # who has a dataset has imported it
    return h5py is not None and isinstance(X, h5py.Dataset | h5py.Group)


def validate_in_place(estimator, X, *, reset, ensure_all_finite=True):
    """Check what `is_read_in_place` as `sklearn.utils.validation.validate_data` does.

    Parameters
    ----------
    estimator : BaseEstimator
    X : h5py.Dataset
    reset : bool
        Whether to set the number of features, or else to compare with it.
    ensure_all_finite : bool or "allow-nan"

    Returns
    -------
    h5py.Dataset
        X.

    Raises
    ------
    ValueError
        If X is not of numbers, in rows and columns, of which there is at least one, or not finite.
    """
    source, name = as_source(X), type(estimator).__name__
    if len(source.shape or ()) != 2:
        raise ValueError(
            f"Expected 2D array, but X is a dataset of shape {source.shape}. {name} needs one of "
            "shape (n_samples, n_features)."
        )
    if source.dtype.kind not in "biuf":
        raise ValueError(
            f"X is a dataset of dtype {source.dtype}, but {name} needs numbers: bool, integers or "
            "floats. Write such a dataset; encode text before, for example with OneHotEncoder."
        )
    # An array of the same shape and dtype that takes no memory has the same faults but for values.
    outline = np.broadcast_to(np.zeros((), source.dtype), source.shape)
    validate_data(estimator, outline, dtype=None, ensure_all_finite=False, reset=reset)
    if ensure_all_finite:
        source.check_finite(allow_nan=ensure_all_finite == "allow-nan", estimator_name=name)
    return X


def _as_slice(rows):
    """Rows that follow one another as a slice, of which no copy is made."""
    if isinstance(rows, slice) or not len(rows) or not (np.diff(rows) == 1).all():
        return rows
    return slice(rows[0], rows[-1] + 1)
