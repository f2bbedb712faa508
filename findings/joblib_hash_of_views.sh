#!/usr/bin/env bash
# scikit-learn 1.9.1, joblib 1.6.0: joblib.hash of a fitted LogisticRegression of two classes, or of
# a TruncatedSVD, changes when the estimator has been to a pickle and back, once. Their arrays are
# views with steps of their own, joblib hashes the steps of an array as well as its values, and a
# pickle makes a view whole. A Ridge keeps its hash. So a cache that is keyed by a fitted estimator
# misses after it was sent to another process.
# Seen: LogisticRegression False True / TruncatedSVD False True / Ridge True True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1 joblib==1.6.0
"$work/venv/bin/python" - <<'PYTHON'
import pickle

import joblib
from sklearn.datasets import load_iris
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression, Ridge

X, y = load_iris(return_X_y=True)
seen = {}
for model in (LogisticRegression(max_iter=1000), TruncatedSVD(2), Ridge()):
    model.fit(X, y % 2)
    once = pickle.loads(pickle.dumps(model))
    twice = pickle.loads(pickle.dumps(once))
    hashes = [joblib.hash(one) for one in (model, once, twice)]
    seen[type(model).__name__] = hashes[0] == hashes[1], hashes[1] == hashes[2]
    print(type(model).__name__, *seen[type(model).__name__])
assert seen == {
    "LogisticRegression": (False, True),
    "TruncatedSVD": (False, True),
    "Ridge": (True, True),
}
PYTHON
