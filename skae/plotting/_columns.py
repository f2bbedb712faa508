"""A table as its columns: numbers, dates, durations and categories, read from any kind of table."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Number

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._missing import is_pandas_na

from skae._rows.source import in_memory
from skae._rows.tensors import as_numpy

DAY, EPOCH = np.timedelta64(1, "D"), np.datetime64(0, "D")
# Units of durations, in days, from the largest.
UNITS = {"d": 1, "h": 1 / 24, "min": 1 / 1440, "s": 1 / 86400}
# What a missing category is called where it is one of those that were learned.
MISSING = "missing"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
    values : ndarray of shape (n_rows,)
        Floating numbers, NaN where there is none; dates and durations are days. Of categories
        objects, None where there is none.
    kind : {"number", "date", "duration", "category"}
    categories : tuple or None
        Those that there are, in order.
    probabilities : dict or None
        Of each category in each row, where they are known.
    """

    name: str
    values: np.ndarray
    kind: str = "number"
    categories: tuple | None = None
    probabilities: dict | None = None
    encoded: bool = False

    @property
    def is_category(self):
        return self.kind == "category"

    def native(self):
        """The values as numpy's dates and durations, or as they are."""
        if self.kind in ("number", "category"):
            return self.values
        known = np.isfinite(self.values)
        seconds = np.where(known, self.values, 0) * 86400
        spans = np.where(known, seconds.round().astype("timedelta64[s]"), np.timedelta64("NaT"))
        return spans if self.kind == "duration" else EPOCH + spans

    def in_unit(self):
        """Numbers to be drawn, and the unit that they are in, "" but for durations."""
        if self.kind != "duration":
            return self.values, ""
        unit = _unit_of(float(np.ma.masked_invalid(np.abs(self.values)).max() or 0))
        return self.values / UNITS[unit], unit

    def codes(self, categories):
        """Which of some categories each value is, -1 where it is none of them."""
        places = {category: number for number, category in enumerate(categories)}
        return np.array([places.get(value, -1) for value in self.values], dtype=int)

    def write(self, scale):
        """The values as texts, numbers with the digits that matter on a scale."""
        if self.is_category:
            return ["" if value is None else str(value) for value in self.values]
        writer = {"date": _write_date, "duration": _write_duration}.get(self.kind, _write_number)
        return [writer(value, scale) if np.isfinite(value) else "" for value in self.values]


def write_difference(difference, kind, scale):
    """A difference of numbers, dates or durations as text, with its sign."""
    if not np.isfinite(difference):
        return ""
    writer = _write_number if kind == "number" else _write_duration
    text = writer(difference, scale)
    return f"+{text}" if difference > 0 and re.search("[1-9]", text) else text


def _write_number(value, scale):
    if abs(value) >= 1e7 or not scale > 0:
        return f"{value:.4g}"
    digits = int(np.clip(2 - np.ceil(np.log10(scale)), 0, 8))
    if digits > 5:
        return f"{value:.3g}"
    return f"{round(value, digits) + 0.0:.{digits}f}"  # no minus before a zero


def _write_date(value, scale):
    short = not 0 < scale < 1
    unit = "D" if short else "m"
    date = EPOCH + np.timedelta64(round(value * 1440), "m")
    return str(date.astype(f"datetime64[{unit}]")).replace("T", " ")


def _write_duration(value, scale):
    unit = _unit_of(scale)
    return f"{_write_number(value / UNITS[unit], scale / UNITS[unit])} {unit}"


def _unit_of(days):
    return next((unit for unit, size in UNITS.items() if days >= size), "d")


def is_missing(values):
    """Which values are NaN, NaT, NA or None."""
    if values.dtype.kind == "O":
        return np.array([v is None or is_pandas_na(v) or v != v for v in values], dtype=bool)
    return values != values


def category_order(values):
    """The categories of a column that has its own, in their order, or None."""
    found = getattr(getattr(values, "dtype", None), "categories", None)  # of pandas, polars' Enum
    if found is None and str(getattr(values, "dtype", "")) == "Categorical":  # of polars
        found = values.unique(maintain_order=True).drop_nulls()
    return None if found is None else tuple(np.asarray(found).tolist())


def is_frame(table):
    """Whether a table has named columns, as those of pandas and polars have."""
    return hasattr(table, "columns") and hasattr(table, "dtypes")


