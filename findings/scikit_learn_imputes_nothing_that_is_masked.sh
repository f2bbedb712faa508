#!/usr/bin/env bash
# scikit-learn 1.9.1: the mask of a numpy masked array is dropped without a word. SimpleImputer
# gives what is under the mask back, such as the -999 of a netCDF file, as an observed value, and
# StandardScaler learns it. check_array, which all estimators use, does it.
# Seen: imputed [1.0, 3.0, -999.0], mean -331.6667; of the masked array itself the mean is 2.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1
"$work/venv/bin/python" -W error - <<'PYTHON'
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

X = np.ma.masked_equal([[1.0], [3.0], [-999.0]], -999)
imputed = SimpleImputer().fit_transform(X).ravel().tolist()
mean = StandardScaler().fit(X).mean_[0]
print("imputed", imputed, "mean", round(mean, 4), "of the masked array", X.mean())
assert imputed == [1.0, 3.0, -999.0]
assert round(mean, 4) == -331.6667
assert X.mean() == 2.0
PYTHON
