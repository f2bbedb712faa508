"""Frames of pandas: what their dtypes are, and frames of the same."""

from dataclasses import asdict, dataclass, field

import numpy as np

from skae._rows.frames.plain import from_plain, objects, to_plain

MIN_ARROW = 15


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
        values = [from_plain(plain) for plain in text["categories"]]
        categories = pd.Index(values, dtype=_pandas_dtype(text["of"]))
        return pd.CategoricalDtype(categories, ordered=text["ordered"])
    if "arrow" in text:
        import pyarrow as pa

        # Older ones might run what a type in a file says.
        if int(pa.__version__.partition(".")[0]) < MIN_ARROW:
            raise ImportError(f"pyarrow {pa.__version__} is too old. Update it to {MIN_ARROW}.")
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
