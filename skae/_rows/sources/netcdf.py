"""Variables of netCDF files."""

import numpy as np

from skae._rows.sources.base import Source, as_slice
from skae._rows.sources.dtypes import equal_any, missing_values, plain, plain_dtype
from skae._rows.sources.memory import is_memory_mapped
from skae._rows.sources.pieces import PieceSource, is_of


class NetCDF4Source(PieceSource):
    """A variable of a file that netCDF4 has open, unpacked and masked as it would be there."""

    kind = "a netCDF4 variable"
    advice = "The file must stay open; if it is, it may be damaged."

    @staticmethod
    def takes(X):
        """A file or a group too: to be refused."""
        return is_of(X, "netCDF4", "Variable", "Dataset")

    def __init__(self, X):
        _refuse_file(X)
        if not _root(X.group()).isopen():
            raise ValueError(
                "X is a variable of a netCDF file that is closed. Leave the file open until the "
                "estimator has read it."
            )
        super().__init__(X)

    def _outline(self):
        X = self.X
        return X.shape, X[:0].dtype if X.shape else X.dtype  # of what it is unpacked to

    def _masks(self):
        return self.X.mask and self._outline()[1].kind != "O"  # of text, whatever its length

    def _chunk_rows(self):
        sizes = self.X.chunking()
        return sizes[0] if isinstance(sizes, list) else 1

    def _read(self, start, stop):
        return self.X[start:stop]

    def _place(self):
        group = self.X.group()
        return group.filepath(), f"{group.path}/{self.X.name}", self.X.mask, self.X.scale

    @staticmethod
    def _open(place):
        import netCDF4  # in another process, which may have no other use for it

        filename, name, mask, scale = place
        variable = netCDF4.Dataset(filename)[name]
        variable.set_auto_mask(mask)
        variable.set_auto_scale(scale)
        return variable


class NetCDF3Source(Source):
    """A variable of a file that `scipy.io.netcdf_file` has open.

    What stands for missing values is missing, whether or not the file was opened to mask it.
    """

    kind = "a netCDF variable"

    @staticmethod
    def takes(X):
        """A file too: to be refused."""
        return is_of(X, "scipy.io", "netcdf_variable", "netcdf_file")

    def __init__(self, X):
        _refuse_file(X)
        self._missing = missing_values(vars(X), X.data.dtype)
        self.X, self.shape, self.has_missing = X, X.shape, bool(self._missing)
        self._packing = [vars(X).get(name) for name in ("scale_factor", "add_offset")]
        self._is_packed = X.maskandscale and self._packing != [None, None]
        self.dtype = plain_dtype(np.float64 if self._is_packed else X.data.dtype, self.has_missing)
        self.lies_in_file = is_memory_mapped(X.data)

    def block(self, rows):
        """Some of the rows."""
        # Of several numbers that stand for missing values scipy masks one, or fails.
        values = self.X.data[as_slice(rows)]
        missing = equal_any(values, self._missing)
        if self._is_packed:
            factor, offset = self._packing
            values = values.astype(np.float64) * (1 if factor is None else factor)
            values += 0 if offset is None else offset
        return plain(values, self.dtype, missing)


def _root(group):
    # Of a group netCDF4 does not know whether it is open.
    return group if group.parent is None else _root(group.parent)


def _refuse_file(X):
    """Refuse a file or a group in place of what is in it."""
    if is_of(X, "netCDF4", "Dataset") or is_of(X, "scipy.io", "netcdf_file"):
        raise ValueError(
            f"X is a netCDF file, or a group of one, and no variable. Give one that is in it, such "
            f"as .variables[name]: {sorted(X.variables)[:10]}."
        )
