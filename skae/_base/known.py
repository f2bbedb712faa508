"""What is known of rows that are to be drawn."""

from numbers import Integral

import numpy as np


def known_rows(conditions, names):
    """Rows of floats, NaN where a value is not known.

    Parameters
    ----------
    conditions : dict, frame or array-like of shape (n_samples, n_features)
        Columns and their values, of one row; or rows. A frame may have some of the columns.
    names : list
        Of all columns; numbers where they have none.
    """
    columns = getattr(conditions, "columns", None)
    if isinstance(conditions, dict):
        X = np.full((1, len(names)), np.nan)
        for name, value in conditions.items():
            X[0, _place(name, names)] = _number(value, name)
    elif columns is not None and isinstance(names[0], str):
        X = np.full((len(conditions), len(names)), np.nan)
        for name in columns:
            X[:, _place(name, names)] = np.asarray(conditions[name], dtype=np.float64)
    else:
        X = np.array(conditions, dtype=np.float64)
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


def _number(value, name):
    try:
        return np.nan if value is None else float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"conditions has {value!r} for {name!r}, but a column has one number. For several "
            "rows give rows, with NaN where a value is to be drawn."
        ) from None


def whole_categories(block):
    """One-hot columns of which some are known, with what these say of the others.

    Where one is 1 the others are 0, and where all but one are 0 that is 1.

    Parameters
    ----------
    block : array of shape (n_samples, n_categories)

    Raises
    ------
    ValueError
        If some are known to be 0, and several may be 1.
    """
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
