"""What rows that lie elsewhere cost, in memory and in time, beside the same rows in memory.

python examples/benchmarks/memory.py               # a memory map of 1 GB in the temporary folder
python examples/benchmarks/memory.py --kinds all   # HDF5, zarr, AnnData, Parquet, Dask as well
python examples/benchmarks/memory.py --limit 400   # under a limit

N_FEATURES=50 python examples/benchmarks/memory.py --kinds "zarr, the same, zstd" --rows 10000000
    --epochs 2 --limit 600 --alone --pairs 1     # ten million rows, 2 GB, under a limit

The file is read from the disk, by a process whose private memory may only grow by so much, if
there is a limit; in its turns a process does the same with the rows in memory. What has been read
stays in the disk cache while a verb runs, if the machine has room for it.
"""

import argparse
import math
import mmap
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from skae import AutoencoderTransformer
from skae._rows.source import as_source
from skae._rows.tensors import as_numpy

# Of this folder, `sparse.py` would be taken for the package that Dask asks for.
sys.path[:] = [place for place in sys.path if Path(place).resolve() != Path(__file__).parent]
N_FEATURES, BLOCK, CHUNK = int(os.environ.get("N_FEATURES", 256)), 10_000, 1000


def blocks(n_samples):
    """Rows near an 8-dimensional plane, block by block, with the place of each."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(8, N_FEATURES))
    for start in range(0, n_samples, BLOCK):
        n_rows = min(BLOCK, n_samples - start)
        block = rng.normal(size=(n_rows, 8)) @ plane
        block += 0.1 * rng.normal(size=block.shape)
        yield slice(start, start + n_rows), block.astype(np.float32)


def fill(array, n_samples):
    """Write the rows to what has slice assignment."""
    for rows, block in blocks(n_samples):
        array[rows] = block


def mapped(path, n_samples):
    """A memory-mapped array."""
    if n_samples:
        shape = (n_samples, N_FEATURES)
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        fill(array, n_samples)
        array.flush()
    return np.load(path, mmap_mode="r")


def hdf5(path, n_samples, **settings):
    """A dataset of an HDF5 file."""
    import h5py

    if n_samples:
        with h5py.File(path, "w") as file:
            fill(file.create_dataset("X", (n_samples, N_FEATURES), "f4", **settings), n_samples)
    return h5py.File(path)["X"]


def zarr(path, n_samples, **settings):
    """An array of zarr."""
    import zarr

    if n_samples:
        shape = (n_samples, N_FEATURES)
        fill(zarr.create_array(path, shape=shape, dtype="f4", **settings), n_samples)
    return zarr.open_array(path, mode="r")


def anndata(path, n_samples):
    """`X` of a backed AnnData."""
    import anndata
    import h5py

    if n_samples:
        empty = anndata.AnnData(shape=(n_samples, N_FEATURES))
        empty.write_h5ad(path)
        with h5py.File(path, "a") as file:  # block by block, as AnnData writes none
            file.pop("X", None)
            X = file.create_dataset("X", (n_samples, N_FEATURES), "f4")
            X.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            fill(X, n_samples)
    return anndata.read_h5ad(path, backed="r").X


def anndata_csr(path, n_samples):
    """Sparse `X` of a backed AnnData; one value in ten is not zero."""
    import anndata
    import h5py
    from scipy import sparse

    if n_samples:
        parts = [sparse.csr_matrix(block * (block > 3.7)) for _, block in blocks(n_samples)]
        anndata.AnnData(sparse.vstack(parts, format="csr")).write_h5ad(path)
    with h5py.File(path) as file:
        assert "indptr" in file["X"]
    return anndata.read_h5ad(path, backed="r").X


def parquet(path, n_samples):
    """A directory of Parquet files."""
    import pyarrow as pa
    import pyarrow.dataset
    import pyarrow.parquet

    if n_samples:
        path.mkdir()
        for rows, block in blocks(n_samples):
            table = pa.table({str(i): column for i, column in enumerate(block.T)})
            pa.parquet.write_table(table, path / f"{rows.start:09}.parquet", row_group_size=2500)
    return pa.dataset.dataset(path)


def dask(path, n_samples):
    """A Dask array over a memory-mapped one."""
    import dask.array

    return dask.array.from_array(mapped(path, n_samples), chunks=(4096, N_FEATURES))


def fits(path, n_samples):
    """The image of a FITS file, of the other byte order, in a memory map."""
    from astropy.io import fits

    if n_samples:
        shape = {"NAXIS1": N_FEATURES, "NAXIS2": n_samples}
        header = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, **shape})
        with fits.StreamingHDU(path, header) as file:
            for _, block in blocks(n_samples):
                file.write(block)
    with fits.open(path, memmap=True) as file:
        return file[0].data


def netcdf3(path, n_samples):
    """A variable of a netCDF file that scipy maps, with a number for values that are missing."""
    from scipy.io import netcdf_file

    if n_samples:
        with netcdf_file(path, "w", version=2) as file:
            file.createDimension("row", n_samples)
            file.createDimension("feature", N_FEATURES)
            variable = file.createVariable("X", "f4", ("row", "feature"))
            fill(variable, n_samples)
            variable.missing_value = -999
    return netcdf_file(path, mmap=True).variables["X"]


def netcdf4(path, n_samples, **settings):
    """A variable of a netCDF file that netCDF4 reads and masks."""
    import netCDF4

    if n_samples:
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("row", n_samples)
            file.createDimension("feature", N_FEATURES)
            fill(file.createVariable("X", "f4", ("row", "feature"), **settings), n_samples)
    return netCDF4.Dataset(path)["X"]


def buffer(path, n_samples):
    """What numpy sees of a memory map."""
    if n_samples:
        with open(path, "wb") as file:
            for _, block in blocks(n_samples):
                file.write(block)
    with open(path, "rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(content, np.float32).reshape(-1, N_FEATURES)


def tensor(path, n_samples):
    """A tensor over a memory map."""
    buffer(path, n_samples)
    n_values = path.stat().st_size // 4
    return torch.from_file(str(path), size=n_values, dtype=torch.float32).view(-1, N_FEATURES)


KINDS = {
    "memory map": mapped,
    "HDF5": hdf5,
    "HDF5, chunks of 1000 rows": partial(hdf5, chunks=(CHUNK, N_FEATURES)),
    "HDF5, the same, gzip": partial(hdf5, chunks=(CHUNK, N_FEATURES), compression="gzip"),
    "zarr, chunks of 1000 rows": partial(zarr, chunks=(CHUNK, N_FEATURES), compressors=None),
    "zarr, the same, zstd": partial(zarr, chunks=(CHUNK, N_FEATURES)),
    "zarr, 10 of them a shard": partial(
        zarr, chunks=(CHUNK, N_FEATURES), shards=(10_000, N_FEATURES)
    ),
    "AnnData, dense": anndata,
    "AnnData, CSR": anndata_csr,
    "Parquet, groups of 2500 rows": parquet,
    "Dask": dask,
    "FITS": fits,
    "netCDF 3, scipy": netcdf3,
    "netCDF 4": netcdf4,
    "netCDF 4, chunks of 1000 rows, zlib": partial(
        netcdf4, chunksizes=(CHUNK, N_FEATURES), zlib=True
    ),
    "np.frombuffer": buffer,
    "torch.from_file": tensor,
}


def held(X):
    """The same in memory."""
    if hasattr(X, "to_memory"):
        return X.to_memory()
    return as_source(as_numpy(X)).block(slice(None)).copy()


def megabytes(name):
    """A figure of this process as Linux reports it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"This kernel does not report {name}.")


