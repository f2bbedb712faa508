#!/usr/bin/env bash
# scikit-learn 1.9.1: IterativeImputer fills the one-hot columns of a category that is missing with
# the shares of the categories, whatever the other columns say. A number that tells the category
# apart without an error stands beside it: from rows of numbers alone a logistic regression names
# all categories, the imputer names the most frequent one for each row. Each column of a block is one
# minus the others, which were filled with their means first, so that the regression of each on
# the others gives back its own mean, in every round. As one column of category numbers it works.
# Seen: one-hot 0.56 right, one column 1.00 right
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1
"$work/venv/bin/python" - <<'PYTHON'
import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

rng = np.random.default_rng(0)
category = rng.choice(3, size=1000, p=[0.3, 0.5, 0.2])
number = category + rng.normal(scale=0.05, size=1000)
missing = rng.random(1000) < 0.2

one_hot = np.eye(3)[category]
one_hot[missing] = np.nan
filled = IterativeImputer(random_state=0).fit_transform(np.column_stack([number, one_hot]))
as_block = (filled[missing, 1:].argmax(axis=1) == category[missing]).mean()

column = np.where(missing, np.nan, category)
filled = IterativeImputer(random_state=0).fit_transform(np.column_stack([number, column]))
as_column = (filled[missing, 1].round() == category[missing]).mean()
print(f"one-hot {as_block:.2f} right, one column {as_column:.2f} right")
assert as_block == (category[missing] == 1).mean() < 0.6
assert as_column == 1
PYTHON
