"""Which dtypes values come in and go out in, whatever holds them, and which stand for none."""

import base64
import struct

import numpy as np

# Where the conventions of netCDF note it, which others follow.
_MISSING = "missing_value", "_FillValue"
# Attributes of zarr are JSON, which has no infinity: xarray writes the bytes of a float.
_ENCODED_LENGTH = len(base64.b64encode(bytes(8)))


def float_dtype(dtype):
    """The floating dtype of results for values of a dtype: float64 where they may need it."""
    fits = dtype.itemsize <= 2 or dtype.newbyteorder("=") == np.float32
    return np.float32 if fits else np.float64


def accepted_dtypes(X):
    """What scikit-learn may make of X, or must."""
    dtype = getattr(X, "dtype", None)
    if dtype is None and hasattr(X, "dtypes"):  # one for each column
        dtype = np.asarray(X[:0]).dtype
    if isinstance(dtype, np.dtype) and float_dtype(dtype) is np.float32:
        return np.float32
    return [np.float64, np.float32]


def plain_dtype(dtype, has_missing=False):
    """The dtype of values of another as `plain` gives them: numpy's own, of this machine's bytes.

    It is floating where some may be missing.
    """
    dtype = np.dtype(dtype)
    if dtype.isbuiltin == 2 and dtype.itemsize <= 2:  # of ml_dtypes, such as bfloat16
        return np.dtype(np.float32)
    if has_missing and dtype.kind in "biuO":
        return np.dtype(float_dtype(dtype))
    return dtype.newbyteorder("=")


def plain(values, dtype, missing=None):
    """Values in a dtype, with NaN where they are masked or equal `missing`; a copy if need be."""
    mask = np.ma.getmask(values)
    values = np.ma.getdata(values)
    if missing is not None:
        mask = mask | (values == missing)
    if mask is np.ma.nomask or not mask.any():
        return values.astype(dtype, copy=False)
    values = values.astype(dtype)
    values[mask] = np.nan
    return values


def missing_value(attributes):
    """The number that stands for missing values by the attributes of what has them, or None."""
    found = (_number(attributes[name]) for name in _MISSING if name in attributes)
    return next((value for value in found if value is not None and value == value), None)


def _number(value):
    if isinstance(value, str) and len(value) == _ENCODED_LENGTH:
        try:
            return struct.unpack("<d", base64.b64decode(value, validate=True))[0]
        except ValueError:
            return None
    value = np.asarray(value)
    return value.item() if value.size == 1 and value.dtype.kind in "iuf" else None
