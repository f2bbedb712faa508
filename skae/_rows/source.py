"""What X is, in blocks: the door to all kinds of it, and the one place that lists them."""

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import validate_data

from skae._rows.sources.anndata import BackedCSRSource
from skae._rows.sources.arrow import ArrowSource
from skae._rows.sources.base import CHUNK_ROWS, Source, chunks, extremes
from skae._rows.sources.dask import DaskSource
from skae._rows.sources.dtypes import plain_dtype
from skae._rows.sources.hdf5 import HDF5Source
from skae._rows.sources.memory import (
    ArraySource,
    ConvertedSource,
    CSRSource,
    JoinedSource,
    MappedSource,
    is_masked,
    is_memory_mapped,
    with_rows_at,
)
from skae._rows.sources.netcdf import NetCDF3Source, NetCDF4Source
from skae._rows.sources.zarr import ZarrSource

__all__ = [
    "CHUNK_ROWS",
    "JoinedSource",
    "Source",
    "as_source",
    "chunks",
    "extremes",
    "in_memory",
    "is_memory_mapped",
    "is_read_in_place",
    "shape_of",
    "some_rows",
    "validate_in_place",
    "with_rows_at",
]

# What scikit-learn would copy into memory as a whole, or refuse.
KINDS = (
    HDF5Source,
    ZarrSource,
    BackedCSRSource,
    ArrowSource,
    DaskSource,
    NetCDF4Source,
    NetCDF3Source,
)


def as_source(X):
    """The `Source` of an array, a CSR matrix or what is `read_in_place`; a source is its own."""
    if isinstance(X, Source):
        return X
    if sparse.issparse(X):
        return CSRSource(X)
    if not isinstance(X, np.ndarray):
        kind = _kind_of(X)
        return ArraySource(X) if kind is None else kind(X)
    if is_memory_mapped(X):
        return MappedSource(X)
    is_plain = not is_masked(X) and plain_dtype(X.dtype) == X.dtype
    return ArraySource(np.ma.getdata(X)) if is_plain else ConvertedSource(X)


def is_read_in_place(X):
    """Whether scikit-learn would copy X into memory as a whole, refuse it, or not see its mask."""
    if not isinstance(X, np.ndarray):
        return isinstance(X, Source) or _kind_of(X) is not None
    source = as_source(X)
    return X.ndim == 2 and source.dtype.kind in "biuf" and not source.is_dense


def in_memory(X):
    """X, as an array if it `is_read_in_place`."""
    return as_source(X).block(slice(None)) if is_read_in_place(X) else X


def shape_of(X):
    """The shape of X, or of the array that is made of it."""
    if is_read_in_place(X):
        return as_source(X).shape
    return X.shape if hasattr(X, "shape") else np.asarray(X).shape


def some_rows(X, rows):
    """Some rows of X in the form that it has; of what `is_read_in_place`, in memory."""
    if is_read_in_place(X):
        return as_source(X).named(rows)
    return _safe_indexing(X.tocsr() if sparse.issparse(X) else X, rows)


def _kind_of(X):
    return next((kind for kind in KINDS if kind.takes(X)), None)


def validate_in_place(estimator, X, *, reset, ensure_all_finite=True):
    """Check what `is_read_in_place` as `sklearn.utils.validation.validate_data` does.

    Parameters
    ----------
    estimator : BaseEstimator
    X : what `is_read_in_place`
    reset : bool
        Whether to set the number of features, or else to compare with it.
    ensure_all_finite : bool or "allow-nan"

    Returns
    -------
    Source

    Raises
    ------
    ValueError
        If X is not of numbers, in rows and columns, of which there is at least one, or not finite.
    """
    source, name = as_source(X), type(estimator).__name__
    if len(source.shape or ()) != 2:
        raise ValueError(
            f"Expected 2D array, but X is {source.kind} of shape {source.shape}. {name} needs one "
            "of shape (n_samples, n_features)."
        )
    if source.dtype.kind not in "biuf":
        raise ValueError(
            f"X is {source.kind} of dtype {source.dtype}, but {name} needs numbers: bool, "
            "integers or floats. Write such a one. Texts and dates are for a TabularAutoencoder, "
            "which takes frames of pandas or polars in memory."
        )
    # An array of the same shape and dtype that takes no memory has the same faults but for values.
    outline = np.broadcast_to(np.zeros((), source.dtype), source.shape)
    if source.header is None:
        validate_data(estimator, outline, dtype=None, ensure_all_finite=False, reset=reset)
    else:
        check_array(outline, dtype=None, ensure_all_finite=False, estimator=estimator)
        validate_data(estimator, source.header, skip_check_array=True, reset=reset)
    if ensure_all_finite:
        source.check_finite(allow_nan=ensure_all_finite == "allow-nan", estimator_name=name)
    return source
