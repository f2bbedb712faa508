"""Codes of more rows than fit into memory: a Dask array, and a directory of parquet files.

The model is fitted to a sample; its `transform` is then applied block by block, so that only as
many blocks as there are workers are in memory at once.

pip install '.[dask]'
python examples/scale_out/dask_transform.py              # 1 worker, then 2
python examples/scale_out/dask_transform.py --copies 500
"""

import argparse
import tempfile
import time
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer


def transform_array(model, X):
    """Codes of a Dask array, as a Dask array."""
    return X.map_blocks(
        model.transform,
        chunks=(X.chunks[0], (model.n_components,)),
        meta=np.empty((0, 0), dtype=X.dtype),  # or Dask would try it on no rows
    )


def transform_parquet(model, source, target):
    """Codes of the rows in a directory of parquet files, in another directory."""
    X = dd.read_parquet(source)
    names = model.get_feature_names_out()
    codes = X.map_partitions(
        lambda part: pd.DataFrame(model.transform(part.to_numpy()), part.index, names),
        meta=dict.fromkeys(names, X.dtypes.iloc[0]),
    )
    codes.to_parquet(target)


def main(arguments=None):
    """Transform with one worker and with several."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--copies", type=int, default=100, help="of the 1797 digits")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the workers are threads, which torch leaves to run side by side
    digits = load_digits(as_frame=True).data.astype(np.float32)
    model = AutoencoderTransformer(8, max_iter=10, random_state=0).fit(digits.to_numpy())
    with tempfile.TemporaryDirectory() as folder:
        source, n_files = Path(folder, "rows"), 20
        source.mkdir()
        for i in range(n_files):
            rows = pd.concat([digits] * (options.copies // n_files), ignore_index=True)
            rows.to_parquet(source / f"{i:02}.parquet")
        X = dd.read_parquet(source).to_dask_array(lengths=True)
        for n_workers in sorted({1, options.workers}):
            with dask.config.set(scheduler="threads", num_workers=n_workers):
                start = time.perf_counter()
                mean = transform_array(model, X).mean(axis=0).compute()
                middle = time.perf_counter()
                transform_parquet(model, source, Path(folder, f"codes{n_workers}"))
                end = time.perf_counter()
            print(
                f"{n_workers} workers, {len(X)} rows: mean of the codes of an array "
                f"{middle - start:.1f} s ({mean[0]:.4f}, ...), codes of files into files "
                f"{end - middle:.1f} s"
            )


if __name__ == "__main__":
    main()
