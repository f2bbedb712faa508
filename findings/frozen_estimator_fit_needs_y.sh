#!/usr/bin/env bash
# scikit-learn 1.9.1: FrozenEstimator is a fitted estimator whose `fit` does nothing. Around a
# transformer or an outlier detector that `fit` can not be called as theirs is: `fit(X)` raises
# TypeError, since y has no default there. `fit(X, None)` works, and so does a Pipeline, which hands
# y on by its name. A meta-estimator that calls `inner.fit(X)` can not hold a frozen one.
# Seen: fit(X) TypeError, fit(X, None) works
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PYTHON'
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator

X, _ = load_iris(return_X_y=True)
for inner in (PCA(2), IsolationForest(random_state=0)):
    frozen = FrozenEstimator(inner.fit(X))
    try:
        frozen.fit(X)
    except TypeError as error:
        print(type(inner).__name__, "fit(X) TypeError:", error)
    else:
        raise SystemExit("fit(X) works now")
    assert frozen.fit(X, None) is frozen
PYTHON
