"""What looks like rows and is none, with the way to what it has."""

import numpy as np

# By package and class; its base classes count.
ADVICE = {
    ("anndata", "AnnData"): "Give its matrix, X.X, or one of X.layers or X.obsm.",
    ("anndata", "Raw"): "Give its matrix, X.X.",
    ("anndata", "AlignedMappingBase"): "Give one of its tables, such as X['name'].",
    ("anndata", "AnnCollection"): "It is not read where it lies. Give the matrices of its parts to "
    "partial_fit, one after the other, or X[:].X, which loads all of it.",
    ("anndata", "AnnCollectionView"): "It is not read where it lies. Give X.X, which loads all of "
    "it.",
    # Of before `anndata.abc`; newer ones are read where they lie.
    ("anndata", "SparseDataset"): "Give X.to_memory(), or update anndata to 0.11 or later, of "
    "which it is read where it lies.",
    ("anndata", "BaseCompressedSparseDataset"): "Give X.to_memory(), or update anndata to 0.11 or "
    "later, of which it is read where it lies.",
    ("polars", "LazyFrame"): "Give X.collect().",
    ("sparse", "SparseArray"): "Give X.to_scipy_sparse().",
    ("xarray", "Dataset"): "Give one table of it, such as X['name'].data, or X.to_dataarray() with "
    "the features as its last dimension.",
    ("xarray", "DataArray"): "Give X.data if that is a Dask array, which is read block by block, "
    "or X.values, which loads all of it.",
}
_PACKAGES = {package for package, _ in ADVICE}


def refuse(X):
    """Refuse what has its rows elsewhere, and say where.

    Raises
    ------
    TypeError
        If X is of a class in `ADVICE`; a `DataArray` only if its values are not in memory. If it is
        a structured array.
    """
    if isinstance(X, np.ndarray) and X.dtype.names:
        raise TypeError(
            f"X is a structured array with fields {list(X.dtype.names)[:10]}, which is no table. "
            "Give numpy.lib.recfunctions.structured_to_unstructured(X), or pandas.DataFrame(X)."
        )
    package = type(X).__module__.partition(".")[0]
    if package not in _PACKAGES or any(cls.__module__ == "anndata.abc" for cls in type(X).__mro__):
        return
    for cls in type(X).__mro__:
        advice = ADVICE.get((package, cls.__name__))
        if advice and not (cls.__name__ == "DataArray" and _is_in_memory(X)):
            raise TypeError(f"X is {package}'s {type(X).__name__}, which is no table. {advice}")


def _is_in_memory(array):
    return array.chunks is None and getattr(array.variable, "_in_memory", True)
