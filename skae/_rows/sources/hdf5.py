"""Datasets of HDF5 files."""

from skae._rows.sources.dtypes import missing_values
from skae._rows.sources.pieces import PieceSource, is_of


class HDF5Source(PieceSource):
    """A dataset of an HDF5 file that h5py has open."""

    kind = "an HDF5 dataset"
    advice = (
        "The file must stay open; if it is, it may be damaged, or packed by a filter that has to "
        "be imported, such as those of hdf5plugin."
    )

    @staticmethod
    def takes(X):
        """A group, a file too: to be refused."""
        return is_of(X, "h5py", "Dataset", "Group")

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

    def _missing_values(self):
        return missing_values(self.X.attrs, self.X.dtype)

    def _chunk_rows(self):
        return self.X.chunks[0] if self.X.chunks else 1

    def _read(self, start, stop):
        return self.X[start:stop]

    def _place(self):
        return self.X.file.filename, self.X.name

    @staticmethod
    def _open(place):
        import h5py  # in another process, which may have no other use for it

        filename, name = place
        return h5py.File(filename, "r")[name]
