"""Frames of polars: what their dtypes are, and frames of the same."""

from dataclasses import asdict, dataclass

import numpy as np


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
    dtype = getattr(pl, text["name"], None)
    if not (isinstance(dtype, type) and issubclass(dtype, pl.DataType)):  # a file may say anything
        raise ValueError(f"polars has no dtype {text['name']!r}.")
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
