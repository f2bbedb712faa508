"""Tables as rows of numbers, and back."""

import datetime
import warnings
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from skae._rows.frames.columns import LEARNED
from skae._rows.frames.encoding import ColumnKinds, TableEncoding
from skae._rows.frames.layouts import is_frame
from skae._rows.frames.of_polars import PolarsLayout

from ...generated_frames import frames, try_frames


def find(X, kinds=(), max_categories=40, **settings):
    return TableEncoding.find(X, dict(kinds), max_categories, StandardScaler(), **settings)


def test_there_and_back(request):
    """What is encoded decodes to itself, in a frame of the same columns, dtypes and index."""
    n_frames = 2000 if request.config.getoption("--thorough") else 60

    @try_frames(n_frames)
    @given(frames)
    def check(frame):
        with warnings.catch_warnings(action="error"):
            table = find(frame)
            if not table.learned():
                return
            rows = table.with_means(table.encode(frame))
            given = table.decode(rows, getattr(frame, "index", None))
            filled = table.fill(frame, rows)
            assert TableEncoding.from_plain(table.to_plain()).layout == table.layout
        for name, column, back, full in columns_of(frame, given, filled):
            assert back.dtype == full.dtype == column.dtype
            known, kind = ~missing(column), ColumnKinds(table.columns)[name]
            assert_same(values(full, known), values(column, known))
            if kind in LEARNED:
                assert_same(values(back, known), values(column, known), rounded=True)
                assert not missing(full).any()
        if isinstance(frame, pd.DataFrame):
            assert given.columns.equals(frame.columns)
            assert filled.columns.equals(frame.columns)
            assert given.index.equals(frame.index)
            assert filled.index.equals(frame.index)

    check()


def columns_of(frame, *others):
    for place, name in enumerate(frame.columns):
        yield (
            name,
            *(
                of.iloc[:, place] if isinstance(of, pd.DataFrame) else of.to_series(place)
                for of in (frame, *others)
            ),
        )


def missing(column):
    return (column.isna() if isinstance(column, pd.Series) else column.is_null()).to_numpy()


def values(column, known):
    return [value for value, there in zip(column.to_list(), known, strict=True) if there]


def assert_same(given, wanted, rounded=False):
    """The same values, or numbers and times but for what standardizing loses of the largest."""
    sizes = [abs(as_number(value)) for value in wanted if as_number(value) is not None]
    loss = 1e-9 + 1e-6 * max(sizes, default=0)
    for one, other in zip(given, wanted, strict=True):
        if rounded and None not in (as_number(one), as_number(other)):  # True is 1, as a category
            assert abs(as_number(one) - as_number(other)) <= loss
        else:
            assert one == other


def as_number(value):
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return float(value)
    if isinstance(value, pd.Period):
        value = value.start_time
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.datetime):
        return (value.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)).total_seconds()
    if isinstance(value, datetime.date):
        return float((value - datetime.date(1970, 1, 1)).days * 86400)
    return None


N = 60
WAVES = np.arange(N) * 7 % 11
KINDS = {
    "floats": (WAVES / 3, "numeric"),
    "whole floats": (WAVES.astype(float), "integer"),
    "integers": (WAVES, "integer"),
    "flags": (WAVES % 2, "boolean"),
    "float flags with a gap": (np.where(WAVES == 0, np.nan, WAVES % 2), "boolean"),
    "booleans": (WAVES > 4, "boolean"),
    "texts": (WAVES.astype(str), "categorical"),
    "two texts": (np.where(WAVES > 4, "yes", "no"), "categorical"),
    "one text": (["same"] * N, "constant"),
    "nothing": ([None] * N, "constant"),
    "numbers of rows": (np.arange(1, N + 1), "identifier"),
    "in any order": (np.random.default_rng(0).permutation(N), "identifier"),
    "floats in a row": (np.arange(N, dtype=float), "integer"),
    "names": ([f"name {i}" for i in range(N)], "identifier"),
    "many texts": ([f"name {i % 50}" for i in range(N)], "text"),
    "lists": ([[i] for i in range(N)], "unknown"),
    "dates": (pd.date_range("2020-01-01", periods=N), "datetime"),
    "durations": (pd.to_timedelta(WAVES, unit="h"), "duration"),
    "categories of numbers": (pd.Categorical(WAVES), "categorical"),
    "dates as objects": ([datetime.date(2020, 1, 1 + int(i)) for i in WAVES], "datetime"),
    "decimals": ([Decimal(int(i)) / 4 for i in WAVES], "numeric"),
}


