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
        ({"c": 2, "a": None}, NAMES, [[NAN, NAN, 2]]),
        ({1: 0.5}, NAMES, [[NAN, 0.5, NAN]]),
        ({np.int64(2): np.float32(0.5)}, [0, 1, 2], [[NAN, NAN, 0.5]]),
        ([[1, NAN, 3], [NAN, NAN, NAN]], NAMES, [[1, NAN, 3], [NAN, NAN, NAN]]),
        (pd.DataFrame({"c": [1, 2], "a": [3, NAN]}), NAMES, [[3, NAN, 1], [NAN, NAN, 2]]),
        (pl.DataFrame({"b": [1.5, None]}), NAMES, [[NAN, 1.5, NAN], [NAN, NAN, NAN]]),
    ],
    ids=str,
)
def test_rows_have_what_is_known_and_nan(conditions, names, wanted):
    np.testing.assert_array_equal(known_rows(conditions, names), wanted)


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
    np.testing.assert_array_equal(whole_categories(np.array(given)), wanted)
    with pytest.raises(ValueError, match="only which ones it is not"):
        whole_categories(np.array([[0, NAN, NAN]]))
