"""Where rows may lie, each as ``place(X, folder)``: X as a library has it there.

A test that asks for one is skipped where the library is absent.
"""

import warnings
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse


def new(folder, ending=""):
    """A path that nothing is at."""
    return Path(folder) / f"{len(list(Path(folder).iterdir()))}{ending}"


def mapped(X, folder):
    path = new(folder, ".npy")
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def hdf5(X, folder, **settings):
    h5py = pytest.importorskip("h5py")
    path = new(folder, ".h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("X", data=X, **settings)
    return h5py.File(path)["X"]


def zarr(X, folder, **settings):
    zarr = pytest.importorskip("zarr")
    settings = {"chunks": (len(X) // 3 + 1, X.shape[1] // 2 + 1), **settings}
    path = new(folder, ".zarr")
    array = zarr.create_array(path, shape=X.shape, dtype=X.dtype, **settings)
    array[:] = X
    return zarr.open_array(path, mode="r")


def anndata(X, folder, **settings):
    """X of an AnnData that is backed by a file."""
    anndata = pytest.importorskip("anndata")
    path = new(folder, ".h5ad")
    with quiet():
        anndata.AnnData(X).write_h5ad(path, **settings)
        return anndata.read_h5ad(path, backed="r").X


def anndata_in_zarr(X, folder):
    """A sparse matrix in a zarr store, in small chunks."""
    io, zarr = pytest.importorskip("anndata.io"), pytest.importorskip("zarr")
    store = zarr.open_group(new(folder, ".zarr"), mode="w")
    with quiet():
        io.write_elem(store, "X", X, dataset_kwargs={"chunks": (X.nnz // 3,)})
        return io.sparse_dataset(store["X"])


@contextmanager
def quiet():
    """AnnData warns of what it does itself when it writes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parquet(X, folder, group_rows=None):
    """Files of unequal length, with groups of rows that are as long but for the last."""
    dataset = pytest.importorskip("pyarrow.dataset")
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = new(folder)
    path.mkdir()
    columns = {f"feature {i}": column for i, column in enumerate(X.T)}
    group_rows = group_rows or len(X) // 5
    cuts = [0, len(X) // 2, len(X) // 2, len(X) // 2 + 1, len(X)]
    for number, (start, stop) in enumerate(pairwise(cuts)):
        part = {k: v[start:stop].astype(v.dtype.newbyteorder("=")) for k, v in columns.items()}
        pq.write_table(pa.table(part), path / f"{number}.parquet", row_group_size=group_rows)
    return dataset.dataset(path)


def arrow(X, folder):
    """A table in memory as a dataset, a feather file and a Parquet file behind one another."""
    dataset = pytest.importorskip("pyarrow.dataset")
    files = parquet(X, folder)
    third = len(X) // 3
    table, path = files.to_table(), new(folder)
    dataset.write_dataset(table.slice(third, third), path, format="ipc")
    parts = [table.slice(0, third), path, table.slice(2 * third)]
    parts = [dataset.dataset(part, format="ipc" if part is path else None) for part in parts]
    return dataset.dataset(parts)


def dask(X, folder, chunks=(None, (2, -1))):
    """Blocks of unequal size, of some columns each."""
    third = len(X) // 3
    chunks = chunks[0] or (third, 1, 0, third // 2, -1), chunks[1]
    array = pytest.importorskip("dask.array")
    chunks = tuple(
        tuple(size if size >= 0 else n - sum(sizes) - 1 for size in sizes)
        for n, sizes in zip(X.shape, chunks, strict=True)
    )
    return array.from_array(X, chunks=chunks)


def dask_of_sparse(X, folder):
    return dask(X, folder, chunks=(None, (-1,))).map_blocks(sparse.csr_array)


FILES = {
    "HDF5": hdf5,
    "HDF5 in chunks": lambda X, folder: hdf5(
        X, folder, chunks=(len(X) // 3, 2), compression="gzip"
    ),
    "HDF5 in one chunk": lambda X, folder: hdf5(X, folder, chunks=X.shape, shuffle=True),
    "zarr": zarr,
    "zarr in shards": lambda X, folder: zarr(
        X, folder, chunks=(len(X) // 10, X.shape[1]), shards=(len(X) // 10 * 3, X.shape[1])
    ),
    "AnnData": anndata,
    "AnnData, CSR": lambda X, folder: anndata(sparse.csr_matrix(X), folder),
    "AnnData, CSR, gzip": lambda X, folder: anndata(
        sparse.csr_matrix(X), folder, compression="gzip"
    ),
    "AnnData, CSR in zarr": lambda X, folder: anndata_in_zarr(sparse.csr_matrix(X), folder),
    "Parquet": parquet,
    "Parquet, files of one group": lambda X, folder: parquet(X, folder, len(X)),
    "Arrow": arrow,
    "Dask": dask,
    "Dask, sparse": dask_of_sparse,
}
