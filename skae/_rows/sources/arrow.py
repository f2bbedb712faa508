"""Datasets of pyarrow, such as a directory of Parquet files."""

from itertools import accumulate

import numpy as np

from skae._rows.sources.dtypes import float_dtype
from skae._rows.sources.pieces import PIECE_VALUES, PieceSource, is_of

# Of a group of more rows than the first, some millions of bytes a column, a part is read as a
# stream: of each column there is one page in memory, of a million bytes as they are mostly written,
# so shorter groups are not less in memory. The others: bytes of each column and rows read at once.
MIN_STREAMED_ROWS, BUFFER_BYTES, STREAM_ROWS = 2**19, 2**16, 2**14


class ArrowSource(PieceSource):
    """A dataset of pyarrow, read by groups of rows; parts of long ones as streams.

    Values are floats, for null is NaN: float32 where all columns fit.
    """

    kind = "a dataset of pyarrow"
    advice = "Its files must be what they were when the dataset was made."

    @staticmethod
    def takes(X):
        """Of files in any format, or of tables in memory."""
        return is_of(X, "pyarrow.dataset", "Dataset")

    def __init__(self, X):
        try:
            fragments = list(X.get_fragments())
        except ValueError as error:
            raise ValueError(
                f"X is a dataset of pyarrow that can not be read by groups of rows: {error} Write "
                "what is left of it, pyarrow.dataset.write_dataset(X, folder), and give that."
            ) from error
        groups = [group for fragment in fragments for group in _groups(fragment)]
        self._groups, self._sizes = zip(*groups, strict=True) if groups else ((), ())
        self._starts = np.array([0, *accumulate(self._sizes)])
        self._stream = None
        super().__init__(X)

    def _outline(self):
        return (int(self._starts[-1]), len(self.X.schema)), _dtype(self.X.schema)

    @property
    def header(self):
        """An empty table with the names of the columns."""
        return self.X.schema.empty_table()

    def named(self, rows):
        """Some of the rows, as a table."""
        import pyarrow as pa

        return pa.table(dict(zip(self.X.schema.names, self.block(rows).T, strict=True)))

    def _chunk_rows(self):
        return self._sizes

    def _read(self, start, stop):
        found, n_found = np.empty((stop - start, self.shape[1]), self.dtype), 0
        first = np.searchsorted(self._starts, start, side="right") - 1
        last = np.searchsorted(self._starts, stop)
        for number in range(first, last):
            begin = self._starts[number]
            wanted = max(0, start - begin), min(stop - begin, self._sizes[number])
            for table in self._parts_of(number, *wanted):
                into = found[n_found : n_found + len(table)]
                for name, column in zip(self.X.schema.names, into.T, strict=True):
                    column[:] = table.column(name).to_numpy()
                n_found += len(table)
        return found

    def _parts_of(self, number, start, stop):
        """Rows of a group, in parts: of the whole, or as a stream where that would be large."""
        group, size = self._groups[number], self._sizes[number]
        if stop - start == size or size < MIN_STREAMED_ROWS or not self._can_stream(group):
            yield group.to_table(schema=self.X.schema).slice(start, stop - start)
            return
        # A stream goes on where it was left: it has no way back.
        stream, self._stream = self._stream, None
        if stream is None or not stream.is_before(number, start):
            stream = _Stream(number, group, self.X.schema.names)
        yield from stream.rows(start, stop)
        if stop < size:  # else, and after an error, its file is closed
            self._stream = stream

    def _can_stream(self, group):
        """Whether a group lies in a Parquet file that has all columns, of the dataset's types."""
        from pyarrow.dataset import get_partition_keys

        if not hasattr(group, "row_groups") or get_partition_keys(group.partition_expression):
            return False
        own = dict(zip(group.physical_schema.names, group.physical_schema.types, strict=True))
        return all(own.get(field.name) == field.type for field in self.X.schema)


class _Stream:
    """Rows of a group of a Parquet file from front to back, of which few are in memory."""

    def __init__(self, number, group, names):
        from pyarrow.parquet import ParquetFile

        self._number, self._begin, self._batch = number, 0, None
        file = ParquetFile(
            group.open(), metadata=group.metadata, pre_buffer=False, buffer_size=BUFFER_BYTES
        )
        n_rows = max(1, min(STREAM_ROWS, PIECE_VALUES // max(1, len(names))))
        self._batches = file.iter_batches(
            n_rows, row_groups=[group.row_groups[0].id], columns=names, use_threads=False
        )

    def is_before(self, number, row):
        """Whether a row of a group is yet to come, or in the batch that was read last."""
        return number == self._number and row >= self._begin

    def rows(self, start, stop):
        """Tables of these rows, which `is_before`."""
        from pyarrow import Table

        while start < stop:
            n_rows = 0 if self._batch is None else len(self._batch)
            if start >= self._begin + n_rows:
                self._begin, self._batch = self._begin + n_rows, next(self._batches, None)
                if self._batch is None:
                    raise EOFError(f"a group ends after {self._begin} rows")
                continue
            part = self._batch.slice(start - self._begin, stop - start)
            start += len(part)
            yield Table.from_batches([part])  # whose columns may have null


def _groups(fragment):
    """Parts of a fragment that are read as a whole, each with its number of rows."""
    if not hasattr(fragment, "split_by_row_group"):
        return [(fragment, fragment.count_rows())]
    # A part counts the rows of all of the file.
    parts = fragment.split_by_row_group()
    return [(part, sum(group.num_rows for group in part.row_groups)) for part in parts]


def _dtype(schema):
    """The floating dtype of numeric columns."""
    import pyarrow as pa

    numeric = pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean
    others = [f.name for f in schema if not any(is_so(f.type) for is_so in numeric)]
    if others:
        raise ValueError(
            f"X is a dataset of pyarrow with columns that are no numbers: {others[:10]}. Leave "
            "them out: pyarrow.dataset.dataset(path, schema=pyarrow.schema([...])) has just the "
            "columns of its schema."
        )
    dtypes = [np.dtype(field.type.to_pandas_dtype()) for field in schema]
    fits = all(float_dtype(dtype) is np.float32 for dtype in dtypes)
    return np.dtype(np.float32 if fits else np.float64)