@pytest.mark.parametrize("case", KINDS)
def test_kinds(case):
    column, kind = KINDS[case]
    frame = pd.DataFrame({"it": column})
    assert ColumnKinds(find(frame).columns) == {"it": kind}


def test_kinds_are_printed_kind_by_kind():
    kinds = ColumnKinds(find(pd.DataFrame({name: v for name, (v, _) in KINDS.items()})).columns)
    lines = repr(kinds).splitlines()
    assert lines[0].split(maxsplit=1) == ["numeric", "floats, decimals"]
    assert "two texts (2)" in repr(kinds)
    assert lines[-1].startswith("unknown")
    assert "lists" in lines[-1]
    assert "left out" in lines[-1]
    assert "<td>floats, decimals</td>" in kinds._repr_html_()
    assert "&lt;b&gt;" in ColumnKinds(find(pd.DataFrame({"<b>": [0.5, 1]})).columns)._repr_html_()


def test_rows_are_standardized_numbers_flags_and_blocks():
    frame = pd.DataFrame(
        {
            "c": ["b", None, "a", "c"],
            "x": [1, 2, 3, 4],
            "f": [True, False, True, True],
            "y": [1.5, None, 2, 4],
        }
    )
    rows = find(frame).encode(frame)
    scaled = StandardScaler().fit_transform(frame[["x", "y"]])
    np.testing.assert_allclose(rows[:, :2], scaled)
    assert rows[:, 2].tolist() == [1, 0, 1, 1]
    np.testing.assert_array_equal(rows[:, 3:], [[0, 1, 0], [np.nan] * 3, [1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("library", [pd, pl])
def test_what_is_decoded_looks_like_what_was_there(library):
    """Rounded as values were, within their range, and multiples of what times are multiples of."""
    n = 200
    amounts = np.arange(n) / 4
    days = [datetime.datetime(2020, 1, 1) + datetime.timedelta(days=7 * i) for i in range(n)]
    frame = library.DataFrame({"count": np.arange(n) ** 2 % 50, "amount": amounts, "day": days})
    table = find(frame)
    rows = np.random.default_rng(0).normal(scale=3, size=(500, 3))
    given = table.decode(rows)
    count, amount, day = (np.asarray(given[name]) for name in frame.columns)
    assert count.dtype.kind == "i"
    assert count.min() == 0
    assert count.max() == 49
    assert amount.min() == 0
    assert amount.max() == amounts[-1]
    np.testing.assert_array_equal(amount, amount.round(2))
    assert (day == day.astype("M8[D]")).all()
    assert day.min() == np.datetime64(days[0])
    assert day.max() == np.datetime64(days[-1])


def test_columns_that_are_left_out_come_back_as_far_as_they_are_known():
    frame = pd.DataFrame(
        {
            "x": WAVES / 3,
            "id": np.arange(N) + 1000,
            "key": [f"k{i}" for i in range(N)],
            "one": [np.datetime64("2020-01-01")] * N,
        }
    )
    table = find(frame)
    given = table.decode(table.encode(frame)[:3])
    assert given["id"].tolist() == [1060, 1061, 1062]  # none that is there already
    assert given["key"].isna().all()
    assert (given["one"] == frame["one"][0]).all()
    assert given.dtypes.equals(frame.dtypes)


def test_a_category_that_is_new_is_missing_or_refused():
    table = find(pd.DataFrame({"c": ["a", "b"], "x": [0.5, 1]}))
    new = pd.DataFrame({"c": ["z", "a"], "x": [1.0, 2]})
    assert np.isnan(table.encode(new)[0, 1:]).all()
    assert not np.isnan(table.encode(new)[1]).any()
    with pytest.raises(ValueError, match=r"'c' has the category 'z'.*handle_unknown='ignore'"):
        replace(table, handle_unknown="error").encode(new)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": ["one", "two"]}, "Column 'x' is to have numbers, but has 'one'"),
        ({"x": [np.inf, 1]}, "Column 'x' has infinite values"),
        ({"d": ["2020-01-01", "2021-01-01"]}, "Column 'd' is to have dates, but has '2020-01-01'"),
    ],
)
def test_values_of_another_kind_are_refused_by_the_name_of_their_column(columns, message):
    frame = pd.DataFrame(
        {"x": [0.5, 1, 2], "d": pd.date_range("2020", periods=3), "f": [True, False, True]}
    )
    with pytest.raises(ValueError, match=message):
        find(frame).encode(frame.iloc[:2].assign(**columns))


def test_a_flag_that_is_neither_is_missing_or_refused():
    X = np.column_stack([np.arange(4) % 2, np.arange(4) / 3])
    table, new = find(X), np.array([[2.0, 0.5]])
    assert np.isnan(table.encode(new)[0, 1])
    assert table.fill(new, table.with_means(table.encode(new)))[0, 0] == 2  # it was observed
    with pytest.raises(ValueError, match=r"category 2.0"):
        replace(table, handle_unknown="error").encode(new)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "Int64", "float32", "Float64"])
