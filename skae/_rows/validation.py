"""X checked as scikit-learn does, with errors that lead on from what a table may hold."""

import ast
import inspect

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skae._rows.source import is_read_in_place, validate_in_place
from skae._rows.sources.dtypes import accepted_dtypes

# These fit into float32 without loss and may be large: they are cast batch by batch, as is all that
# lies in a file.
_SMALL_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "float16")

MISSING = "Input X contains NaN"
# In the names of dtypes of pandas, polars and pyarrow that numpy would make numbers of, in units
# that nobody sees; those of categories may have any words in them.
_TIMES = "date", "time", "duration", "period"
# Of values that `float` refuses.
_VALUES_OF_TABLES = "NAType", "date", "time", "Time", "Period", "Interval"
MAX_COLUMNS_NAMED = 5


def validate(estimator, X, *, reset, ensure_all_finite=True):
    """X as `sklearn.utils.validation.validate_data` has it, without a copy where possible.

    Parameters
    ----------
    estimator : BaseEstimator
    X : array, CSR matrix, table, or what `is_read_in_place`
    reset : bool
        Whether to set the number of features, or else to compare with it.
    ensure_all_finite : bool or "allow-nan"

    Returns
    -------
    array, CSR matrix or Source

    Raises
    ------
    ValueError, TypeError
        If X is not of numbers, in rows and columns, of which there is at least one, or not finite.
    """
    try:
        if is_read_in_place(X):
            return validate_in_place(estimator, X, reset=reset, ensure_all_finite=ensure_all_finite)
        _refuse_times(estimator, X)
        keep = isinstance(X, np.ndarray) and X.dtype.name in _SMALL_DTYPES
        return validate_data(
            estimator,
            X,
            accept_sparse="csr",
            dtype=None if keep else accepted_dtypes(X),
            ensure_all_finite=ensure_all_finite,
            reset=reset,
        )
    except (ValueError, TypeError) as error:
        if isinstance(error, ValueError) and str(error).startswith(MISSING):
            raise explain_missing(error, estimator) from None
        better = _of_other_kinds(error, estimator, X)
        if better is None:
            raise
        raise better from error


def explain_missing(error, estimator):
    """What to say in place of an error that tells of `MISSING` values."""
    first, name = str(error).partition("\n")[0], type(estimator).__name__
    unless, filled = ". ", "Fill them in before"
    if "allow_nan" in estimator.get_params(deep=False):
        block = _block([name], as_code(estimator, allow_nan=True))
        unless = f", unless it is made and fitted with allow_nan=True:\n\n{block}\n"
        filled = "Or fill them in before"
    steps = f"make_pipeline(AutoencoderImputer(), {as_code(estimator)})"
    block = _block(["AutoencoderImputer", name], steps)
    mask = "\nIf nothing is missing, take the mask off: X.data." if "masked" in first else ""
    return ValueError(
        f"{first}\n{name} does not accept missing values{unless}{filled}:\n\n{block}{mask}"
    )


def as_code(estimator, **params):
    """A line that makes an estimator with the same settings but for some.

    Where a value would be no literal, there is the name of the parameter.
    """
    known = inspect.signature(type(estimator)).parameters
    params = {**estimator.get_params(deep=False), **params}
    # The width of the code, or the number of clusters.
    first = [n for n, p in known.items() if p.kind is p.POSITIONAL_OR_KEYWORD][:1]
    settings = [_literal(n, params.pop(n)) for n in first if params[n] is not None]
    for name, value in params.items():
        default = known[name].default if name in known else None
        if value is not default and repr(value) != repr(default):
            settings.append(f"{name}={_literal(name, value)}")
    return f"{type(estimator).__name__}({', '.join(settings)})"


def _literal(name, value):
    text = repr(value.item() if isinstance(value, np.generic) else value)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return name
    return text


def _block(names, code):
    """Lines to paste, which make a model of classes of these names."""
    lines = [f"from skae import {', '.join(sorted(names))}", f"model = {code}"]
    if "make_pipeline" in code:
        lines.insert(1, "from sklearn.pipeline import make_pipeline")
    return "".join(f"    {line}\n" for line in lines)


def _table_advice(estimator, rows=None):
    """What is for tables with an estimator inside, or before one that is no autoencoder."""
    inside = as_code(estimator)
    code = f"TabularAutoencoder({inside})"
    if not hasattr(estimator, "inverse_transform"):
        code = f"make_pipeline(TabularAutoencoder(), {inside})"
    block = _block(["TabularAutoencoder", type(estimator).__name__], code)
    given = f", and is given {rows}" if rows else ""
    return f"A TabularAutoencoder encodes texts, categories, dates and durations{given}:\n\n{block}"


def _refuse_times(estimator, X):
    if any(map(_is_time, {dtype for _, dtype in _columns(X)})):
        raise _columns_error(estimator, X)
    if getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M"):
        raise ValueError(
            f"X is of dtype {X.dtype}, which has no numbers. "
            + _table_advice(estimator, "pandas.DataFrame(X)")
        )


def _of_other_kinds(error, estimator, X):
    """What to say in place of an error if it is that some of X is of another kind, or None."""
    text = str(error)
    if text.startswith("X has columns") or "Complex data" in text or "an array element" in text:
        return None
    better = _columns_error(estimator, X)
    if better is not None:
        return better
    if "could not convert string to float" not in text and not (
        text.startswith("float() argument") and any(word in text for word in _VALUES_OF_TABLES)
    ):
        return None
    cls = TypeError if isinstance(error, TypeError) else ValueError
    advice = _table_advice(estimator, "pandas.DataFrame(X).convert_dtypes()")
    return cls(f"X has values that are no numbers: {text}. {advice}")


def _columns_error(estimator, X):
    """What to say of columns that are no numbers, or None if there is none."""
    columns = [
        (name, dtype)
        for number, (name, dtype) in enumerate(_columns(X))
        if _is_time(dtype) or not _is_of_numbers(X, number)
    ]
    if not columns:
        return None
    named = [f"{name!r} ({dtype})" for name, dtype in columns[:MAX_COLUMNS_NAMED]]
    more = len(columns) - len(named)
    more = f" and {more} more" if more else ""
    objects = any(str(dtype) == "object" for _, dtype in columns) and hasattr(X, "convert_dtypes")
    convert = "If those of objects hold numbers, X.convert_dtypes() says so. " if objects else ""
    return ValueError(
        f"X has columns that are no numbers: {', '.join(named)}{more}. {convert}"
        + _table_advice(estimator)
    )


def _columns(X):
    """Names and dtypes of the columns of a table of pandas, polars or pyarrow; else none."""
    if hasattr(getattr(X, "schema", None), "empty_table"):
        return list(zip(X.schema.names, X.schema.types, strict=True))
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        return list(zip(X.columns, X.dtypes, strict=True))
    return []


def _is_time(dtype):
    name = str(dtype).lower()
    return any(word in name for word in _TIMES) and "(categories" not in name


def _is_of_numbers(X, number):
    """Whether scikit-learn makes numbers of a column."""
    by_place = hasattr(X, "iloc")
    column = X.iloc[:, [number]] if by_place else X.select([_columns(X)[number][0]])
    try:
        check_array(column, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=0)
    except (ValueError, TypeError):
        return False
    return True
