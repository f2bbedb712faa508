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
    fits = dtype.itemsize <= 2 or (dtype.kind, dtype.itemsize) == ("f", 4)
    return np.float32 if fits else np.float64


def accepted_dtypes(X):
    """What scikit-learn may make of X, or must."""
    dtypes = _dtypes(X)
    if dtypes and all(isinstance(d, np.dtype) and float_dtype(d) is np.float32 for d in dtypes):
        return np.float32
    return [np.float64, np.float32]


def _dtypes(X):
    """The dtype of an array, or those of the columns of a table; none where nothing tells."""
    if hasattr(X, "dtype"):
        return [X.dtype]
    if hasattr(X, "iloc"):  # of pandas, or like it; some know the dtype of numpy beside their own
        return [getattr(dtype, "numpy_dtype", dtype) for dtype in X.dtypes]
    if hasattr(X, "dtypes"):  # of polars
        return [np.asarray(X[:0]).dtype]
    if hasattr(getattr(X, "schema", None), "empty_table"):  # of pyarrow
        return [np.asarray(column).dtype for column in X.schema.empty_table().columns]
    return []


def plain_dtype(dtype, has_missing=False):
    """The dtype of values of another as `plain` gives them: numpy's own, of this machine's bytes.

    It is floating where some may be missing.
    """
    dtype = np.dtype(dtype)
    if dtype.isbuiltin == 2 and dtype.itemsize <= 2:  # of ml_dtypes, such as bfloat16
        return np.dtype(np.float32)
    if has_missing and dtype.kind in "biuO":
        return np.dtype(float_dtype(dtype))
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def plain(values, dtype, missing=False):
    """Values in a dtype, with NaN where they are masked or `missing`; a copy if need be."""
    mask = np.ma.getmask(values) | missing
    values = np.ma.getdata(values)
    if not mask.any():
        return values.astype(dtype, copy=False)
    values = values.astype(dtype)
    values[mask] = np.nan
    return values


def equal_any(values, codes):
    """Which values equal one of some codes."""
    values = np.ma.getdata(values)
    return np.logical_or.reduce([values == code for code in codes]) if codes else np.False_


def missing_values(attributes, dtype):
    """The numbers, of a dtype, that stand for missing values by the attributes of what has them.

    What the dtype can not hold is none of them, nor is NaN, which is missing anyway.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        return []
    found = (_numbers(attributes[name]) for name in _MISSING if name in attributes)
    with np.errstate(over="ignore", invalid="ignore"):
        pairs = [(value.astype(dtype), value) for values in found for value in values]
    # Text such as -999.9 is float64 where the values that it is meant for are not.
    rounding = np.finfo(dtype).eps if dtype.kind == "f" else 0
    held = (code for code, value in pairs if np.isclose(code, value, rtol=rounding, atol=0))
    return list(dict.fromkeys(held))


def _numbers(values):
    values = [_decoded(value) for value in values] if isinstance(values, list) else _decoded(values)
    values = np.ravel(values)
    return values if values.dtype.kind in "iuf" else ()


def _decoded(value):
    """A number that xarray has written as text."""
    if not isinstance(value, str) or len(value) != _ENCODED_LENGTH:
        return value
    try:
        return struct.unpack("<d", base64.b64decode(value, validate=True))[0]
    except ValueError:
        return value