def test_flags_that_are_numbers(dtype):
    frame = pd.DataFrame({"f": pd.Series([0, 1, 1], dtype=dtype), "x": [0.5, 1, 2]})
    table = find(frame)
    pd.testing.assert_frame_equal(table.decode(table.encode(frame)), frame)


def test_a_column_of_nothing_that_is_known_is_told():
    table = find(pd.DataFrame({"c": ["a", "b"] * 5, "x": np.arange(10) / 3}))
    new = pd.DataFrame({"c": ["A", "B"] * 5, "x": np.arange(10) / 3})
    with pytest.warns(UserWarning, match=r"Column 'c' has the category 'A'.*all of it"):
        table.encode(new)


def test_identifiers_are_such_in_a_part_of_the_table_as_well():
    """Else a fold would learn what the whole leaves out."""
    frame = pd.DataFrame({"id": np.arange(90) + 7}).sample(40, random_state=0)
    assert ColumnKinds(find(frame).columns) == {"id": "identifier"}


LATER = {
    "texts, all missing": ("t", lambda c: c.map(lambda _: np.nan).astype(float), "str"),
    "dates, all missing": ("d", lambda c: c.map(lambda _: np.nan).astype(float), "datetime64[us]"),
    "floats as Int64": ("w", lambda c: c.round().astype("Int64"), "Int64"),
    "floats as texts of them": ("w", lambda c: c.astype(object), "object"),
    "dates of a zone": (
        "d",
        lambda c: c.dt.tz_localize("Asia/Tokyo"),
        "datetime64[us, Asia/Tokyo]",
    ),
    "fewer categories": ("k", lambda c: c.map(lambda v: "a").astype("category"), None),
    "texts as categories": ("t", lambda c: c.astype("category"), None),
}


@pytest.mark.parametrize("case", LATER)
def test_gaps_of_columns_that_have_another_dtype_now(case):
    name, change, dtype = LATER[case]
    frame = pd.DataFrame(
        {
            "t": [*"abcabcab"],
            "d": pd.date_range("2020-01-01", periods=8, unit="us"),
            "w": np.arange(8) / 2,
            "k": pd.Categorical([*"cbacbacc"]),
        }
    )
    table = find(frame)
    later = frame.assign(**{name: change(frame[name])})
    later.loc[3, name] = None
    filled = table.fill(later, table.with_means(table.encode(frame)))
    assert not filled.isna().any().any()
    if dtype is not None:
        assert filled[name].dtype == pd.Series([], dtype=dtype).dtype
    elif name == "k":
        assert filled[name].tolist() == ["a", "a", "a", "c", "a", "a", "a", "a"]


