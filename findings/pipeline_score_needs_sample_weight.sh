#!/usr/bin/env bash
# scikit-learn 1.9.1: with metadata routing, `Pipeline.score(X)` raises TypeError where no step's
# `score` takes `sample_weight`, as PCA's does not: it "got unexpected argument(s)
# {'sample_weight'}", which nobody has given. Without routing the same call gives the score. A search
# over such a Pipeline warns, and all its scores are NaN.
# Seen: without routing a number, with routing TypeError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PYTHON'
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, _ = load_iris(return_X_y=True)
pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(X)
print("without routing:", pipeline.score(X))
with config_context(enable_metadata_routing=True):
    try:
        pipeline.score(X)
    except TypeError as error:
        print("with routing: TypeError:", error)
    else:
        raise SystemExit("score(X) works now")
PYTHON
