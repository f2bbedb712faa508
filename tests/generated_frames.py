"""Frames of pandas and polars with columns of all dtypes, drawn by hypothesis."""

import datetime
import decimal
import importlib.util

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

DURATIONS = st.timedeltas(-datetime.timedelta(100), datetime.timedelta(100))
TEXTS = ["", "a", "b", "nan", "None", " ", "ä", "1", "long text"]
DATES = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))
FLOATS = st.floats(-(2.0**40), 2.0**40, width=32) | st.sampled_from([0.0, 1.0, 0.5, -3.25])


def some(values, min_size=1):
    """Of few values, as columns of categories have."""
    return st.lists(values, min_size=min_size, max_size=4).flatmap(st.sampled_from)


def integers(dtype):
    info = np.iinfo(dtype)
    return st.integers(int(info.min), int(info.max)) | st.integers(0, 9) | st.sampled_from([0, 1])


pytest.importorskip("narwhals", reason="needs skae[tables]")
# How a value is drawn, and the dtype; whether it can be missing.
PANDAS = {
    **{
        name: (integers(name), name, False)
        for name in ("int8", "uint8", "int32", "int64", "uint64")
    },
    **{name: (integers(name.lower()), name, True) for name in ("Int8", "UInt16", "Int64")},
    "float32": (FLOATS, "float32", True),
    "float64": (FLOATS, "float64", True),
    "Float64": (FLOATS, "Float64", True),
    "bool": (st.booleans(), "bool", False),
    "boolean": (st.booleans(), "boolean", True),
    "str": (st.sampled_from(TEXTS), "str", True),
    "string": (st.sampled_from(TEXTS), "string", True),
    "many texts": (st.text(max_size=5), "str", True),
    "texts": (st.sampled_from(TEXTS), object, True),
    "mixed": (st.sampled_from(["a", 1, 2.5, True]), object, True),
    "lists": (st.lists(st.integers(0, 3), max_size=2), object, True),
    "decimals": (st.decimals(-100, 100, places=2), object, True),
    "flags": (st.booleans(), object, True),
    "dates": (st.dates(), object, True),
    "datetime64[us]": (DATES, "datetime64[us]", True),
    "datetime64[s]": (DATES.map(lambda d: d.replace(microsecond=0)), "datetime64[s]", True),
    "zoned": (DATES, "datetime64[us, UTC]", True),
    "timedelta": (DURATIONS, "timedelta64[us]", True),
    "category": (st.sampled_from(TEXTS), "category", True),
    "numbers as category": (st.integers(0, 5), "category", True),
    "period": (DATES.map(lambda d: pd.Period(d, "M")), "period[M]", True),
}
if importlib.util.find_spec("pyarrow") is not None:
    import pyarrow as pa

    ARROW = pd.ArrowDtype
    PANDAS |= {
        "arrow": (st.integers(-5, 5), "int64[pyarrow]", True),
        "arrow text": (st.sampled_from(TEXTS), "string[pyarrow]", True),
        "arrow decimals": (st.decimals(-100, 100, places=2), ARROW(pa.decimal128(10, 2)), True),
        "arrow dates": (st.dates(), ARROW(pa.date32()), True),
        "arrow lists": (st.lists(st.integers(0, 3), max_size=2), ARROW(pa.list_(pa.int64())), True),
    }
POLARS = {
    "Int8": (integers("int8"), pl.Int8),
    "Int64": (integers("int64"), pl.Int64),
    "UInt64": (integers("uint64"), pl.UInt64),
    "Float32": (FLOATS, pl.Float32),
    "Float64": (FLOATS, pl.Float64),
    "Boolean": (st.booleans(), pl.Boolean),
    "String": (st.sampled_from(TEXTS), pl.String),
    "many texts": (st.text(max_size=5), pl.String),
    "Categorical": (st.sampled_from(TEXTS), pl.Categorical),
    "Enum": (st.sampled_from(TEXTS), pl.Enum([*TEXTS, "never"])),
    "Date": (st.dates(), pl.Date),
    "Datetime": (DATES, pl.Datetime("us")),
    "ms": (DATES.map(lambda d: d.replace(microsecond=0)), pl.Datetime("ms")),
    "zoned": (DATES, pl.Datetime("us", "UTC")),
    "Duration": (DURATIONS, pl.Duration("us")),
    "Time": (st.times(), pl.Time),
    "Decimal": (st.decimals(-100, 100, places=2), pl.Decimal(10, 2)),
    "List": (st.lists(st.integers(0, 3), max_size=2), pl.List(pl.Int64)),
    "Null": (st.none(), pl.Null),
}


def values(draw, one, n_rows, *, with_missing):
    kind = draw(st.sampled_from(["any", "few", "same"]))
    if kind == "same":
        one = st.just(draw(one))
    elif kind == "few":
        one = draw(st.lists(one, min_size=1, max_size=4).map(st.sampled_from))
    share = draw(st.sampled_from([0, 0, 0.3, 1])) if with_missing else 0
    gaps = draw(st.lists(st.floats(0, 0.999), min_size=n_rows, max_size=n_rows)) if share else []
    found = draw(st.lists(one, min_size=n_rows, max_size=n_rows))
    for row, chance in enumerate(gaps):
        if chance < share:
            found[row] = None
    return found


@st.composite
def pandas_frames(draw, max_rows=40):
    n_rows = draw(st.sampled_from([1, 2, 3]) | st.integers(1, max_rows))
    columns = {}
    names = st.text(max_size=3) | st.integers(0, 50)
    for kind in draw(st.lists(st.sampled_from(sorted(PANDAS)), min_size=1, max_size=6)):
        one, dtype, can_miss = PANDAS[kind]
        found = values(draw, one, n_rows, with_missing=can_miss)
        columns[draw(names.filter(lambda n: n not in columns))] = pd.Series(found, dtype=dtype)
    if len({type(name) for name in columns}) > 1:  # scikit-learn refuses names of two types
        columns = {f"{name} {place}": columns[name] for place, name in enumerate(columns)}
    frame = pd.DataFrame(columns)
    index = draw(st.sampled_from(["range", "same", "texts", "times"]))
    if index == "same":
        frame.index = [7] * n_rows
    elif index == "texts":
        frame.index = [f"row {i}" for i in range(n_rows)]
    elif index == "times":
        frame.index = pd.date_range("2020-01-01", periods=n_rows, name="when")
    return frame


@st.composite
def polars_frames(draw, max_rows=40):
    n_rows = draw(st.sampled_from([1, 2, 3]) | st.integers(1, max_rows))
    kinds = draw(st.lists(st.sampled_from(sorted(POLARS)), min_size=1, max_size=6))
    series = []
    for place, kind in enumerate(kinds):
        one, dtype = POLARS[kind]
        found = values(draw, one, n_rows, with_missing=True)
        if isinstance(dtype, type(pl.Decimal(10, 2))) and dtype == pl.Decimal(10, 2):
            found = [None if v is None else decimal.Decimal(v) for v in found]
        series.append(pl.Series(f"{kind} {place}", found, dtype=dtype))
    return pl.DataFrame(series)


frames = pandas_frames() | polars_frames()


def try_frames(n_frames):
    """Try so many of them, the same ones each time."""
    return settings(
        max_examples=n_frames,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
