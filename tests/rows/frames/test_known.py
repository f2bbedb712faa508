"""Values of a table that are asked for."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.preprocessing import StandardScaler

from skae._rows.frames.columns import LEARNED
from skae._rows.frames.encoding import TableEncoding
from skae._rows.frames.known import KnownValues

FRAME = pd.DataFrame(
    {
        "size": [1.5, 2.5, 3.5, 2.5] * 10,
        "kind": ["a", "b", "b", "a"] * 10,
        "day": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-02", "2024-01-03"] * 10),
        "same": ["x"] * 40,
    }
)


@pytest.fixture(scope="module")
def table():
    return TableEncoding.find(FRAME, {}, 40, StandardScaler())


@pytest.mark.parametrize(
    "day",
    [
        "2024-01-02",
        datetime.datetime(2024, 1, 2),
        pd.Timestamp("2024-01-02"),
        np.datetime64("2024-01-02"),
        datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC),
    ],
    ids=repr,
)
def test_a_dict_is_a_row_of_what_is_known(table, day):
    known = KnownValues.of({"day": day, "kind": "b", "size": None}, table)
    rows = known.encoded()
    assert rows.shape == (1, 4)
    np.testing.assert_array_equal(np.isnan(rows), [[True, False, False, False]])
    np.testing.assert_array_equal(rows[0, 2:], [0, 1])
    made = known.put_into(np.nan_to_num(np.repeat(rows, 3, axis=0)), 3)
    assert made["day"].eq(pd.Timestamp("2024-01-02")).all()
    assert made["kind"].tolist() == ["b"] * 3
    assert made["same"].tolist() == ["x"] * 3


def test_values_out_of_range_come_back_exactly(table):
    known = KnownValues.of(pd.DataFrame({"size": [9.123, np.nan]}, index=[4, 2]), table)
    made = known.put_into(np.nan_to_num(np.repeat(known.encoded(), 2, axis=0)), 2)
    assert made["size"].tolist() == [9.123, 9.123, 2.5, 2.5]
    assert made.index.tolist() == [4, 4, 2, 2]


@pytest.mark.parametrize("rows_of", [list, tuple], ids=["lists", "tuples"])
def test_rows_may_be_lists_and_tuples(rows_of):
    table = TableEncoding.find(FRAME[["size", "kind"]].to_numpy(), {}, 40, StandardScaler())
    known = KnownValues.of(rows_of([rows_of([1.5, None]), rows_of([np.nan, "b"])]), table)
    made = known.put_into(np.nan_to_num(known.encoded()), 1)
    assert made.tolist() == [[1.5, "a"], [2.5, "b"]]


def test_a_frame_of_another_library_is_taken(table):
    known = KnownValues.of(pl.DataFrame({"kind": ["a", None], "size": [None, 1.5]}), table)
    assert np.isnan(known.encoded()).tolist() == [[True, True, False, False], [False, *[True] * 3]]


def test_a_table_may_have_the_columns_that_were_left_out():
    frame = FRAME.assign(
        order=np.arange(40), start=pd.Timestamp("2024-01-01"), empty=np.nan, odd=[[1]] * 40
    )
    table = TableEncoding.find(frame, {}, 40, StandardScaler())
    left_out = {"order": "identifier", "odd": "unknown"}
    left_out |= dict.fromkeys(["same", "start", "empty"], "constant")
    assert {c.name: c.kind for c in table.columns if c.kind not in LEARNED} == left_out
    rows = frame.iloc[[1, 5]].assign(size=np.nan)
    known = KnownValues.of(rows, table)
    without = KnownValues.of(rows.drop(columns=list(left_out)), table)
    np.testing.assert_array_equal(known.encoded(), without.encoded())
    for name, value in (("same", "y"), ("start", pd.Timestamp("2025-01-01")), ("empty", 1.0)):
        with pytest.raises(ValueError, match=f"for '{name}', which was left out in fit"):
            KnownValues.of(rows.assign(**{name: value}), table)
        with pytest.raises(ValueError, match=f"for '{name}', which was left out in fit"):
            KnownValues.of({name: value, "kind": "a"}, table)


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT], ids=str)
def test_what_is_missing_is_not_known(table, nothing):
    conditions = {"size": nothing, "day": nothing, "kind": "a"}
    np.testing.assert_array_equal(
        KnownValues.of(conditions, table).encoded(), [[np.nan, np.nan, 1, 0]]
    )


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({}, "conditions is empty"),
        ("size", "conditions is 'size', but it must be a dict"),
        ([{"size": 1}], "a list of dicts, but a dict is of one row"),
        (pd.DataFrame([[1, 2]], columns=["size"] * 2), r"columns of one name: \['size'\]"),
        ({"day": "notadate"}, "'notadate' for a column of dates"),
        ({"colour": 1}, r"columns \['colour'\], but in fit"),
        ({"same": "x"}, "'same', which was left out in fit: one value, or none"),
        ({"kind": "c"}, r"'c' for 'kind', but in fit the column had \['a', 'b'\]"),
        ({"size": [1, 2]}, "one value for each"),
        ({"size": 1.5, "kind": "a", "day": "2024-01-01"}, "nothing is left to draw"),
    ],
    ids=str,
)
def test_what_can_not_be_asked_for_is_named(table, conditions, message):
    with pytest.raises(ValueError, match=message):
        KnownValues.of(conditions, table)
