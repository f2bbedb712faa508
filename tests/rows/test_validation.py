"""What a table may hold and a net may not is refused with what to do, as lines to paste."""

import datetime as dt
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline

import skae
from skae._rows.validation import as_code

CLASSES = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
MODELS = [cls() for cls in CLASSES if hasattr(cls, "_validate")]
N = 12
X = np.random.default_rng(0).normal(size=(N, 3))
HOLES = np.where(np.arange(3 * N).reshape(N, 3) == 7, np.nan, X)
Y = np.arange(N) % 2


class Inside(BaseEstimator):
    """In the place of what is told of: a model around another, or before it."""

    def __init__(self, inside=None):
        self.inside = inside


def pasted(message, number=-1):
    """What the lines to paste of a message make."""
    lines = [line for line in message.splitlines() if line.startswith("    ")]
    starts = [i for i, line in enumerate(lines) if line.startswith("    from skae import")]
    block = lines[starts[number] :][: len(lines) if number == -1 else starts[number + 1]]
    names = {name: getattr(skae, name) for name in skae.__all__}
    names |= {"TabularAutoencoder": Inside, "AutoencoderImputer": Inside}
    names |= {"make_pipeline": make_pipeline}
    (code,) = (line.strip() for line in block if line.startswith("    model = "))
    for name in re.findall(r"\w+(?=\()", code):
        assert any("import" in line and name in line for line in block), name
    exec(code, names)
    return names["model"]


def is_like(made, model):
    return type(made) is type(model) and repr(made) == repr(model)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_each_class_names_what_it_has_for_missing_values(model):
    with pytest.raises(ValueError, match=r"^Input X contains NaN\.\n\w+ does not accept") as error:
        model.fit(HOLES, Y)
    message = str(error.value)
    assert "HistGradient" not in message
    imputer, last = pasted(message)
    assert is_like(last, model)
    assert isinstance(imputer, Inside)
    has_it = "allow_nan" in model.get_params()
    assert ("allow_nan=True" in message) is has_it
    if has_it:
        assert is_like(pasted(message, 0), clone(model).set_params(allow_nan=True))


def with_column(values, dtype=None):
    return pd.DataFrame(X, columns=list("abc")).assign(z=pd.Series(values, dtype=dtype))


MISSING = {
    "csr": sparse.csr_array(HOLES),
    "masked": np.ma.masked_invalid(HOLES),
    "None": np.where(np.isnan(HOLES), None, HOLES).tolist(),
    "Int64": with_column([1, None] * 6, "Int64"),
    "boolean": with_column([True, None] * 6, "boolean"),
    "polars": pl.DataFrame({"a": [1, None] * 6, "b": [True, None] * 6}),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_values_of_all_kinds_are_told_of_and_taken_where_they_may_be_there(kind):
    model = skae.AutoencoderTransformer(2, max_iter=1, hidden_layer_sizes=(4,), random_state=0)
    with pytest.raises(ValueError, match=r"(?s)^Input X contains NaN.*allow_nan=True") as error:
        model.fit(MISSING[kind])
    assert ("take the mask off" in str(error.value)) is (kind == "masked")
    model.set_params(allow_nan=True).fit(MISSING[kind])
    assert not np.isnan(model.impute(MISSING[kind])).any()


@pytest.mark.parametrize(
    "verb", ["partial_fit", "transform", "score_samples", "denoise", "corrupt"]
)
def test_each_verb_tells_of_it(verb):
    model = skae.DenoisingAutoencoder(2, max_iter=1, hidden_layer_sizes=(4,)).fit(X)
    for rows, word in [(HOLES, "allow_nan=True"), ([["a", "b", "c"]] * N, "Tabular")]:
        with pytest.raises(ValueError, match=word):
            getattr(model, verb)(rows)


DAY = dt.datetime(2020, 1, 1)
OTHER_KINDS = {
    "str": with_column(["a", "b"] * 6),
    "object": with_column(["a", "b"] * 6, object),
    "string": with_column(["a", None] * 6, "string"),
    "category": with_column(["a", "b"] * 6, "category"),
    "datetime": with_column([DAY, pd.NaT] * 6),
    "zone": with_column(pd.date_range(DAY, periods=N, tz="UTC")),
    "timedelta": with_column(pd.to_timedelta(np.arange(N), unit="D")),
    "period": with_column(pd.period_range(DAY, periods=N, freq="D")),
    "days": with_column([DAY.date()] * N, object),
    "NA": with_column([1, pd.NA] * 6, object),
    "polars": pl.DataFrame({"a": X[:, 0], "z": ["a", None] * 6}),
    "enum": pl.DataFrame({"z": ["date", "time"] * 6}, schema={"z": pl.Enum(["date", "time"])}),
    "date": pl.DataFrame({"z": [DAY.date()] * N, "b": X[:, 0]}),
    "duration": pl.DataFrame({"z": [dt.timedelta(1)] * N}),
    "arrow": pa.table({"z": ["a", "b"] * 6, "b": X[:, 0]}),
    "timestamp": pa.table({"z": [DAY] * N}),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
@pytest.mark.parametrize("model", [skae.VAETransformer(8, allow_nan=True), skae.LadderClassifier()])
def test_columns_of_other_kinds_are_named_with_what_takes_them(kind, model):
    with pytest.raises(ValueError, match=r"^X has columns that are no numbers: 'z' \([^']+") as e:
        model.fit(OTHER_KINDS[kind], Y)
    assert ("convert_dtypes()" in str(e.value)) is (kind in ("object", "days", "NA"))
    made = pasted(str(e.value))
    inside = made.inside if hasattr(model, "inverse_transform") else made[-1]
    assert is_like(inside, model)


def test_all_columns_of_other_kinds_are_counted_and_no_other():
    table = pd.DataFrame({f"t{i}": list("ab") * 6 for i in range(7)})
    table.insert(3, "day", DAY)
    table.insert(0, "number", X[:, 0])
    with pytest.raises(ValueError, match=r"numbers: 't0' .*'day' .*'t3' \(\w+\) and 3 more\. "):
        skae.AutoencoderTransformer().fit(table)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (np.array([["a", "b"]] * N), ValueError),
        (np.array([[1.0, DAY.date()]] * N), TypeError),
        (np.array([[1, pd.NA]] * N), TypeError),
        (np.array([["2020-01-01"]] * N, "M8[D]"), ValueError),
        (np.ones((N, 2), "m8[s]"), ValueError),
    ],
)
def test_arrays_of_other_kinds_are_refused_with_the_way_to_a_frame(rows, error):
    with pytest.raises(error, match=r"TabularAutoencoder .*, and is given pandas\.DataFrame\(X\)"):
        skae.AutoencoderTransformer().fit(rows)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (with_column([1j] * N), "Complex data not supported"),
        (with_column([np.inf] * N), "Input X contains infinity"),
        (with_column(1)[:0], "0 sample"),
        (pl.DataFrame({"z": [[1], [2]] * 6}), "array element"),
    ],
)
def test_other_errors_are_scikit_learns(table, words):
    with pytest.raises(ValueError, match=f"^.{{,30}}{words}"):
        skae.AutoencoderTransformer().fit(table)


def test_code_that_makes_an_estimator_has_what_was_set():
    model = skae.VAETransformer(np.int64(3), architecture=skae.architectures.MLP(), max_iter=7)
    assert as_code(model, beta=2.0) == (
        "VAETransformer(3, architecture=architecture, beta=2.0, max_iter=7)"
    )
    assert as_code(Inside()) == "Inside()"
