"""Labels of which some are missing: -1 means that a row has none."""

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _assert_all_finite, _num_samples, check_consistent_length


def is_labelled(y):
    """Which rows have a label.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Numbers or texts; -1, as a number or as a text, means none.

    Returns
    -------
    ndarray of shape (n_samples,), bool
    """
    if y.dtype.kind == "O":
        return np.array([not (value == -1 or value == "-1") for value in y], dtype=bool)
    return y != ("-1" if y.dtype.kind in "US" else -1)


def check_labels(y, X, name, classes=None):
    """Check labels and number their classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    X : array of shape (n_samples, n_features)
    name : str
        Of the estimator, for messages.
    classes : ndarray or None
        The classes, where they are known already.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    labels : ndarray of shape (n_samples,), int64
        Places in `classes`, -1 where there is no label.
    """
    if y is None:
        raise ValueError(
            f"{name} requires y to be passed, but the target y is None. Give the labels, and "
            "-1 for rows that have none."
        )
    y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    if y.dtype.kind == "f":
        _assert_all_finite(y, input_name="y")
    elif y.dtype.kind == "O" and any(v is None or is_pandas_na(v) or v != v for v in y):
        raise ValueError(
            "y has missing values (None, NaN or NA). Write -1 where there is no label."
        )
    labelled = is_labelled(y)
    if not labelled.any() and classes is None:
        raise ValueError(
            f"y has no label: all of its {_num_samples(y)} values are -1, which means unlabelled. "
            f"{name} needs labelled rows of at least two classes; to learn from rows alone take "
            "AutoencoderTransformer."
        )
    known = y[labelled]
    if not len(known):
        return classes, np.full(len(y), -1)
    if known.dtype.kind == "O":
        _check_one_kind(known)
        known = np.array(known.tolist())
    check_classification_targets(known)
    found, numbers = np.unique(known, return_inverse=True)
    if classes is None:
        if len(found) < 2:
            raise ValueError(
                f"y has only one class, {found[0]}, but {name} needs at least two. (-1 is not a "
                "class: it means unlabelled.)"
            )
        classes = found
    elif not np.isin(found, classes).all():
        new = found[~np.isin(found, classes)]
        raise ValueError(f"y has classes that were not there at the start: {new}; had {classes}.")
    labels = np.full(len(y), -1, dtype=np.int64)
    labels[labelled] = np.searchsorted(classes, found)[numbers]
    return classes, labels


def _check_one_kind(labels):
    kinds = sorted({type(label).__name__ for label in labels})
    texts = [isinstance(label, str) for label in labels]
    if "NoneType" in kinds or any(texts) != all(texts):
        raise ValueError(
            f"y mixes labels of the types {', '.join(kinds)}. Let all labels be numbers or all be "
            "texts, and -1 where there is none."
        )


def hold_out_of_each(labels, fraction):
    """Which rows to judge by: a fraction of each class, and of the unlabelled rows.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,), int64
        In random order.
    fraction : float
        The share of the rows; of a class with two rows or more at least one.

    Returns
    -------
    ndarray of shape (n_samples,), bool
    """
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        least = int(label >= 0 and len(places) > 1)
        held[places[: max(least, int(fraction * len(places)))]] = True
    return held