def anonymous_megabytes():
    """Memory of this process that no file stands behind."""
    return megabytes("RssAnon")


class Peak:
    """The largest growth of anonymous memory inside a `with` block."""

    def __enter__(self):
        self.start, self.growth, self.running = anonymous_megabytes(), 0.0, True
        self.watcher = threading.Thread(target=self._watch)
        self.watcher.start()
        return self

    def _watch(self):
        while self.running:
            self.growth = max(self.growth, anonymous_megabytes() - self.start)
            time.sleep(0.01)

    def __exit__(self, *exc_info):
        self.running = False
        self.watcher.join()


def work(path, kind, in_memory, limit, n_epochs):
    """One child: fit, transform and score; prints seconds and megabytes."""
    estimator = AutoencoderTransformer(8, max_iter=n_epochs, batch_size=512, random_state=0)
    # The first fit of a process loads libraries, whatever the data.
    estimator.fit(np.random.default_rng(0).normal(size=(500, N_FEATURES)).astype(np.float32))
    X = KINDS[kind](path, 0)
    X = held(X) if in_memory else X
    if limit:
        # Private memory only: pages of the file may come and go. What the libraries have reserved
        # by now, gigabytes where torch comes with CUDA, does not count.
        limit += math.ceil(megabytes("VmData"))
        resource.setrlimit(resource.RLIMIT_DATA, (limit * 2**20,) * 2)
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    for verb in ("fit", "transform", "score"):
        for name in files:  # none of it is to be in the disk cache
            with open(name, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        with Peak() as peak:
            getattr(estimator, verb)(X)
        seconds = time.perf_counter() - start
        print(f"{verb} {seconds} {peak.growth} {peak.start + peak.growth}")


def run(path, kind, *options):
    """Run a child; returns seconds, growth and peak for each verb."""
    command = [sys.executable, __file__, "--worker", path, "--kinds", kind, *options]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {
        verb: np.array(values, dtype=float) for verb, *values in map(str.split, output.splitlines())
    }


def report(kind, pairs):
    """A row of the table: what lies elsewhere, and the same in memory."""
    cells = []
    for verb in pairs[0][0]:
        there, here = (np.array([pair[side][verb] for pair in pairs]) for side in (0, 1))
        seconds, growth = np.median(there[:, 0]), there[:, 1].max()
        cells.append(f"{seconds:.1f} ({np.median(there[:, 0] / here[:, 0]):.2f}), {growth:.0f}")
    print(f"| {kind} | {' | '.join(cells)} |", flush=True)


def main(arguments=None):
    """Write each file, and use it from where it lies and in memory, in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of N_FEATURES values each")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=["memory map"], help=f"'all', or {[*KINDS]}")
    parser.add_argument(
        "--limit", type=int, help="MB that the process which reads the file may take"
    )
    parser.add_argument("--epochs", type=int, default=1, help="of `fit`")
    parser.add_argument("--alone", action="store_true", help="not in memory as well")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        kind, limit = options.kinds[0], options.limit
        work(options.worker, kind, options.in_memory, limit, options.epochs)
        return
    settings = ["--epochs", str(options.epochs)]
    limit = ["--limit", str(options.limit)] if options.limit else []
    print("`fit`, `transform` and `score`: seconds (with those in memory as 1), MB\n")
    print("| rows | `fit` | `transform` | `score` |\n| --- | --- | --- | --- |", flush=True)
    for kind in KINDS if options.kinds == ["all"] else options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "X"
            KINDS[kind](path, options.rows)
            pairs = []
            for _ in range(options.pairs):
                there = run(path, kind, *settings, *limit)
                here = there if options.alone else run(path, kind, *settings, "--in-memory")
                pairs.append((there, here))
        report(kind, pairs)


if __name__ == "__main__":
    main()
