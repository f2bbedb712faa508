"""Datasets of pyarrow, such as a directory of Parquet files."""

from itertools import accumulate

import numpy as np

from skae._rows.sources.dtypes import float_dtype
from skae._rows.sources.pieces import PieceSource, is_of


class ArrowSource(PieceSource):
    """A dataset of pyarrow, read by groups of rows.

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
        for group, begin in zip(self._groups[first:last], self._starts[first:last], strict=True):
            table = group.to_table(schema=self.X.schema)
            table = table.slice(max(0, start - begin), stop - max(start, begin))
            for column, values in zip(found[n_found:].T, table.columns, strict=True):
                column[: len(values)] = values.to_numpy()
            n_found += len(table)
        return found


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
