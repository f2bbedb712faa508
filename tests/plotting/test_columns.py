"""Columns of any table are numbers, dates, durations or categories."""

import datetime
import decimal

import numpy as np
import pytest

from skae.plotting._axes import shorten_all
from skae.plotting._columns import Column, columns_of, likeliest, write_difference

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

DAY = datetime.datetime(2024, 2, 29, 12)
VALUES = {  # values with a hole, kind, values that are read, how they are written
    "float": ([1.5, None], "number", [1.5, np.nan], ["1.50", ""]),
    "int": ([3, None], "number", [3, np.nan], ["3.00", ""]),
    "bool": ([True, None], "category", [True, None], ["True", ""]),
    "text": (["a", None], "category", ["a", None], ["a", ""]),
    "date": ([DAY, None], "date", [19782.5, np.nan], ["2024-02-29", ""]),
    "duration": ([datetime.timedelta(hours=36), None], "duration", [1.5, np.nan], ["1.50 d", ""]),
    "decimal": ([decimal.Decimal("1.5"), None], "number", [1.5, np.nan], ["1.50", ""]),
    "nothing": ([None, None], "number", [np.nan, np.nan], ["", ""]),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("holder", ["objects", "pandas", "pandas nullable", "polars"])
def test_columns_of_frames_have_a_kind(name, holder):
    values, kind, expected, written = VALUES[name]
    if holder == "polars":
        table = polars.DataFrame({"c": values})
    elif holder == "objects":
        table = {"c": np.array(values, dtype=object)}
    else:
        series = pandas.Series(values, name="c")
        table = (series.convert_dtypes() if "nullable" in holder else series).to_frame()
    (column,) = columns_of(table)
    assert (column.name, column.kind) == ("c", kind)
    if kind == "category":
        assert column.values.tolist() == expected
    else:
        np.testing.assert_array_equal(column.values, expected)
    assert column.write(1.0) == written
    assert len(columns_of({"c": column.native()})[0].values) == 2
    if kind != "number":
        assert columns_of({"c": column.native()})[0].kind == kind


def test_categories_keep_the_order_of_their_type():
    sizes = ["small", "large", None]
    series = pandas.Series(pandas.Categorical(sizes, ["small", "medium", "large"]))
    enum = polars.Series(sizes, dtype=polars.Enum(["small", "medium", "large"]))
    for values in (series, enum):
        (column,) = columns_of({"size": values})
        assert column.categories == ("small", "medium", "large")
        assert column.codes(column.categories).tolist() == [0, 2, -1]
    (column,) = columns_of({"size": polars.Series(sizes, dtype=polars.Categorical)})
    assert set(column.categories) == {"small", "large"}
    years = pandas.DataFrame({"year": pandas.Categorical([2021.0, 2020.0])})
    assert columns_of(years)[0].values.tolist() == [2021, 2020]
    twice = pandas.DataFrame(np.eye(2), columns=["a", "a"])
    assert [column.values.tolist() for column in columns_of(twice)] == [[1, 0], [0, 1]]


def test_probabilities_are_shares():
    column = likeliest("c", {"a": np.array([3.0, -1, 0]), "b": np.array([1.0, 0.2, -2])})
    assert column.values.tolist() == ["a", "b", None]
    np.testing.assert_allclose(column.probabilities["b"], [0.25, 1, 0])


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (139750.4, 30000, "139750"),
        (-0.004, 1, "0.00"),
        (12.345, 3, "12.3"),
        (0.00123, 0.001, "0.00123"),
        (7.3, 0, "7.3"),
        (3e9, 1e8, "3e+09"),
    ],
)
def test_numbers_have_the_digits_that_matter(value, scale, text):
    assert Column("c", np.array([value])).write(scale) == [text]


def test_units_of_times_are_those_of_their_scale():
    column = Column("c", np.array([19782.5, 0.0]), "date")
    assert column.write(0.1)[0] == "2024-02-29 12:00"
    assert Column("c", np.array([1 / 48, np.nan]), "duration").write(0.01)[0] == "30 min"
    assert Column("c", np.array([0.0, 2 / 24]), "duration").in_unit()[1] == "h"
    assert write_difference(3.0, "date", 40.0) == "+3 d"
    assert write_difference(-0.2, "number", 400.0) == "0"
    assert write_difference(0.001, "duration", 0.3) == "0.0 h"


def test_names_that_are_cut_stay_apart():
    names = ["Residential_Low_Density", "Residential_Medium_Density", "short"]
    short = shorten_all(names, 18)
    assert len(set(short)) == 3
    assert max(map(len, short)) == 18
    assert short[2] == "short"
    assert shorten_all(["abcdefgh-1", "abcdefgh-2"], 7) == ["abcd…-1", "abcd…-2"]
    assert shorten_all(["a" * 9], 1) == ["a…"]
