"""Labels of which some are missing: -1 means that a row has none."""

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, check_consistent_length


def as_labels(y):
    """Labels, some of which may be -1, as an array of one dimension.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Numbers or texts; beside texts -1 may stand as a number.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If y is no column, or has missing or infinite values.
    """
    if isinstance(y, (list, tuple)) and any(isinstance(value, str) for value in y):
        y = np.array(y, dtype=object)  # numpy would make texts of the numbers
    is_masked = np.ma.is_masked(y)
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "T":  # texts of any length, which numpy does not search
        y = y.astype(str)
    if y.dtype.kind == "f" and np.isinf(y).any():
        raise ValueError("Input y contains infinity. Labels are finite numbers, or texts.")
    if y.dtype.kind == "O":
        missing = any(value is None or is_pandas_na(value) or value != value for value in y)
    else:
        missing = y.dtype.kind in "fc" and np.isnan(y).any()
    if missing or is_masked:
        raise ValueError(
            "Input y contains NaN, NA, None or what is masked, a missing value. Write -1 where "
            "there is no label."
        )
    return y


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
    y = as_labels(y)
    check_consistent_length(X, y)
    labelled = is_labelled(y)
    if not labelled.any() and classes is None:
        raise ValueError(
            f"y has no label: all of its {_num_samples(y)} values are -1, which means unlabelled. "
            f"{name} needs labelled rows of at least two classes; to learn from rows alone take "
            "AutoencoderTransformer."
        )
    if not labelled.any():
        return classes, np.full(len(y), -1)
    found, numbers = _distinct(y[labelled])
    if classes is None:
        if len(found) < 2:
            raise ValueError(
                f"y has only one class, {found[0]}, but {name} needs at least two. (-1 is not a "
                "class: it means unlabelled.)"
            )
        classes = found
    places = places_of(found, classes)
    if (places < 0).any():
        new = found[places < 0]
        raise ValueError(f"y has classes that were not there at the start: {new}; had {classes}.")
    labels = np.full(len(y), -1, dtype=np.int64)
    labels[labelled] = places[numbers]
    return classes, labels


def declared_classes(classes, fitted=None):
    """Check what `partial_fit` is told of the classes; -1 is none of them.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
    fitted : ndarray or None
        The classes of the model, where there is one.

    Returns
    -------
    ndarray of shape (n_classes,)
        In order.
    """
    classes = as_labels(classes)
    classes = classes[is_labelled(classes)]
    if len(classes):
        classes, _ = _distinct(classes)
    if len(classes) < 2:
        raise ValueError(f"classes must have two or more, beside -1, but has {classes}.")
    if fitted is not None and not np.array_equal(classes, fitted):
        raise ValueError(
            f"classes={classes} are not those that the model began with: {fitted}. Leave them out "
            "after the first call, or begin a new model."
        )
    return classes


def _distinct(labels):
    """Classes in order, and the place of each label there."""
    found, places = np.unique(_of_one_kind(labels), return_inverse=True)
    # More than once, for many labels that differ would be taken for targets of a regression.
    check_classification_targets(np.tile(found, 3))
    return found, places


def places_of(labels, classes):
    """Where labels stand in classes.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Without -1.
    classes : ndarray of shape (n_classes,)
        In order.

    Returns
    -------
    ndarray of shape (n_samples,), int64
        -1 where a label is none of the classes. No text is a number: "3" is not 3.
    """
    labels = _of_one_kind(labels)
    if not len(labels) or _kind(labels) != _kind(classes):
        return np.full(len(labels), -1)
    places = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    return np.where(classes[places] == labels, places, -1)


def _kind(labels):
    return "number" if labels.dtype.kind in "biuf" else labels.dtype.kind


def _of_one_kind(labels):
    """Labels without -1 as an array of numbers or of texts, not of objects."""
    if labels.dtype.kind != "O" or not len(labels):
        return labels
    kinds = sorted({type(label).__name__ for label in labels})
    texts = [isinstance(label, str) for label in labels]
    if any(texts) != all(texts):
        raise ValueError(
            f"y mixes labels of the types {', '.join(kinds)}. Let all labels be numbers or all be "
            "texts, and -1 where there is none."
        )
    return np.array(labels.tolist())


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
