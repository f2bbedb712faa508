#!/usr/bin/env bash
# scikit-learn 1.9.1: the check of sparse rows in `check_estimator` takes whatever has
# `predict_proba` for a classifier and reads its tags, which are None elsewhere. A clusterer that
# gives probabilities, as GaussianMixture does, and takes sparse rows, is so told that it does "not
# fail gracefully on sparse data"; without `predict_proba` it passes. GaussianMixture itself refuses
# sparse rows before that line.
# Seen: with predict_proba 'NoneType' object has no attribute 'multi_class', without: passed
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from sklearn.cluster import KMeans
from sklearn.utils.estimator_checks import check_estimator


class Soft(KMeans):
    def predict_proba(self, X):
        return np.eye(self.n_clusters)[self.predict(X)]


def outcome(cls):
    (check,) = (
        one
        for one in check_estimator(cls(3, n_init=1), on_fail=None)
        if one["check_name"] == "check_estimator_sparse_array"
    )
    error = check["exception"]
    return check["status"] if error is None else str(error.__cause__ or error.__context__)


print("with predict_proba", outcome(Soft), "without:", outcome(KMeans))
assert "'NoneType' object has no attribute 'multi_class'" in outcome(Soft)
assert outcome(KMeans) == "passed"
PYTHON
