"""A table goes through ONNX as through the estimator, column by column."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import (
    AutoencoderImputer,
    AutoencoderTransformer,
    LadderClassifier,
    SemanticHashing,
    TabularAutoencoder,
    VAETransformer,
)
from skae._rows.frames.encoding import TableEncoding
from skae.export import to_onnx
from skae.export._tables import check_table, with_columns

from ..generated_frames import frames

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0}


def shop(n_rows=200):
    """All kinds of columns, in an order that is not that of the rows inside."""
    rng = np.random.default_rng(0)
    rank = rng.integers(0, 3, n_rows)
    return pd.DataFrame(
        {
            "city": np.array(["Ulm", "Köln", ""])[rank],
            "X": rng.poisson(2 + 3 * rank),
            "amount": (20 + 30 * rank + rng.normal(0, 2, n_rows)).round(2),
            "paid": rng.random(n_rows) < 0.2 + 0.3 * rank,
            "day": np.datetime64("2024-01-01", "us") + (40 * rank * 86_400_000_000),
            "took": rng.integers(0, 2000, n_rows) * np.timedelta64(1, "s"),
            "size": pd.Categorical(2 * rank - 3),
            "weight": rng.normal(1e4, 10, n_rows),
            "tens": rng.integers(1, 30, n_rows) * 10,
            "shop": 1,
        }
    )


def fitted(autoencoder, X, y=None, **params):
    with warnings.catch_warnings(action="ignore"):  # "shop" is left out
        return TabularAutoencoder(autoencoder, allow_nan=False, **params).fit(X, y)


def run(model, feed):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert [i.name for i in session.get_inputs()] == [*feed]
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feed), strict=True))


def feed_of(frame):
    """What the guide says is given to a graph."""
    arrays = {name: frame[[name]].to_numpy() for name in frame.columns if name != "shop"}
    return {n: a.view(np.int64) if a.dtype.kind in "Mm" else a for n, a in arrays.items()}


def agrees(found, frame, ending=""):
    """Values of one frame as a graph gives them."""
    assert [*found] == [f"{name}{ending}" for name in frame.columns if name != "shop"]
    for name, expected in feed_of(frame).items():
        values = found[f"{name}{ending}"]
        assert values.shape == expected.shape
        assert values.dtype.kind == expected.dtype.kind
        if name not in ("amount", "weight"):  # rounded to steps that are large
            np.testing.assert_array_equal(values, expected)
        elif name == "weight":
            np.testing.assert_allclose(values, expected, rtol=0, atol=1e-4)
        else:  # but for ties
            np.testing.assert_allclose(values, expected, rtol=0, atol=0.0101)
            assert (values != expected).mean() < 0.03


@pytest.mark.parametrize(
    ("cls", "opset_version"), [(VAETransformer, None), (AutoencoderTransformer, 18)]
)
def test_a_table_goes_through_as_through_the_verbs(cls, opset_version):
    X = shop()
    model = fitted(cls(3, **QUICK), X)
    codes = model.transform(X)
    decoded = model.inverse_transform(codes.astype(np.float32))
    found = run(to_onnx(model, opset_version=opset_version), feed_of(X))
    np.testing.assert_allclose(found.pop("codes"), codes, rtol=0, atol=1e-5)
    agrees(found, decoded, "_original")
    one = {name: values[:1] for name, values in feed_of(X).items()}
    (alone,) = run(to_onnx(model, "encoder", opset_version=opset_version), one).values()
    np.testing.assert_allclose(alone, codes[:1], rtol=0, atol=1e-5)
    decoder = to_onnx(model, "decoder", opset_version=opset_version)
    agrees(run(decoder, {"codes": codes.astype(np.float32)}), decoded)


@pytest.mark.parametrize(
    ("name", "value"), [("city", "Bonn"), ("size", 7), ("amount", np.nan), ("weight", np.inf)]
)
def test_what_the_estimator_refuses_has_no_code(name, value):
    X = shop()
    model = fitted(SemanticHashing(4, **QUICK), X)  # nothing is NaN by itself in a code of bits
    feed = {column: values[:3] for column, values in feed_of(X).items()}
    feed[name] = feed[name].copy()
    feed[name][1] = value
    codes = run(to_onnx(model, "encoder"), feed)["codes"]
    assert np.isnan(codes[1]).all()
    np.testing.assert_allclose(codes[[0, 2]], model.transform(X[:3])[[0, 2]], rtol=0, atol=1e-5)


def test_a_classifier_and_a_decoder_that_is_told_classes():
    X = shop()
    y = np.arange(len(X)) % 3
    classifier = fitted(LadderClassifier(**QUICK), X, y)
    (probabilities,) = run(to_onnx(classifier), feed_of(X)).values()
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), rtol=0, atol=1e-5)
    told = fitted(VAETransformer(2, conditional=True, **QUICK), X, y)
    codes = np.zeros((len(X), 2), dtype=np.float32)
    found = run(to_onnx(told, "decoder"), {"codes": codes, "y": y})
    agrees(found, told.inverse_transform(codes, y))


def identity(n_columns, *names):
    """A model whose output is its input."""
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n_samples", n_columns])
        for name in names
    ]
    nodes = [onnx.helper.make_node("Identity", names[:1], names[1:])]
    graph = onnx.helper.make_graph(nodes, "identity", values[:1], values[1:])
    opset = onnx.helper.make_opsetid("", 18)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)


def as_fed(column, values):
    if column.unit:
        return values.array.astype(column.unit).view(np.int64)
    if column.kind == "categorical":
        places = np.nan_to_num(column.numbers(values)).astype(int)
        return np.array(column.categories, dtype=object)[places]
    return column.numbers(values)


def test_generated_frames(request):
    """Rows of numbers, and what comes back of them, are to the bit those of `TableEncoding`."""
    n_exported = 0

    @settings(
        max_examples=2000 if request.config.getoption("--thorough") else 200,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(frames)
    def check(frame):
        nonlocal n_exported
        model = TabularAutoencoder(allow_nan=False)
        try:
            table = model._table = TableEncoding.find(frame, {}, 5, StandardScaler())
            model.autoencoder_ = None
            check_table(model)
            rows = table.encode(frame)
            encoder = with_columns(table, identity(rows.shape[1], "X", "codes"))
            decoder = with_columns(table, identity(rows.shape[1], "codes", "X_original"))
        except ValueError:  # values that are too large, or no name
            return
        is_whole = ~np.isnan(rows).any(axis=1)
        if not is_whole.any() or not rows.shape[1]:
            return
        rows = rows[is_whole].astype(np.float32)
        learned = {str(column.name): column for column in table.learned()}
        values = {str(n): v for n, v in zip(table.layout.names, table.read(frame), strict=True)}
        feed = {}
        for fed in encoder.graph.input:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(fed.type.tensor_type.elem_type)
            array = as_fed(learned[fed.name], values[fed.name])
            feed[fed.name] = array[is_whole].astype(dtype)[:, None]
        np.testing.assert_array_equal(run(encoder, feed)["codes"], rows)
        # Those, some that are out of range, and ties.
        rows = np.vstack([rows, -4 * rows, np.full_like(rows, 0.5)])
        found = run(decoder, {"codes": rows})
        for expected, _, column in table.decoded(rows):
            if column in learned.values():
                expected = expected.view(np.int64) if column.unit else expected
                np.testing.assert_array_equal(found[str(column.name)][:, 0], expected)
        n_exported += 1

    check()
    assert n_exported > 20


def test_nothing_leaves_the_range_by_rounding():
    low = 3 * 0.1  # which is more than 0.3
    table = TableEncoding.find(pd.DataFrame({"x": [low, 0.5, 0.7]}), {}, 5, StandardScaler())
    codes = np.full((1, 1), -9, dtype=np.float32)
    found = run(with_columns(table, identity(1, "codes", "X_original")), {"codes": codes})
    assert found["x"].item() == low == table.decode(codes)["x"].item()


def test_what_can_not_be_exported_says_why():
    X = shop().drop(columns="shop")
    with_gaps = TabularAutoencoder(AutoencoderTransformer(2, **QUICK)).fit(X)
    imputer = AutoencoderImputer(AutoencoderTransformer(2, **QUICK)).fit(X)
    for model in (with_gaps, imputer):
        with pytest.raises(ValueError, match="Fit a TabularAutoencoder with allow_nan=False"):
            to_onnx(model)
    one = AutoencoderTransformer(2, hidden_layer_sizes=(8,), max_iter=1)
    with pytest.raises(ValueError, match=r"MinMaxScaler as its scaler.*scaler=None"):
        to_onnx(fitted(one, X, scaler=MinMaxScaler()))
    for values, message in (
        (np.where(X["paid"], 2**60, 1) + X["tens"], r"'tens' has whole numbers beyond 2\*\*53"),
        (pd.Categorical(np.where(X["paid"], "a", X["tens"].astype(object))), "'tens' has categor"),
        (pd.Categorical(X["day"]), "'tens' has categories such as datetime"),
    ):
        with pytest.raises(ValueError, match=message):
            to_onnx(fitted(one, X.assign(tens=values)))
    for name in ("codes", "", "city_original"):
        with pytest.raises(ValueError, match=f"would have \\['{name}'\\]. Rename"):
            to_onnx(fitted(one, X.rename(columns={"tens": name})))
    with pytest.raises(ValueError, match="part='whole' must be"):
        to_onnx(fitted(one, X), "whole")
