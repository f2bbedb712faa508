#!/usr/bin/env bash
# scikit-learn 1.9.1, pandas 3.0.1: KNNImputer(keep_empty_features=True) keeps a column without any
# value, but get_feature_names_out leaves its name out, so that set_output(transform="pandas") fails
# on such a table. SimpleImputer with the same settings names all columns that it gives.
# Seen: KNNImputer 3 columns, 2 names / SimpleImputer 3 columns, 3 names / ValueError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1 pandas==3.0.1
"$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import pandas as pd
from sklearn.impute import KNNImputer, SimpleImputer

table = pd.DataFrame({"a": [1.0, 2.0, np.nan], "empty": [np.nan] * 3, "c": [1.0, 2.0, 3.0]})
seen = []
for cls in (KNNImputer, SimpleImputer):
    imputer = cls(keep_empty_features=True).fit(table)
    seen.append((imputer.transform(table).shape[1], len(imputer.get_feature_names_out())))
    print(f"{cls.__name__} {seen[-1][0]} columns, {seen[-1][1]} names")
assert seen == [(3, 2), (3, 3)]
try:
    KNNImputer(keep_empty_features=True).set_output(transform="pandas").fit_transform(table)
except ValueError as error:
    print("ValueError", error)
else:
    raise AssertionError("it gives a frame")
PYTHON
