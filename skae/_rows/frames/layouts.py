"""Tables as their library has them: read column by column, and made anew with the same dtypes."""

import importlib
from dataclasses import asdict, dataclass, field
from decimal import Decimal

import numpy as np
from sklearn.utils._missing import is_scalar_nan

from skae._rows.frames.columns import Values
from skae._rows.frames.plain import from_plain as value_of
from skae._rows.frames.plain import to_plain

# What the values of a column of objects are made of again.
FROM_NUMBERS = {
    "bool": lambda value: bool(value >= 0.5),
    "int": lambda value: int(value),
    "float": float,
    "Decimal": lambda value: Decimal(repr(float(value))),
}


def layout_of(X):
    """The layout of a table: that of its library.

    Raises
    ------
    TypeError
        If it is none that is known.
    ImportError
        If narwhals is not installed.
    """
    if isinstance(X, np.ndarray):
        return ArrayLayout(str(X.dtype), list(range(X.shape[1])))
    return (PolarsLayout if _library(X) == "polars" else PandasLayout).of(X)


def from_plain(plain):
    """The layout of `to_plain`."""
    plain = {**plain, "names": [value_of(name) for name in plain["names"]]}
    kinds = {"array": ArrayLayout, "pandas": PandasLayout, "polars": PolarsLayout}
    return kinds[plain.pop("library")](**plain)


def is_frame(X):
    """Whether X is a table with columns of their own dtypes: of pandas or polars."""
    return _library(X) is not None


def _library(X):
    """The library of which X is a frame, or of which its class is derived from a frame."""
    for cls in type(X).__mro__:
        package = cls.__module__.partition(".")[0]
        if cls.__name__ == "DataFrame" and package in ("pandas", "polars"):
            return package
    return None


def read(X, missing_values=np.nan):
    """The `Values` of each column, of which those that are `missing_values` are missing as well."""
    if isinstance(X, np.ndarray):
        return [_read_array(column, missing_values) for column in X.T]
    frame = _narwhals().from_native(X, eager_only=True)
    return [_read_series(series, missing_values) for series in frame.iter_columns()]


def without_columns(X, unwanted):
    """A table without some of its columns, which a mask names."""
    if isinstance(X, np.ndarray):
        return X[:, ~unwanted]
    if isinstance(layout_of(X), PandasLayout):
        return X.loc[:, ~unwanted]
    return X[:, np.flatnonzero(~unwanted).tolist()]


def joined(X, further, names):
    """A table with further columns, an array, behind its own; `names` are of all."""
    if isinstance(X, np.ndarray):
        return np.hstack([X, further.astype(X.dtype)])
    package = importlib.import_module(_library(X))
    if not isinstance(layout_of(X), PandasLayout):
        return X.hstack(package.DataFrame(further, schema=list(names[X.shape[1] :])))
    flags = package.DataFrame(further, columns=names[X.shape[1] :], index=X.index)
    made = package.concat([X, flags], axis=1)
    if not all(isinstance(name, str) for name in X.columns):  # of which no others may be beside
        made.columns = names
    return made


def _narwhals():
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError as error:
        raise ImportError(
            "Tables of pandas and polars need narwhals: pip install 'skae[tables]', or narwhals "
            "alone. scikit-learn 1.9 brings it."
        ) from error
    return narwhals


def _read_series(series, missing_values):
    native = series.to_native()
    if str(getattr(native, "dtype", "")).startswith("period["):  # ordinals: of the same length each
        missing = native.isna().to_numpy()
        ordinals = native.array.asi8.astype("M8[D]")
        return Values(np.where(missing, np.datetime64(0, "D"), ordinals), missing, "period")
    array, missing = series.to_numpy(), series.is_null().to_numpy().astype(bool)
    return Values.of(array, missing | _are(array, missing, missing_values))


def _read_array(column, missing_values):
    missing = np.zeros(len(column), dtype=bool)
    if column.dtype.kind == "O":
        missing = np.array([_is_missing(value) for value in column], dtype=bool)
    return Values.of(column, missing | _are(column, missing, missing_values))


