#!/usr/bin/env bash
# dask-ml 2025.1.0, dask 2026.8.0, scikit-learn 1.9.1: the Dask array that ParallelPostFit(PCA(8))
# .transform gives of an array with 64 columns says that it has 64 columns; computed, it has 8.
# What is asked of the lazy array by position or by size is then silently wrong: its last two
# columns are no columns, and its sum over its size is an eighth of its mean. transform_meta, whose
# documentation speaks of the output's shape, changes nothing: map_blocks takes from it the type,
# and the width from `chunks`, which dask-ml does not give.
# Seen: (1797, 64) (1797, 8) / last two columns (1797, 0) / ratio 0.125
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q dask-ml==2025.1.0 dask==2026.8.0 scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PYTHON'
import dask.array as da
import numpy as np
from dask_ml.wrappers import ParallelPostFit
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

digits = load_digits().data
X = da.from_array(digits, chunks=(600, 64))
wrapped = ParallelPostFit(PCA(8).fit(digits), transform_meta=np.empty((0, 8)))
codes = wrapped.transform(X)
print(codes.shape, codes.compute().shape)
last = codes[:, -2:].compute()
print("last two columns", last.shape)
squares = codes**2
ratio = (squares.sum() / squares.size).compute() / squares.mean().compute()
print("ratio", round(float(ratio), 3))
assert (codes.shape, codes.compute().shape) == ((1797, 64), (1797, 8))
assert last.shape == (1797, 0)
assert abs(ratio - 1 / 8) < 1e-6
PYTHON
