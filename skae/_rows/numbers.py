"""Numbers that a decoder is told."""

import numpy as np
from sklearn.utils import check_array, column_or_1d

from skae._rows.checks import warn_user

# Whole numbers that are taken for classes are warned of where there are more classes than this, of
# fewer rows each.
MANY_CLASSES, FEW_ROWS = 20, 20


def are_fractions(y):
    """Whether finite values of y are floats that are not all whole: no classes."""
    y = np.asarray(y)
    return y.dtype.kind == "f" and bool((y != np.floor(y))[np.isfinite(y)].any())


def check_no_fractions(y):
    """Refuse numbers that are not all whole where the decoder is told a class."""
    if are_fractions(y):
        y = np.asarray(y)
        first = y[np.isfinite(y) & (y != np.floor(y))][0]
        raise ValueError(
            f"y has fractions such as {first:g}, but this model is told classes, which are whole "
            "numbers or texts. If y is a quantity, make the model with conditional='number', which "
            "takes whole numbers for a quantity as well; else write the classes as texts."
        )


def as_numbers(y):
    """Numbers as an array of floats of one dimension.

    Raises
    ------
    ValueError
        If they are none, or not finite.
    """
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f" and np.isnan(y).any():
        raise ValueError(
            "Input y contains NaN. The decoder is told a number of each row: leave out rows "
            "without one, or fill them in. (-1 is a number like any other here.)"
        )
    return check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")


def are_many(classes, n_rows):
    """Whether classes are numbers, and so many with so few rows that they may be a quantity."""
    return classes.dtype.kind in "iuf" and len(classes) > max(MANY_CLASSES, n_rows / FEW_ROWS)


def warn_of_no_label(y):
    """Warn where numbers that are not all whole have -1, and nothing else below 0."""
    if (y == -1).any() and y[y < 0].max() == y.min() == -1:
        warn_user(
            f"{(y == -1).sum()} of {len(y)} values in y are -1, with fractions beside it and "
            "nothing else below 0. -1 is a number here, not 'no label': leave out rows without a "
            "number, or set conditional='number' if it is one."
        )


def warn_of_many_classes(classes, n_rows):
    """Warn where numbers are taken for classes, of which there are many with few rows."""
    if are_many(classes, n_rows):
        warn_user(
            f"The {len(classes)} whole numbers in y are taken for classes, of which no row is told "
            "that 20 is near to 21. If they are a quantity, such as ages, set "
            "conditional='number'; conditional='class' if they are not."
        )