def columns_of(table, names=None):
    """The columns of a frame, a mapping of arrays, or an array with names aside."""
    if isinstance(table, Mapping):
        return [read_column(str(name), values) for name, values in table.items()]
    if is_frame(table):
        by_place = hasattr(table, "iloc")  # names may be there twice
        return [
            read_column(str(name), table.iloc[:, i] if by_place else table[name])
            for i, name in enumerate(table.columns)
        ]
    has_objects = getattr(getattr(table, "dtype", None), "kind", None) in tuple("OUMm")
    table = table if has_objects else as_table(table)
    return [read_column(n, v) for n, v in zip(listed(names, table.shape[1]), table.T, strict=True)]


def read_column(name, values, kind=None):
    """A column of any kind of values; of one that is told, "category" or None."""
    order = category_order(values)
    try:
        values = np.asarray(as_numpy(values))
    except (TypeError, ValueError):
        values = np.array(list(values), dtype=object)
    if kind == "category" or order is not None:
        return as_category(Column(name, values), order)
    if values.dtype.kind == "O":
        kind, values = _of_objects(values)
    else:
        kind = {"M": "date", "m": "duration"}.get(values.dtype.kind)
        kind = "number" if values.dtype.kind in "iuf" else kind or "category"
    if kind == "category":
        return as_category(Column(name, values))
    if kind == "number":
        is_float = values.dtype in (np.float32, np.float64)
        return Column(name, values if is_float else values.astype(np.float64))
    return Column(name, ((values - EPOCH) if kind == "date" else values) / DAY, kind)


def as_category(column, order=None):
    """The same as categories: those that are there, or all of an order."""
    values = np.empty(len(column.values), dtype=object)
    values[:] = [_plain(value) for value in column.values.tolist()]
    values[is_missing(values)] = None
    found = {value for value in values if value is not None}
    order = sorted(found, key=_by_kind) if order is None else order
    return replace(column, values=values, kind="category", categories=tuple(order))


def _plain(value):
    """Whole numbers as such, as texts for people have them."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def likeliest(name, probabilities):
    """A column of categories that have probabilities, each of shape (n_rows,); they become shares.

    Where none is positive, there is no value.
    """
    nothing = is_missing(np.array([*probabilities, None], dtype=object))
    names = [MISSING if n else _plain(c) for c, n in zip(probabilities, nothing, strict=False)]
    shares = np.column_stack(list(probabilities.values())).astype(np.float64).clip(0, None)
    total = shares.sum(axis=1, keepdims=True)
    shares = shares / np.where(total > 0, total, 1)
    values = np.array([*names, None], dtype=object)[:-1][shares.argmax(axis=1)]
    values[total[:, 0] <= 0] = None
    shares = dict(zip(names, shares.T, strict=True))
    return Column(name, values, "category", tuple(names), shares)


def _of_objects(values):
    """The kind of objects, and those as an array of that kind."""
    missing = is_missing(values)
    known = values[~missing].tolist()
    kinds = {
        "number": (Number, float, np.nan),
        "date": (datetime.date, "datetime64[us]", "NaT"),
        "duration": (datetime.timedelta, "timedelta64[us]", "NaT"),
    }
    for kind, (of, dtype, nothing) in kinds.items():
        if all(isinstance(v, of) and not isinstance(v, bool | complex) for v in known):
            array = np.full(len(values), nothing, dtype=dtype)
            array[~missing] = [v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v for v in known]
            return kind, array
    return "category", values


def _by_kind(value):
    return (0, value) if isinstance(value, Number) else (1, str(value))


def listed(names, n_features):
    """Names as texts, or x0, x1, ..."""
    return [f"x{i}" for i in range(n_features)] if names is None else [str(name) for name in names]


def as_table(rows):
    """Rows of any kind as an array of floating numbers."""
    rows = check_array(
        in_memory(as_numpy(rows)),
        accept_sparse=True,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan",
    )
    return rows.toarray() if hasattr(rows, "toarray") else rows


def stacked(columns):
    """Columns of numbers as an array, ``(n_rows, n_columns)``; categories are NaN."""
    nothing = np.full(len(columns[0].values), np.nan)
    return np.column_stack([nothing if c.is_category else c.values for c in columns])


def as_given_table(columns):
    """Columns as an array if all are numbers, otherwise as a dictionary of arrays."""
    if all(column.kind == "number" for column in columns):
        return stacked(columns)
    return {column.name: column.native() for column in columns}


def chosen_columns(names, features):
    """The places of the columns that are named, or of all."""
    if features is None:
        return list(range(len(names)))
    features = [features] if isinstance(features, str) else list(features)
    numbers = {**{i: i for i in range(len(names))}, **{n: i for i, n in enumerate(names)}}
    unknown = [feature for feature in features if feature not in numbers]
    if unknown or not features:
        raise ValueError(
            f"features has {unknown or 'nothing'}, but the table has the columns {names}. Give "
            "names of these, or their numbers."
        )
    return [numbers[feature] for feature in features]
