"""What is exported does what the estimator does."""

import sys

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import (
    AdversarialAutoencoder,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    LadderClassifier,
    SemanticHashing,
    SparseAutoencoder,
    VAETransformer,
)
from skae.architectures import ConvNet
from skae.export import register_skl2onnx, to_module, to_onnx

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 2, "random_state": 0}
META = (
    "AutoencoderClassifier",
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "TabularAutoencoder",
)


def quick(cls, **params):
    known = cls().get_params()
    return cls(**{name: value for name, value in QUICK.items() if name in known}, **params)


MODELS = [
    *(
        quick(getattr(skae, name))
        for name in skae.__all__
        if name[0].isupper() and name not in META
    ),
    quick(AdversarialAutoencoder, conditional=True),
    quick(VAETransformer, likelihood="bernoulli", conditional=True),
    quick(VAETransformer, likelihood="poisson"),
    quick(SparseAutoencoder, penalty="k"),
    quick(DenoisingAutoencoder, loss="log_loss"),
    AutoencoderTransformer(2, architecture=ConvNet((8, 8), channels=(4,)), max_iter=1),
]


@pytest.fixture(scope="module")
def rows(digits):
    """400 digits, in [0, 1]; 17 of them are enough to compare."""
    return (digits / 16).astype(np.float32)


def expected_of(model, X):
    """What the verbs give for rows: codes, reconstructions, probabilities."""
    codes = model.transform(X) if hasattr(model, "transform") else None
    found = {} if codes is None else {"codes": codes}
    has_decoder = hasattr(model, "inverse_transform")
    if codes is not None and has_decoder and not getattr(model.module_, "n_classes", 0):
        found["X_original"] = model.inverse_transform(np.asarray(codes, dtype=np.float32))
    if hasattr(model, "predict_proba"):
        found["probabilities"] = model.predict_proba(X)
    if hasattr(model, "labels_"):
        found["labels"] = model.predict(X)
    return found


def agrees(found, expected):
    scale = max(1.0, np.abs(expected).max())
    # Logits of rows far beyond all others are large numbers in float32.
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-5 * scale)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_onnx_gives_what_the_verbs_give(model, rows):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    if getattr(model, "likelihood", None) == "poisson":
        rows = rows.round()  # counts
    model.fit(rows, np.arange(len(rows)) % 3)
    X = rows[:17].copy()
    X[-2:] *= 5  # far beyond all others
    expected = expected_of(model, X)
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    assert [output.name for output in session.get_outputs()] == list(expected)
    for n in (17, 1):  # any number of rows
        for name, found in zip(expected, session.run(None, {"X": X[:n]}), strict=True):
            agrees(found, expected[name][:n])
    if not hasattr(model, "inverse_transform"):
        return
    decoder = onnxruntime.InferenceSession(to_onnx(model, "decoder").SerializeToString())
    codes, told = np.asarray(expected["codes"], dtype=np.float32), {}
    if getattr(model.module_, "n_classes", 0):
        told = {"y": np.arange(17) % 3}
    (found,) = decoder.run(None, {"codes": codes, **told})
    agrees(found, model.inverse_transform(codes, *told.values()))


def test_amounts_and_their_zeros_in_onnx():
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    rng = np.random.default_rng(0)
    X = np.where(rng.random((200, 3)) < 0.4, 0, rng.lognormal(1, 1, (200, 3))).astype(np.float32)
    model = quick(VAETransformer, likelihood="hurdle_lognormal").fit(X)
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    codes = model.transform(X)
    for found, expected in zip(
        session.run(None, {"X": X}), (codes, model.inverse_transform(codes)), strict=True
    ):
        agrees(found, expected)


