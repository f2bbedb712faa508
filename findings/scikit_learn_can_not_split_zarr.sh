#!/usr/bin/env bash
# zarr 3.1.6 and scikit-learn 1.9.1: an array of zarr has a shape, a dtype and takes lists of rows by
# orthogonal indexing, but `cross_val_score` and whatever else divides rows fail with "The truth value
# of an array with more than one element is ambiguous". The same rows as a dataset of h5py work.
# Seen: zarr ValueError, h5py 3 scores
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q zarr==3.1.6 h5py==3.16.0 scikit-learn==1.9.1
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import h5py
import zarr
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score

X, _ = load_iris(return_X_y=True)
array = zarr.create_array(f"{sys.argv[1]}/X.zarr", data=X)
with h5py.File(f"{sys.argv[1]}/X.h5", "w") as file:
    print("h5py:", len(cross_val_score(PCA(2), file.create_dataset("X", data=X), cv=3)), "scores")
try:
    cross_val_score(PCA(2), array, cv=3)
except ValueError as error:
    print("zarr: ValueError:", error)
else:
    raise SystemExit("zarr works now")
PYTHON
