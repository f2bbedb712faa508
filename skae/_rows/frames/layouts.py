"""Tables as their library has them: read column by column, and made anew with the same dtypes."""

import importlib
from dataclasses import asdict, dataclass

import numpy as np

from skae._rows.frames.columns import Values
from skae._rows.frames.of_pandas import PandasLayout
from skae._rows.frames.of_polars import PolarsLayout
from skae._rows.frames.plain import from_plain as value_of
from skae._rows.frames.plain import objects


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


def index_of(X):
    """The index of a frame of pandas, else None: lists and tuples have a method of this name."""
    return getattr(X, "index", None) if is_frame(X) else None


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
    if _is_missing(value):
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
