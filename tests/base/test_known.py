"""What a caller says is known of rows."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skae._base.known import known_rows, whole_categories

NAMES = ["a", "b", "c"]
NAN = np.nan


@pytest.mark.parametrize(
    ("conditions", "names", "wanted"),
    [
        ({"c": 2, "a": pd.NA}, NAMES, [[NAN, NAN, 2]]),
        ([[pd.NA, 1.5, None]], NAMES, [[NAN, 1.5, NAN]]),
        (pd.DataFrame({"c": [1, pd.NA]}, dtype="Int64"), NAMES, [[NAN, NAN, 1], [NAN] * 3]),
        ({"c": 2, "a": None}, NAMES, [[NAN, NAN, 2]]),
        ({1: 0.5}, NAMES, [[NAN, 0.5, NAN]]),
        ({np.int64(2): np.float32(0.5)}, [0, 1, 2], [[NAN, NAN, 0.5]]),
        ([[1, NAN, 3], [NAN, NAN, NAN]], NAMES, [[1, NAN, 3], [NAN, NAN, NAN]]),
        (pd.DataFrame({"c": [1, 2], "a": [3, NAN]}), NAMES, [[3, NAN, 1], [NAN, NAN, 2]]),
        (pd.DataFrame({2: [1, 2], 0: [3, NAN]}), [0, 1, 2], [[3, NAN, 1], [NAN, NAN, 2]]),
        (pd.DataFrame([[1, NAN, 3]], columns=NAMES), [0, 1, 2], [[1, NAN, 3]]),
        (pl.DataFrame({"b": [1.5, None]}), NAMES, [[NAN, 1.5, NAN], [NAN, NAN, NAN]]),
    ],
    ids=str,
)
def test_rows_have_what_is_known_and_nan(conditions, names, wanted):
    np.testing.assert_array_equal(known_rows(conditions, names), wanted)


def test_rows_are_a_copy():
    X = np.array([[1.0, NAN, 3.0]])
    assert not np.shares_memory(known_rows(X, NAMES), X)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"d": 1}, "column 'd', but in fit X had"),
        ({3: 1}, "column 3, but in fit X had"),
        ({-1: 1}, "column -1, but"),
        ({"a": [1, 2]}, "a column has one number"),
        ({"a": "x"}, "a column has one number"),
        ({"a": np.inf}, "infinite"),
        ([1, 2, NAN], "shape"),
        ([["x", 1, 2]], "'x' for 'a', but a column has one number"),
        ({}, "conditions is empty"),
        ("a", "conditions is 'a', but it must be a dict"),
        ([{"a": 1}], "a list of dicts, but a dict is of one row"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"several columns of one name: \['a'\]"),
        (pd.DataFrame({"a": ["x"]}), "'x' for 'a', but a column has one number"),
        ([[1, NAN]], "2 columns, but X had 3"),
        (np.empty((0, 3)), "shape"),
        (pd.DataFrame({"d": [1]}), "column 'd'"),
    ],
    ids=str,
)
def test_what_can_not_be_known_is_named(conditions, message):
    with pytest.raises(ValueError, match=message):
        known_rows(conditions, NAMES)


def test_one_column_of_a_category_tells_the_others():
    given = [[1, NAN, NAN], [0, 0, NAN], [NAN, NAN, NAN], [0, 1, 0]]
    wanted = [[1, 0, 0], [0, 0, 1], [NAN, NAN, NAN], [0, 1, 0]]
    np.testing.assert_array_equal(whole_categories(np.array(given), NAMES), wanted)
    for block, message in (
        ([0, NAN, NAN], "only which ones it is not"),
        ([1, NAN, 1], r"1 for \['a', 'c'\], but of the columns"),
        ([0.5, 0.5, 0], "0.5 for 'a', which is one of the columns"),
    ):
        with pytest.raises(ValueError, match=message):
            whole_categories(np.array([block]), NAMES)
