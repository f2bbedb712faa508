"""Arrays of zarr."""

from skae._rows.sources.dtypes import missing_values
from skae._rows.sources.pieces import PieceSource, is_of


class ZarrSource(PieceSource):
    """An array of zarr, in chunks, which may be several to a shard."""

    kind = "a zarr array"
    advice = "Its store must be within reach; if it is, the chunk may be damaged."

    @staticmethod
    def takes(X):
        """A group too: to be refused."""
        return is_of(X, "zarr", "Array", "Group")

    def __init__(self, X):
        if is_of(X, "zarr", "Group"):
            raise ValueError(
                f"X is {X.name!r} of a zarr store, which is no array. Give one that is in it: "
                f"{sorted(X.array_keys())[:10]}."
            )
        super().__init__(X)

    def _missing_values(self):
        attributes = dict(self.X.attrs)
        if "_ARRAY_DIMENSIONS" in attributes:  # of xarray, which notes it there in version 2
            attributes.setdefault("_FillValue", self.X.fill_value)
        return missing_values(attributes, self.X.dtype)

    def _chunk_rows(self):
        return self.X.chunks[0]

    def _read(self, start, stop):
        return self.X[start:stop]