def test_gaps_of_columns_that_have_another_dtype_now_in_polars():
    frame = pl.DataFrame({"t": [*"abab"], "w": [0.5, 1.5, 2.6, 3.5]})
    table = find(frame)
    later = pl.DataFrame({"t": [None] * 4, "w": pl.Series([1, 2, None, 3], dtype=pl.Int64)})
    filled = table.fill(later, table.encode(frame))
    assert filled["t"].to_list() == [*"abab"]
    assert filled["w"].to_list() == [1, 2, 3, 3]


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_columns_to_be_left_out_that_can_not_be_missing(dtype):
    """They have the value that was there most often."""
    frame = pd.DataFrame({"x": [0.5, 1, 2], "c": np.array([1, 0, 1], dtype=dtype)})
    table = find(frame, {"c": "drop"})
    given = table.decode(table.encode(frame))
    assert given["c"].tolist() == [1, 1, 1]
    assert given["c"].dtype == dtype


@pytest.mark.parametrize("kind", ["categorical", "datetime", "numeric", "boolean", "integer"])
def test_a_column_of_nothing_is_constant_whatever_it_is_said_to_be(kind):
    frame = pd.DataFrame({"x": [0.5, 1, 2], "e": [None] * 3})
    assert find(frame, {"e": kind}).decode(find(frame).encode(frame))["e"].isna().all()


def test_kinds_that_are_given():
    frame = pd.DataFrame({"zip": WAVES, "floor": WAVES % 3, "key": [f"k{i}" for i in range(N)]})
    table = find(frame, {"zip": "categorical", "floor": "numeric", "key": "drop"})
    assert ColumnKinds(table.columns) == {"zip": "categorical", "floor": "numeric", "key": "drop"}
    assert table.encode(frame).shape[1] == 1 + 11
    assert table.decode(table.encode(frame))["zip"].equals(frame["zip"])


def test_gaps_are_filled_and_nothing_else_changes():
    frame = pd.DataFrame(
        {
            "x": [1.0, None, 3.25, 1e-30],
            "c": pd.Categorical(["a", None, "a", "b"], categories=["z", "b", "a"], ordered=True),
            "new": ["p", "q", None, "q"],
        },
        index=[5, 5, 7, 7],
    )
    table = find(frame)
    rows = table.with_means(table.encode(frame))
    filled = table.fill(frame.assign(new=["p", "other", None, "q"]), rows)
    assert filled["x"].tolist() == pytest.approx([1, (1 + 3.25) / 3, 3.25, 1e-30], rel=1e-12)
    assert filled["c"].tolist() == ["a", "a", "a", "b"]
    assert filled["c"].dtype == frame["c"].dtype
    assert filled["new"].tolist() == ["p", "other", "q", "q"]
    assert filled.index.equals(frame.index)
    assert frame["x"].isna().sum() == 1


@pytest.mark.parametrize("name", ["read_csv", "Config", "nothing"])
def test_a_dtype_of_a_file_is_a_dtype(name):
    """Files name dtypes, and nothing else that polars has."""
    layout = PolarsLayout(["a"], [{"name": name}])
    nothing = np.empty(1, dtype=object), np.ones(1, dtype=bool), None
    with pytest.raises(ValueError, match=f"no dtype '{name}'"):
        layout.make([nothing])


def test_another_scaler():
    """Its own inverse is the way back."""
    x = np.random.default_rng(0).lognormal(size=500)
    scaler = QuantileTransformer(output_distribution="normal", n_quantiles=100)
    frame = pd.DataFrame({"x": x, "y": x[::-1]})
    table = TableEncoding.find(frame, {}, 40, scaler)
    assert abs(table.encode(frame).mean()) < 0.05
    np.testing.assert_allclose(table.decode(table.encode(frame)), frame, rtol=1e-5)


def test_arrays():
    X = np.array([[1.5, 0, 3], [2.5, 1, np.nan], [3.5, 0, 9]])
    table = find(X)
    assert ColumnKinds(table.columns) == {0: "numeric", 1: "boolean", 2: "integer"}
    filled = table.fill(X, table.with_means(table.encode(X)))
    np.testing.assert_array_equal(filled, [[1.5, 0, 3], [2.5, 1, 6], [3.5, 0, 9]])
    assert not is_frame(X)
    assert find(X.astype(object)).decode(table.encode(X)).dtype == object
