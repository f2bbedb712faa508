"""Arrays of Dask."""

import numpy as np

from skae._rows.sources.pieces import PieceSource, is_of


class DaskSource(PieceSource):
    """An array of Dask, of which few blocks are computed at a time."""

    kind = "a Dask array"
    advice = "See the error above, which came up while its blocks were computed."

    @staticmethod
    def takes(X):
        """Blocks may be sparse."""
        return is_of(X, "dask.array", "Array")

    def __init__(self, X):
        if np.isnan(X.shape).any():
            raise ValueError(
                "X is a Dask array whose number of rows is not known. Give what "
                "X.compute_chunk_sizes() returns."
            )
        super().__init__(X)

    def _masks(self):
        return isinstance(self.X._meta, np.ma.MaskedArray)

    def _chunk_rows(self):
        return self.X.chunks[0]

    def _read(self, start, stop):
        block = self.X[start:stop].compute()
        return block.toarray() if hasattr(block, "toarray") else np.asanyarray(block)
