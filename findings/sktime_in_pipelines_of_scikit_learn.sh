#!/usr/bin/env bash
# sktime 1.2.0, scikit-learn 1.9.1: no transformer of sktime can be fitted in a Pipeline of
# scikit-learn. The Pipeline notes on each of its steps which callbacks are above it, and removes
# the note when the step is fitted; sktime's fit removes every attribute that is no parameter, the
# note too. The error is an AttributeError that names neither the cause nor a way out. In a pipeline
# of sktime, Tabularizer() * classifier, all is well. Its developers know of it.
# Seen: AttributeError 'Tabularizer' object has no attribute '_parent_callback_ctx'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q sktime==1.2.0 scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PYTHON'
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sktime.datasets import load_italy_power_demand
from sktime.transformations.panel.reduce import Tabularizer

X, y = load_italy_power_demand("train", return_X_y=True)
assert (Tabularizer() * LogisticRegression(max_iter=1000)).fit(X, y).score(X, y) > 0.9
try:
    make_pipeline(Tabularizer(), LogisticRegression(max_iter=1000)).fit(X, y)
except AttributeError as error:
    print(type(error).__name__, error)
else:
    raise AssertionError("it was fitted")
PYTHON
