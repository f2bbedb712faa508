"""What is said of rows to be coloured: numbers or classes, and its name."""

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d

from skae._rows.labels import is_labelled
from skae._rows.tensors import as_numpy
from skae.plotting._columns import category_order, is_frame, read_column

# With more values than these, whole numbers are no classes, as they come and as floats.
MAX_INTEGER_CLASSES, MAX_FLOAT_CLASSES = 50, 20


def taken(X, y, estimator):
    """Rows X, and y, where y may be the name of a column of the frame X.

    The column leaves X if the estimator was not fitted with it.
    """
    if not isinstance(y, str):
        return X, y
    if not is_frame(X) or y not in list(X.columns):
        known = f"has columns {list(X.columns)}" if is_frame(X) else "is no frame"
        raise ValueError(f"y={y!r} is to name a column of X, but X {known}.")
    others = [name for name in X.columns if name != y]
    fitted = getattr(estimator, "feature_names_in_", None)
    n_fitted = getattr(estimator, "n_features_in_", None)
    leaves = n_fitted == len(others) if fitted is None else y not in list(fitted)
    return (X[others] if leaves else X), X[y]


def described(y):
    """The values of y as an array, its name and the order of its classes, None where unknown."""
    if is_frame(y) and len(y.columns) == 1:
        y = y[next(iter(y.columns))]
    name, order = getattr(y, "name", None), category_order(y)
    column = (
        read_column("y", y) if order is None and not hasattr(y, "__array_namespace__") else None
    )
    if column is not None and column.kind in ("date", "duration"):
        y = column.native()
    values = column_or_1d(as_numpy(y))
    return values, None if name is None else str(name), order


def of_one_kind(labels):
    """Objects as numbers, if all are, or as texts."""
    return np.array(labels.tolist()) if labels.dtype.kind == "O" else labels


def is_continuous(labels, target_type):
    """Whether labels are numbers rather than classes."""
    is_number = labels.dtype.kind in "iuf"
    if target_type == "continuous" and not is_number:
        raise ValueError(
            f"target_type='continuous' needs numbers, but y has {str(labels[0])!r}. Leave "
            "it out, or set target_type='multiclass'."
        )
    if is_number:
        assert_all_finite(labels, input_name="y")
    if target_type != "auto" or not is_number:
        return target_type == "continuous"
    is_float = labels.dtype.kind == "f"
    most = MAX_FLOAT_CLASSES if is_float else MAX_INTEGER_CLASSES
    return bool((labels != np.round(labels)).any()) or len(np.unique(labels)) > most


def is_class(labels):
    """Which labels are not -1, no class; what outlier detectors give is -1 or 1."""
    if set(labels.tolist()) == {-1, 1}:
        return np.ones(len(labels), dtype=bool)
    return is_labelled(labels)
