"""Labels of which some are missing."""

import numpy as np
import pandas as pd
import pytest

from skae._rows.labels import (
    check_labels,
    declared_classes,
    hold_out_of_each,
    is_labelled,
    places_of,
)

X = np.zeros((6, 1))


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([3, -1, 5, -1, 5, 3]), [3, 5]),
        ([3.0, -1.0, 5.0, -1.0, 5.0, 3.0], [3, 5]),
        (["a", -1, "b", -1, "b", "a"], ["a", "b"]),
        (["a", -1.0, "b", -1, "b", "a"], ["a", "b"]),
        (np.array(["a", -1, "b", -1, "b", "a"], dtype=object), ["a", "b"]),
        (np.array(["a", "-1", "b", "-1", "b", "a"]), ["a", "b"]),
        (pd.Series(["a", -1, "b", -1, "b", "a"]), ["a", "b"]),
        (pd.Series([3, -1, 5, -1, 5, 3], dtype="Int64"), [3, 5]),
        (np.array([False, -1, True, -1, True, False], dtype=object), [False, True]),
        (np.array([-2, -1, 5, -1, 5, -2]), [-2, 5]),
    ],
    ids=[
        "ints",
        "floats",
        "list",
        "float in a list",
        "objects",
        "texts",
        "series",
        "Int64",
        "bools",
        "negative",
    ],
)
def test_classes_are_numbered_and_minus_one_is_none(y, classes):
    found, labels = check_labels(y, X, "Model")
    assert found.tolist() == classes
    assert labels.tolist() == [0, -1, 1, -1, 1, 0]


def test_known_classes_keep_their_numbers():
    _, labels = check_labels([5, 5, -1, -1, 9, 9], X, "Model", np.array([3, 5, 9]))
    assert labels.tolist() == [1, 1, -1, -1, 2, 2]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([-1] * 6, "no label: all of its 6 values are -1"),
        ([-1, 2, 2, -1, 2, 2], "only one class, 2"),
        ([0, 1], "inconsistent numbers of samples"),
        ([0.5, 1.2, 3.3, 0.1, 0.2, 0.3], "Unknown label type"),
        ([0, 1, np.nan, 1, 0, 1], "contains NaN"),
        (["a", 1, "a", 1, -1, "b"], "types int, str"),
        (["a", None, "a", "b", -1, "b"], "Write -1 where there is no label"),
        (["a", pd.NA, "a", "b", -1, "b"], "Write -1 where there is no label"),
        (pd.Series([0, 1, None, 1, 0, 1], dtype="Int64"), "Write -1 where there is no label"),
        ([0, 1, np.inf, 1, 0, 1], "contains infinity"),
    ],
)
@pytest.mark.parametrize("container", [list, np.array])
def test_labels_that_do_not_work_say_why(y, message, container):
    if isinstance(y, list):
        y = y if container is list else np.array(y, dtype=object if "a" in y else None)
    with pytest.raises(ValueError, match=message):
        check_labels(y, X, "Model")


def test_many_classes_of_one_row_are_no_regression(recwarn):
    classes, _ = check_labels(np.arange(40), np.zeros((40, 1)), "Model")
    assert len(classes) == 40
    assert not recwarn


@pytest.mark.parametrize("n_classes", [3, 30])  # numpy looks for few and for many in other ways
def test_no_text_is_a_number(n_classes):
    classes = np.arange(n_classes)
    for labels in (classes.astype(str), classes.astype(str).astype(object)):
        assert (places_of(labels, classes) == -1).all()
        with pytest.raises(ValueError, match="were not there at the start"):
            check_labels(labels, labels, "Model", classes)
    shuffled = np.roll(classes, 1)
    np.testing.assert_array_equal(places_of(shuffled.astype(object), classes), shuffled)
    texts = np.sort(classes.astype(str))
    np.testing.assert_array_equal(texts[places_of(texts[::-1], texts)], texts[::-1])
    assert (places_of(classes, texts) == -1).all()
    assert not len(places_of(np.array([], dtype=object), texts))
    assert places_of(np.array([-5, n_classes, 0.5, 1.0]), classes).tolist() == [-1, -1, -1, 1]


@pytest.mark.parametrize(
    ("classes", "fitted", "found"),
    [
        ([2, 0, 1, 1], None, [0, 1, 2]),
        (np.array(["odd", "even", -1], dtype=object), None, ["even", "odd"]),
        (range(3), np.arange(3), [0, 1, 2]),
    ],
)
def test_classes_that_are_declared_are_put_in_order(classes, fitted, found):
    assert declared_classes(classes, fitted).tolist() == found


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "two or more"),
        ([-1], "two or more"),
        (["-1"], "two or more"),
        (np.array([-1], dtype=object), "two or more"),
        ([0, 0, -1], "two or more"),
        ([0, 1, np.nan], "a missing value"),
        (np.ma.masked_equal([0, 1, -999], -999), "a missing value"),
        ([0, 1, 2], r"not those that the model began with: \[0 1\]"),
        (["0", "1"], "not those that the model began with"),
    ],
)
def test_classes_that_do_not_work_say_why(classes, message):
    with pytest.raises(ValueError, match=message):
        declared_classes(classes, np.arange(2))


def test_new_classes_are_refused_later():
    with pytest.raises(ValueError, match="were not there at the start"):
        check_labels([3, 4, 3, 4, -1, -1], X, "Model", np.array([3, 5]))


def test_of_each_class_some_are_held_out():
    labels = np.repeat([-1, 0, 1, 2], [100, 20, 2, 1])
    held = hold_out_of_each(labels, 0.1)
    assert [held[labels == label].sum() for label in (-1, 0, 1, 2)] == [10, 2, 1, 0]


def test_what_is_labelled():
    assert is_labelled(np.array([1, -1, 0])).tolist() == [True, False, True]