def _is_missing(value):
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):  # pandas.NA, and what is no single value
        return type(value).__name__ == "NAType"


def _are(array, missing, value):
    """Where an array has a value, of whatever kind both are, besides what is missing anyway."""
    found = np.zeros(len(array), dtype=bool)
    if value is None or is_scalar_nan(value):
        return found
    if array.dtype.kind in "iufb":
        return found if isinstance(value, str) else array == value
    known = np.flatnonzero(~missing)
    # Of objects `==` may be an array.
    found[known] = [type(item) is type(value) and item == value for item in array[known].tolist()]
    return found


@dataclass(frozen=True)
class ArrayLayout:
    """An array."""

    dtype: str
    names: list

    library = "array"
    is_frame = False

    def to_plain(self):
        """As numbers and texts."""
        return {"library": self.library, **asdict(self)}

    def is_category(self, place):
        """Whether a column says itself that it has categories."""
        return False

    def can_miss(self, place):
        """Whether values of a column can be missing."""
        return True

    def make(self, columns, index=None):
        """An array of columns: pairs of values and of which are missing."""
        dtype = np.dtype(self.dtype)
        dtype = dtype if dtype.kind in "fO" else np.dtype(np.float64)
        made = np.empty((len(columns[0][0]), len(columns)), dtype=dtype)
        for place, (values, missing, column) in enumerate(columns):
            if dtype.kind == "O":
                values = np.array(objects(values, column.element), dtype=object)
            made[:, place] = values
            made[missing, place] = None if dtype.kind == "O" else np.nan
        return made

    def filled(self, X, decoded, gaps):
        """X itself, with what is decoded in its gaps."""
        X[gaps] = decoded[gaps]
        return X


@dataclass(frozen=True)
class PandasLayout:
    """A `pandas.DataFrame`.

    Parameters
    ----------
    names : list
        Of the columns.
    dtypes : list of dict
        How to make the dtype of each.
    level_names : list
        Of the index of columns.
    """

    names: list
    dtypes: list
    level_names: list = field(default_factory=lambda: [None])

    library = "pandas"
    is_frame = True

    @classmethod
    def of(cls, X):
        return cls(list(X.columns), [_pandas_text(d) for d in X.dtypes], list(X.columns.names))

    def to_plain(self):
        """As numbers and texts."""
        plain = {"library": self.library, **asdict(self)}
        return {**plain, "names": [to_plain(name) for name in self.names]}

    def is_category(self, place):
        """Whether a column says itself that it has categories."""
        return "categories" in self.dtypes[place]

    def can_miss(self, place):
        """Whether values of a column can be missing."""
        import pandas as pd

        dtype = _pandas_dtype(self.dtypes[place])
        if isinstance(dtype, pd.IntervalDtype):
            dtype = dtype.subtype
        return not (isinstance(dtype, np.dtype) and dtype.kind in "iub")

    def make(self, columns, index=None):
        """A frame of columns: triples of values, of which are missing, and the `Column`."""
        import pandas as pd

        series = [
            _pandas_series(values, missing, column, _pandas_dtype(dtype))
            for (values, missing, column), dtype in zip(columns, self.dtypes, strict=True)
        ]
        frame = pd.DataFrame(dict(enumerate(series)))
        if len(self.level_names) > 1:
            frame.columns = pd.MultiIndex.from_tuples(self.names, names=self.level_names)
        else:
            frame.columns = pd.Index(self.names, name=self.level_names[0], tupleize_cols=False)
        if index is not None:
            frame.index = index
        return frame

    def filled(self, X, decoded, gaps):
        """X, with what is decoded in its gaps."""
        made = X.copy()
        for place, gap in enumerate(gaps.T):
            if gap.any():
                column, found = X.iloc[:, place], decoded.iloc[:, place]
                column, found = _pandas_alike(column, found)
                made.isetitem(place, column.where(~gap, found.array))
        return made


