"""What is known of rows that are to be drawn."""

from numbers import Integral

import numpy as np
from sklearn.utils._missing import is_pandas_na

from skae._rows.frames.known import as_rows, check_conditions
from skae._rows.frames.layouts import is_frame


def known_rows(conditions, names):
    """Rows of floats, NaN where a value is not known.

    Parameters
    ----------
    conditions : dict, frame or array-like of shape (n_samples, n_features)
        Columns and their values, of one row; or rows. A frame may have some of the columns, by
        their names, or by their numbers where they have none.
    names : list
        Of all columns; numbers where they have none.
    """
    check_conditions(conditions)
    if isinstance(conditions, dict):
        X = np.full((1, len(names)), np.nan)
        for name, value in conditions.items():
            X[0, _place(name, names)] = _number(value, name)
    elif is_frame(conditions) and (isinstance(names[0], str) or {*conditions.columns} <= {*names}):
        X = np.full((len(conditions), len(names)), np.nan)
        for name in conditions.columns:
            X[:, _place(name, names)] = _numbers(conditions[name], name)
    else:
        X = np.array(as_rows(conditions))
    if X.ndim != 2 or not len(X):
        raise ValueError(
            f"conditions has the shape {X.shape}, but it must be rows, (n_samples, n_features), or "
            "a dict of columns and values."
        )
    if X.shape[1] != len(names):
        raise ValueError(
            f"conditions has {X.shape[1]} columns, but X had {len(names)} in fit. Give rows with "
            "NaN where a value is to be drawn, or a dict of columns and values."
        )
    if X.dtype != np.float64:
        X = np.column_stack([_numbers(*pair) for pair in zip(X.T, names, strict=True)])
    if np.isinf(X).any():
        raise ValueError("conditions has infinite values. Give numbers, or NaN for what is drawn.")
    return X


def _place(name, names):
    if name in names:
        return names.index(name)
    if isinstance(name, Integral) and 0 <= name < len(names):
        return name
    raise ValueError(
        f"conditions has a column {name!r}, but in fit X had {names[:20]}. Give one of these, or "
        "its number."
    )


def _numbers(column, name):
    column = np.asarray(column)
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    return np.array([_number(value, name) for value in column.tolist()])


def _number(value, name):
    try:
        return np.nan if value is None or is_pandas_na(value) else float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"conditions has {value!r} for {name!r}, but a column has one number. For several "
            "rows give rows, with NaN where a value is to be drawn."
        ) from None


def whole_categories(block, names):
    """One-hot columns of which some are known, with what these say of the others.

    Where one is 1 the others are 0, and where all but one are 0 that is 1.

    Parameters
    ----------
    block : array of shape (n_samples, n_categories)
    names : list
        Of its columns.

    Raises
    ------
    ValueError
        If some are known to be 0, and several may be 1; if several are 1, or one is neither.
    """
    odd = ~(np.isnan(block) | (block == 0) | (block == 1))
    if odd.any():
        row, column = np.argwhere(odd)[0]
        raise ValueError(
            f"conditions has {block[row, column]:.6g} for {names[column]!r}, which is one of the "
            f"columns {names[:20]} of a category: give 1, or 0."
        )
    if (several := (block == 1).sum(axis=1) > 1).any():
        ones = np.flatnonzero(block[several][0] == 1)
        raise ValueError(
            f"conditions has 1 for {[names[one] for one in ones]}, but of the columns {names[:20]} "
            "of a category one only is 1."
        )
    gaps, one = np.isnan(block), np.nansum(block, axis=1) == 1
    block = np.where(gaps & one[:, None], 0.0, block)
    last = (gaps.sum(axis=1) == 1) & ~one
    block = np.where(gaps & last[:, None], 1.0, block)
    left = np.isnan(block)
    if (left.any(axis=1) & ~left.all(axis=1)).any():
        raise ValueError(
            "conditions says of a category only which ones it is not. Give the column of the one "
            "that it is, 1, or none of its columns."
        )
    return block
