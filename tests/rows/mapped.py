"""Arrays that lie in a file of some kind, mapped into memory or read by the kind's own library."""

import mmap
import warnings

import numpy as np
import pytest
import torch


def new(folder, ending):
    """A path that nothing is at."""
    return folder / f"{len(list(folder.iterdir()))}{ending}"


def in_npy(X, folder):
    path = new(folder, ".npy")
    np.save(path, X)
    return np.load(path, mmap_mode="r").view(X.dtype)  # of bfloat16 only the width is noted


def in_bytes(X, folder):
    path = new(folder, ".bin")
    X.tofile(path)
    with open(path, "rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(content, X.dtype).reshape(X.shape)


def in_torch(X, folder, shared=True):
    """Of the dtypes that torch has."""
    path = new(folder, ".torch")
    X.tofile(path)
    dtype = torch.from_numpy(X[:0]).dtype
    return torch.from_file(str(path), shared, X.size, dtype=dtype).view(X.shape)


def in_fits(X, folder):
    fits = pytest.importorskip("astropy.io.fits")
    path = new(folder, ".fits")
    fits.PrimaryHDU(X).writeto(path)
    with fits.open(path, memmap=True) as file:
        return file[0].data


def in_netcdf3(X, folder, maskandscale=False, attributes=()):
    from scipy.io import netcdf_file

    path = new(folder, ".nc")
    with netcdf_file(path, "w") as file:
        file.createDimension("row", X.shape[0])
        file.createDimension("feature", X.shape[1])
        variable = file.createVariable("X", X.dtype.newbyteorder("="), ("row", "feature"))
        variable[:] = X
        vars(variable).update(attributes)
        variable._attributes.update(attributes)
    file = netcdf_file(path, mmap=True, maskandscale=maskandscale)
    variable = file.variables["X"]
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        file.close()  # which says that the mapping stays
    return variable


def in_netcdf4(X, folder, group="", attributes=(), fill_value=None, **settings):
    netCDF4 = pytest.importorskip("netCDF4")
    path = new(folder, ".nc")
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("row", X.shape[0])
        file.createDimension("feature", X.shape[1])
        variable = file.createVariable(
            f"{group}/X",
            X.dtype.newbyteorder("="),
            ("row", "feature"),
            fill_value=fill_value,
            **settings,
        )
        variable.setncatts(dict(attributes))
        variable.set_auto_maskandscale(False)
        variable[:] = X
    return netCDF4.Dataset(path)[f"{group}/X"]


MAPPED = {
    "bytes": in_bytes,
    "torch": lambda X, folder: in_torch(X, folder).numpy(),
    "FITS": in_fits,
    "netCDF3": in_netcdf3,
    "netCDF3, masked": lambda X, folder: in_netcdf3(X, folder, maskandscale=True),
    "netCDF4": in_netcdf4,
    "netCDF4 in chunks": lambda X, folder: in_netcdf4(
        X, folder, zlib=True, chunksizes=(min(6, len(X)), 2)
    ),
    "netCDF4 in a group": lambda X, folder: in_netcdf4(X, folder, group="a/b", contiguous=True),
}
# What is not to be had of each kind, which are told by words in their names.
LACKING = {
    "CSC": {">f4", ">f8", ">i2", "f2", "bfloat16"},
    "CSR": {">f4", ">f8", ">i2", "f2", "bfloat16"},
    "sparse": {">f4", ">f8", ">i2", "f2", "bfloat16"},
    "torch": {">f4", ">f8", ">i2", "bfloat16"},
    "FITS": {"?", "f2", "bfloat16"},
    "netCDF3": {"?", "f2", "i8", "u1", "bfloat16"},
    "netCDF4": {"?", "f2", "bfloat16"},
    "HDF5": {"bfloat16"},
    "zarr": {"bfloat16"},
    "Parquet": {"bfloat16"},
    "Arrow": {"bfloat16"},
    "polars": {"bfloat16"},
}


def lacks(kind, dtype):
    """Whether no place of such a name holds values of a dtype."""
    return any(word in kind and dtype in dtypes for word, dtypes in LACKING.items())