def _pandas_alike(column, found):
    """A column and what is to fill it, of one dtype: that of the column, if it can hold the other.

    It is another than in `fit` where values are missing now, or are not any more.
    """
    import pandas as pd

    if column.dtype == found.dtype:
        return column, found
    if column.isna().all():
        return found.set_axis(column.index), found
    if isinstance(column.dtype, pd.CategoricalDtype):
        known, new = column.cat.categories, pd.unique(found.astype(object))
        column = column.cat.add_categories([value for value in new if value not in known])
        return column, found.astype(object).astype(column.dtype)
    zones = [getattr(one.dtype, "tz", None) for one in (column, found)]
    if found.dtype.kind == "M" and column.dtype.kind == "M" and zones[0] != zones[1]:
        found = found.dt.tz_localize("UTC") if zones[1] is None else found
        found = found.dt.tz_convert(zones[0])  # None takes the zone away
    if pd.api.types.is_integer_dtype(column.dtype) and pd.api.types.is_float_dtype(found.dtype):
        found = found.round()
    try:
        return column, found.astype(column.dtype)
    except (TypeError, ValueError):
        return column.astype(found.dtype), found


def _pandas_text(dtype):
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories
        return {
            "categories": [to_plain(value) for value in categories],
            "of": _pandas_text(categories.dtype),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.ArrowDtype):  # whose names do not say all of them
        import pyarrow as pa

        schema = pa.schema([("", dtype.pyarrow_dtype)])
        return {"arrow": schema.serialize().to_pybytes().hex()}
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return {"name": f"string[{dtype.storage}]"}
    return {"name": str(dtype)}


def _pandas_dtype(text):
    import pandas as pd

    if "categories" in text:
        values = [value_of(plain) for plain in text["categories"]]
        categories = pd.Index(values, dtype=_pandas_dtype(text["of"]))
        return pd.CategoricalDtype(categories, ordered=text["ordered"])
    if "arrow" in text:
        import pyarrow as pa

        schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(text["arrow"])))
        return pd.ArrowDtype(schema.field(0).type)
    return pd.api.types.pandas_dtype(text["name"])


def _pandas_series(values, missing, column, dtype):
    import pandas as pd

    if isinstance(dtype, pd.PeriodDtype) and values.dtype.kind == "M":
        made = pd.Series(pd.PeriodIndex.from_ordinals(values.view("i8"), freq=dtype.freq))
        return made.mask(missing)
    if values.dtype.kind in "Mm" and not pd.api.types.is_object_dtype(dtype):
        made = pd.Series(np.where(missing, np.array("NaT", values.dtype), values))
        if isinstance(dtype, pd.DatetimeTZDtype):
            made = made.dt.tz_localize("UTC")
        if isinstance(dtype, pd.CategoricalDtype):
            return pd.Series(pd.Categorical(made, dtype=dtype))
        return made.astype(dtype)
    if values.dtype.kind != "O" and not missing.any():
        if pd.api.types.is_integer_dtype(dtype):
            limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
            values = (
                np.rint(values.astype(np.float64))  # of flags numpy makes float16
                .clip(limits.min, limits.max)
                .astype(np.uint64 if float(values.max()) >= 2.0**63 else np.int64)
            )
        if not (pd.api.types.is_object_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype)):
            return pd.Series(values).astype(dtype)
    items = objects(values, column.element)
    items = [None if lost else item for item, lost in zip(items, missing, strict=True)]
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Series(pd.Categorical(items, dtype=dtype))
    if pd.api.types.is_integer_dtype(dtype):
        items = [None if item is None else int(item) for item in items]
    return pd.Series(items, dtype=dtype)


def objects(values, element):
    """The values as Python has them."""
    if element in FROM_NUMBERS:
        return [FROM_NUMBERS[element](value) for value in values]
    if values.dtype.kind in "Mm":
        return values.astype(f"{values.dtype.kind}8[{'D' if element == 'date' else 'us'}]").tolist()
    return values.tolist()