@pytest.mark.parametrize("exposure", ["sum", 5])
def test_counts_of_classes_in_onnx(exposure):
    """Which class is likeliest, with its evidence, needs no gamma function."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    rng, y = np.random.default_rng(0), np.arange(300) % 2
    depth, profiles = rng.lognormal(1, 1, (300, 1)), np.exp(rng.normal(size=(2, 5)))
    X = np.column_stack([rng.poisson(depth * profiles[y]), 10 * depth]).astype(np.float32)
    pairs = [("poisson", [0, 1]), ("negative_binomial", [2, 3, 4])]
    pairs += [("lognormal", [5])] if exposure == "sum" else []
    model = quick(skae.VAEClassifier, likelihood=pairs, exposure=exposure).fit(X, y)
    assert model.module_.calibration.is_set
    session = onnxruntime.InferenceSession(to_onnx(model, "encoder").SerializeToString())
    agrees(session.run(None, {"X": X})[0], model.transform(X))


def test_the_decoder_of_a_number_is_refused(rows):
    model = quick(VAETransformer, conditional=True).fit(rows, rows.mean(axis=1))
    with pytest.raises(ValueError, match="told a number"):
        to_onnx(model, "decoder")


def test_modules_are_those_of_torch_alone(rows):
    model = quick(AutoencoderTransformer).fit(1e3 * rows + 1e4)
    X = (1e3 * rows + 1e4)[:17]
    X[-2:] *= 3  # far beyond all others
    encoder, decoder = to_module(model, "encoder"), to_module(model, "decoder")
    codes = encoder(torch.from_numpy(X))
    agrees(codes.detach(), model.transform(X))
    agrees(decoder(codes).detach(), model.inverse_transform(model.transform(X)))
    n_rows = torch.export.Dim("rows")
    exported = torch.export.export(
        encoder, (torch.from_numpy(X),), dynamic_shapes=({0: n_rows},)
    ).module()
    agrees(exported(torch.from_numpy(X[-5:])).detach(), model.transform(X[-5:]))


def test_a_module_is_a_copy(rows):
    model = quick(AutoencoderTransformer).fit(rows)
    before = model.transform(rows)
    module = to_module(model, "encoder")
    assert not module.training
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(model.transform(rows), before)


def test_a_pipeline_goes_through_skl2onnx(rows):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    register_skl2onnx()
    register_skl2onnx()
    y = np.arange(len(rows)) % 3
    for transformer in (quick(AutoencoderTransformer), quick(SemanticHashing)):
        pipeline = make_pipeline(StandardScaler(), transformer, LogisticRegression()).fit(rows, y)
        converted = skl2onnx.to_onnx(pipeline, rows[:1], options={"zipmap": False})
        session = onnxruntime.InferenceSession(converted.SerializeToString())
        labels, probabilities = session.run(None, {"X": rows})
        np.testing.assert_array_equal(labels, pipeline.predict(rows))
        agrees(probabilities, pipeline.predict_proba(rows))


def test_two_of_skae_in_one_pipeline(rows):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    register_skl2onnx()
    wide = AutoencoderTransformer(8, **QUICK)
    pipeline = make_pipeline(wide, quick(VAETransformer)).fit(rows)
    converted = skl2onnx.to_onnx(pipeline, rows[:1])
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    agrees(session.run(None, {"X": rows})[0], pipeline.transform(rows))


@pytest.mark.parametrize("names", [np.array([3, 5, 9]), np.array(["a", "b", "ä"])])
@pytest.mark.parametrize(
    "cls", [LadderClassifier, skae.VAEClassifier, skae.AdversarialAutoencoderClassifier]
)
def test_a_pipeline_may_end_in_a_classifier(cls, names, rows):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    register_skl2onnx()
    y = names[np.arange(len(rows)) % 3]
    pipeline = make_pipeline(PCA(8), quick(cls)).fit(rows, y)
    converted = skl2onnx.to_onnx(pipeline, rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    labels, probabilities = session.run(None, {"X": rows})
    np.testing.assert_array_equal(labels, pipeline.predict(rows))
    agrees(probabilities, pipeline.predict_proba(rows))
    zipped = onnxruntime.InferenceSession(
        skl2onnx.to_onnx(pipeline, rows[:1]).SerializeToString()
    ).run(None, {"X": rows[:1]})[1]
    assert set(zipped[0]) == set(names.tolist())


def test_a_pipeline_may_end_in_clusters(rows):
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    register_skl2onnx()
    pipeline = make_pipeline(PCA(8), quick(skae.AdversarialAutoencoderClustering)).fit(rows)
    converted = skl2onnx.to_onnx(pipeline, rows[:1])
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    np.testing.assert_array_equal(session.run(None, {"X": rows})[0], pipeline.predict(rows))


def test_operators_that_torch_can_not_write_are_refused(rows):
    pytest.importorskip("onnxscript")
    model = quick(AutoencoderTransformer).fit(rows)
    (standard,) = [i for i in to_onnx(model).opset_import if not i.domain]
    assert to_onnx(model, opset_version=standard.version) == to_onnx(model)
    with pytest.raises(ValueError, match=r"torch wrote \d+ instead"):
        to_onnx(model, opset_version=12)


def test_what_can_not_be_exported_says_why(rows, monkeypatch):
    model = quick(AutoencoderTransformer).fit(rows)
    with pytest.raises(NotFittedError):
        to_module(quick(AutoencoderTransformer))
    with pytest.raises(ValueError, match="part='whole' must be"):
        to_module(model, "whole")
    detector = AutoencoderOutlierDetector(quick(AutoencoderTransformer)).fit(rows)
    with pytest.raises(TypeError, match="autoencoder_"):
        to_module(detector)
    with pytest.raises(TypeError, match="PCA has no torch module"):
        to_module(PCA(2).fit(rows))
    holes = quick(AutoencoderTransformer, allow_nan=True).fit(rows)
    with pytest.raises(ValueError, match="allow_nan=False"):
        to_module(holes.set_params(allow_nan=False))
    ladder = quick(LadderClassifier).fit(rows, np.arange(len(rows)) % 3)
    with pytest.raises(ValueError, match="has no transform"):
        to_module(ladder, "encoder")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for export in (lambda: to_onnx(model), register_skl2onnx):
        with pytest.raises(ImportError, match=r"onnx, .*pip install 'skae\[onnx\]'"):
            export()
    assert "skl2onnx" not in vars(sys.modules["skae.export._pipelines"])
