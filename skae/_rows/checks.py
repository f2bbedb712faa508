"""Checks of rows, weights, settings and results, with errors that say what to do."""

import sys
import warnings

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from skae._rows.source import as_source

# Whose lines are no news to who reads a warning.
_INSIDE = ("joblib", "skae", "sklearn", "skorch", "torch")
# What scalers may leave beyond the ends of their range; it does no harm.
ROUNDING = 1e-6


def warn_user(message, category=UserWarning):
    """Warn at the line of the user's that has led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def check_weights(X, sample_weight):
    """The numbers of the rows of positive weight, and all weights or None."""
    if sample_weight is None:
        return np.arange(X.shape[0]), None
    if np.ma.is_masked(sample_weight):
        raise ValueError(
            "sample_weight has masked values. Write 0 where a row is not to count: "
            "sample_weight.filled(0)."
        )
    if not np.asarray(sample_weight).any():
        raise ValueError(
            "All of sample_weight is zero: nothing is left. At least one weight must be positive."
        )
    rows = np.empty((X.shape[0], 0))  # their number is all that matters, whatever X is
    weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
    return np.flatnonzero(weight), weight


def check_unit_interval(X, parameter):
    """Refuse values outside [0, 1], on account of a parameter."""
    found = as_source(X).extremes()
    if found is None:
        return
    low, high = found
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ValueError(
            f"{parameter} needs values in [0, 1], but X has values from {low:.8g} to "
            f"{high:.8g}. Rescale X, for example with MinMaxScaler(clip=True), or choose "
            "another."
        )


def check_finite(values, verb):
    """Pass results on unless there is NaN or infinity among them."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"{verb} gives values that are not finite: X is too far from the training data for "
            "float32. Check the units of X."
        )
    return values


def copy_containers(value):
    """A copy that does not change with the original; what the containers hold is the same."""
    if isinstance(value, dict):
        return {key: copy_containers(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [copy_containers(part) for part in value]
    return value.copy() if isinstance(value, np.ndarray) else value


def same(old, new):
    """Whether two values of a setting, through `copy_containers`, are equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, np.ndarray) or isinstance(new, np.ndarray):
        return np.array_equal(old, new)
    return old is new or bool(old == new)


def check_unchanged(started_with, params, class_name):
    """Refuse to go on with a model whose settings are not those that it was built with.

    Parameters
    ----------
    started_with, params : dict
        Then and now, through `copy_containers`.
    class_name : str
    """
    for name in sorted(started_with.keys() | params.keys()):
        old, new = started_with.get(name), params.get(name)
        if not same(old, new):
            raise ValueError(
                f"{name} was {old!r} when this {class_name} was started and is {new!r} now, which "
                "training can not go on with. Set it back, or start anew: fit with "
                "warm_start=False, or a clone."
            )