@dataclass(frozen=True)
class PolarsLayout:
    """A `polars.DataFrame`.

    Parameters
    ----------
    names : list of str
        Of the columns.
    dtypes : list of dict
        How to make the dtype of each.
    """

    names: list
    dtypes: list

    library = "polars"
    is_frame = True

    @classmethod
    def of(cls, X):
        return cls(list(X.columns), [_polars_text(dtype) for dtype in X.dtypes])

    def to_plain(self):
        """As numbers and texts."""
        return {"library": self.library, **asdict(self)}

    def is_category(self, place):
        """Whether a column says itself that it has categories."""
        return self.dtypes[place]["name"] in ("Categorical", "Enum")

    def can_miss(self, place):
        """Whether values of a column can be missing."""
        return True

    def make(self, columns, index=None):
        """A frame of columns: triples of values, of which are missing, and the `Column`."""
        import polars as pl

        return pl.DataFrame(
            [
                _polars_series(name, values, missing, column, _polars_dtype(dtype))
                for name, (values, missing, column), dtype in zip(
                    self.names, columns, self.dtypes, strict=True
                )
            ]
        )

    def filled(self, X, decoded, gaps):
        """X, with what is decoded in its gaps."""
        import polars as pl

        columns = []
        for place, gap in enumerate(gaps.T):
            column, found = X.to_series(place), decoded.to_series(place)
            if gap.any():
                column, found = _polars_alike(column, found)
                column = column.zip_with(pl.Series(~gap), found)
            columns.append(column)
        return pl.DataFrame(columns)


def _polars_alike(column, found):
    """A column and what is to fill it, of one dtype: that of the column, if it can hold the other.

    It is another than in `fit` where values are missing now, or are not any more.
    """
    if column.dtype == found.dtype:
        return column, found
    if column.dtype.is_integer() and found.dtype.is_float():
        found = found.round()
    cast = found.cast(column.dtype, strict=False)
    if cast.null_count() > found.null_count():
        return column.cast(found.dtype, strict=False), found
    return column, cast


def _polars_text(dtype):
    text = {"name": dtype.base_type().__name__}
    for name in ("time_unit", "time_zone", "precision", "scale"):
        if hasattr(dtype, name):
            text[name] = getattr(dtype, name)
    if text["name"] == "Enum":
        text["categories"] = dtype.categories.to_list()
    elif text["name"] in ("List", "Array"):
        text["inner"] = _polars_text(dtype.inner)
        if text["name"] == "Array":
            text["shape"] = dtype.size
    elif text["name"] == "Struct":
        text["fields"] = {field.name: _polars_text(field.dtype) for field in dtype.fields}
    return text


def _polars_dtype(text):
    import polars as pl

    arguments = {name: value for name, value in text.items() if name != "name"}
    if "inner" in arguments:
        arguments["inner"] = _polars_dtype(arguments["inner"])
    if "fields" in arguments:
        fields = arguments["fields"].items()
        arguments["fields"] = {name: _polars_dtype(of) for name, of in fields}
    dtype = getattr(pl, text["name"])
    return dtype(**arguments) if arguments else dtype


def _polars_series(name, values, missing, column, dtype):
    import polars as pl

    if values.dtype.kind in "Mm" and dtype != pl.Object:
        made = np.where(missing, np.array("NaT", values.dtype), values)
        series = pl.Series(name, made)
        zone = getattr(dtype, "time_zone", None)
        if zone is not None:
            series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        return series.cast(dtype)
    items = values.tolist()
    if dtype.is_integer():
        items = [None if item is None else round(item) for item in items]
    items = [None if lost else item for item, lost in zip(items, missing, strict=True)]
    if dtype.base_type() == pl.Decimal:
        return pl.Series(name, items, dtype=pl.Float64).cast(dtype)
    if dtype == pl.Boolean:
        items = [None if item is None else bool(item) for item in items]
    return pl.Series(name, items, dtype=dtype, strict=False)
