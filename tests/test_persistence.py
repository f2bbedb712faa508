"""Files and pickles of fitted estimators: nothing is lost."""

import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
import torch
from sklearn.datasets import load_iris
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version
from skorch.callbacks import EpochTimer
from torch import nn

import skae
from skae import (
    AdversarialAutoencoder,
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    LadderClassifier,
    SparseAutoencoder,
    VAETransformer,
    load,
    save,
)
from skae.architectures import ConvNet, TorchArchitecture
from skae.persistence import FORMAT

from .quick import make

pytest.importorskip("safetensors", reason="needs skae[files]")

# The files of format 1, by this scikit-learn, whose own estimators may be inside.
WRITTEN_WITH = parse_version("1.9")
CLASSES = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
OUTPUTS = "transform", "predict", "predict_proba", "score_samples", "decision_function"


class Bent(nn.Module):
    """A network of the user's own, half of whose numbers are no parameters."""

    def __init__(self, n_inputs, n_outputs, width=4):
        super().__init__()
        self.inner, self.outer = nn.Linear(n_inputs, width), nn.Linear(width, n_outputs)
        self.register_buffer("offset", torch.randn(width))

    def forward(self, x):
        return self.outer(torch.sin(self.inner(x) + self.offset))


class Elaborate(Bent):
    """One that takes much more to make than what is left of it in the end."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__(n_inputs, n_outputs)
        for _ in range(5000):
            self.offset += 0.001
        self.register_buffer("table", torch.zeros(2000, 500), persistent=False)


MODELS = {cls.__name__: make(cls) for cls in CLASSES} | {
    "images": make(AutoencoderTransformer, architecture=ConvNet((8, 8), channels=(4,))),
    "own modules": make(
        VAETransformer,
        architecture=TorchArchitecture(Bent, Bent, encoder_params={"width": 6}),
    ),
    "elaborate modules": make(
        AutoencoderTransformer, architecture=TorchArchitecture(Elaborate, Bent)
    ),
    "principal components": make(AutoencoderTransformer, init="pca", n_components=3),
    "missing values": make(DenoisingAutoencoder, allow_nan=True),
    "style apart": make(VAETransformer, conditional=True),
    "mixed": make(VAETransformer, likelihood=[("gaussian", [0, 1]), ("poisson", slice(2, 64))]),
    "atoms": make(SparseAutoencoder, penalty="l1"),
    "one after the other": AutoencoderOutlierDetector(
        make_pipeline(StandardScaler(), make(VAETransformer))
    ),
    "texts for labels": make(LadderClassifier),
    "float32": make(AutoencoderTransformer),
    "a swiss roll": make(AdversarialAutoencoder, prior="swiss_roll"),
    "a folder": make(AutoencoderTransformer),
    "compiled": make(VAETransformer, net_params={"compile": True, "compile__backend": "eager"}),
    "goes on": make(AutoencoderTransformer, warm_start=True, n_components=3),
    "unseeded": make(AutoencoderTransformer, random_state=None),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, rows):
    X, y = rows
    if request.param == "float32":
        X = X.astype(np.float32)
    if request.param == "a folder":
        return MODELS[request.param].fit(X).set_params(checkpoint=Path("a"))
    if request.param == "missing values":
        X = np.where(np.random.default_rng(0).uniform(size=X.shape) < 0.1, np.nan, X)
    if request.param == "texts for labels":
        y = np.array([str(label) if label < 0 else f"digit {label}" for label in y])
    return MODELS[request.param].fit(X, y)


def through_a_file(model, folder):
    save(model, folder / "model.safetensors")
    return load(folder / "model.safetensors", classes=[Bent, Elaborate])


def through_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def through_a_map(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


def through_skops(model, folder):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    trusted = skops.get_untrusted_types(data=data)
    # Nothing but the classes of estimators and networks themselves has to be trusted.
    assert all(name.startswith(("skae.", "test_persistence.", "tests.")) for name in trusted)
    return skops.loads(data, trusted=trusted)


@pytest.mark.parametrize("way", [through_a_file, through_pickle, through_a_map, through_skops])
def test_what_comes_back_is_the_same_to_the_bit(way, model, rows, tmp_path):
    copied, (X, _) = way(model, tmp_path), rows
    outputs = [name for name in OUTPUTS if hasattr(model, name)]
    assert outputs
    for name in outputs:
        np.testing.assert_array_equal(getattr(copied, name)(X), getattr(model, name)(X))
    if hasattr(model, "sample"):
        drawn = [one.sample(20, random_state=0) for one in (model, copied)]
        np.testing.assert_array_equal(*drawn)
    assert copied.n_features_in_ == 64
    params = model.get_params()
    params |= {k: os.fspath(v) for k, v in params.items() if isinstance(v, os.PathLike)}
    assert str(copied.get_params()) == str(params)


@pytest.mark.parametrize("way", [through_a_file, through_pickle])
@pytest.mark.parametrize("cls", [c for c in CLASSES if hasattr(c, "partial_fit")])
def test_training_goes_on_as_if_nothing_had_been(way, cls, rows, tmp_path):
    model = make(cls).partial_fit(*rows)
    copied = way(model, tmp_path)
    for one in (model, copied):
        one.partial_fit(*rows)
    inside = [getattr(one, "autoencoder_", one) for one in (model, copied)]
    weights = [one.module_.state_dict() for one in inside]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert inside[1].loss_curve_ == inside[0].loss_curve_


@pytest.mark.parametrize("way", [through_a_file, through_pickle])
def test_a_warm_start_that_is_asked_for_later(way, rows, tmp_path):
    X, _ = rows
    model = make(VAETransformer).fit(X).set_params(warm_start=True)
    copied = way(model, tmp_path)
    np.testing.assert_array_equal(copied.fit(X).transform(X), model.fit(X).transform(X))


def test_parameters_set_since_do_not_change_what_was_fitted(rows, tmp_path):
    X, _ = rows
    model = make(AutoencoderTransformer, architecture=ConvNet((8, 8), channels=(4,))).fit(X)
    expected = model.transform(X)
    model.set_params(n_components=7, architecture__channels=(9,), max_iter=1, callbacks=None)
    for way in (through_a_file, through_pickle):
        copied = way(model, tmp_path)
        np.testing.assert_array_equal(copied.transform(X), expected)
        assert copied.n_components == 7
    assert copied.fit(X).transform(X).shape == (200, 7)


def test_callbacks_that_are_gone_leave_nothing_behind(rows, tmp_path):
    X, _ = rows
    model = make(
        VAETransformer, callbacks=[EpochTimer()], net_params={"optimizer": torch.optim.SGD}
    ).fit(X)
    model.set_params(callbacks=None, net_params=None, warm_start=True)
    for way in (through_a_file, through_pickle, through_skops):
        assert way(model, tmp_path).fit(X).n_iter_ == 4


@pytest.mark.parametrize("way", [through_a_file, through_pickle])
@pytest.mark.parametrize("wrong", [{"callbacks": ["none"]}, {"net_params": {"lr": 1.0}}])
def test_what_only_training_needs_does_not_keep_a_copy_from_working(wrong, way, rows, tmp_path):
    X, _ = rows
    model = make(AutoencoderTransformer).fit(X).set_params(**wrong)
    copied = way(way(model, tmp_path), tmp_path)
    np.testing.assert_array_equal(copied.transform(X), model.transform(X))
    with pytest.raises(ValueError, match=r"callbacks has|net_params may not have"):
        copied.partial_fit(X)


@pytest.mark.parametrize("way", [through_a_file, through_pickle])
def test_rates_that_were_set_apart_stay_apart(way, rows, tmp_path):
    X, _ = rows
    groups = [("model.encoder.*", {"lr": 0.0001})]
    model = make(AutoencoderTransformer, net_params={"optimizer__param_groups": groups})
    model.partial_fit(X).set_params(learning_rate_init=0.01)
    copied = way(model, tmp_path)
    for one in (model, copied):
        one.partial_fit(X)
    np.testing.assert_array_equal(copied.transform(X), model.transform(X))


@pytest.mark.parametrize("way", [through_a_file, through_pickle])
@pytest.mark.parametrize("asked", [False, True])
def test_a_density_is_that_of_the_fit(asked, way, rows, tmp_path):
    X, _ = rows
    model = make(AutoencoderTransformer, latent_density=GaussianMixture(3)).fit(X)
    if asked:
        model.sample(random_state=0)
    model.set_params(latent_density=None)
    copied = way(model, tmp_path)
    assert copied.latent_density_.n_components == 3
    drawn = [one.sample(5, random_state=0) for one in (model, copied)]
    np.testing.assert_array_equal(*drawn)


def test_a_random_state_that_is_shared_stays_shared(rows, tmp_path):
    X, _ = rows
    model = make(AutoencoderTransformer, random_state=np.random.RandomState(0)).fit(X)
    for way in (through_a_file, through_pickle):
        copied = way(model, tmp_path)
        assert copied._rng is copied.random_state
        expected = model.random_state.get_state()[1]
        np.testing.assert_array_equal(copied.random_state.get_state()[1], expected)


@pytest.mark.parametrize("way", [through_a_file, through_pickle])
def test_metadata_that_was_asked_for_is_still(way, rows, tmp_path):
    X, _ = rows
    with sklearn.config_context(enable_metadata_routing=True):
        model = make(VAETransformer).set_fit_request(sample_weight=True)
        copy = way(model.set_partial_fit_request(sample_weight="weight").fit(X), tmp_path)
        asked = copy.get_metadata_routing()
    assert asked.fit.requests["sample_weight"] is True
    assert asked.partial_fit.requests["sample_weight"] == "weight"


def test_a_copy_refuses_what_the_original_refuses(rows, tmp_path):
    X, _ = rows
    model = make(VAETransformer, warm_start=True).fit(X)
    model.set_params(net_params={"optimizer__weight_decay": 0.5})
    for one in (model, through_pickle(model, tmp_path), through_a_file(model, tmp_path)):
        with pytest.raises(ValueError, match="net_params was"):
            one.fit(X)


def test_pickles_are_small_unless_training_is_to_go_on(rows):
    X, _ = rows
    last = {"early_stopping": False}  # the one that was trained
    sizes = [
        len(pickle.dumps(make(VAETransformer, max_iter=n, warm_start=warm, **last).fit(X)))
        for n, warm in ((1, False), (20, False), (1, True))
    ]
    n_bytes = 4 * sum(v.numel() for v in make(VAETransformer, **last).fit(X).module_.parameters())
    assert sizes[1] < sizes[0] + 10_000
    assert sizes[2] > sizes[0] + 1.8 * n_bytes


def test_a_model_of_a_device_that_is_not_here_works_on_the_cpu(rows, tmp_path):
    X, _ = rows
    model = make(AutoencoderTransformer).fit(X)
    model.device = model._start.parts["device"] = "cuda:77"  # as if it had been fitted there
    for way in (through_a_file, through_pickle):
        copied = way(model, tmp_path)
        assert copied.device == "cuda:77"
        np.testing.assert_array_equal(copied.transform(X), model.transform(X))
        with pytest.raises(ValueError, match="is not available here"):
            copied.fit(X)


# What is not written.


class OwnTransformer(AutoencoderTransformer):
    pass


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (AutoencoderTransformer(), NotFittedError, "not fitted"),
        (make_pipeline(StandardScaler()), TypeError, "takes estimators of skae, not Pipeline"),
        (OwnTransformer(), TypeError, "not OwnTransformer"),
        (
            make(AutoencoderTransformer, net_params={"optimizer__weight_decay": 1j}),
            TypeError,
            r"estimator\.net_params\.optimizer__weight_decay is 1j",
        ),
        (
            AutoencoderClassifier(make(AutoencoderTransformer), DecisionTreeClassifier()),
            TypeError,
            r"classifier_\.tree_ is",
        ),
    ],
)
def test_what_no_file_can_hold_is_named(model, error, message, rows, tmp_path):
    if "net_params" in message:
        fitted = make(AutoencoderTransformer).fit(rows[0])
        model = fitted.set_params(net_params=model.net_params)
    elif "tree_" in message:
        model.fit(*rows)
    with pytest.raises(error, match=message):
        save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_skops_file_has_nothing_to_unpickle(rows):
    """A skorch net pickles parts of itself as bytes: who changes those runs what he likes."""
    skops = pytest.importorskip("skops.io")
    model = make(VAETransformer, warm_start=True).fit(rows[0])
    with zipfile.ZipFile(io.BytesIO(skops.dumps(model))) as archive:
        names = archive.namelist()
        parts = [archive.read(name) for name in names]
    assert {Path(name).suffix for name in names} == {".json", ".npy"}
    assert all(part.startswith((b"\x93NUMPY", b"{")) for part in parts)
    for part in parts:
        if part.startswith(b"\x93NUMPY"):
            np.load(io.BytesIO(part), allow_pickle=False)
    unknown = skops.get_untrusted_types(data=skops.dumps(model))
    assert all(name.startswith("skae.") for name in unknown), unknown


# What was written by earlier versions. `tests/files/write.py` writes these.

FORMATS = sorted(Path(__file__).parent.glob("files/format_*"))
EARLIER = [file for folder in FORMATS for file in sorted(folder.glob("*.safetensors"))]


@pytest.mark.parametrize("file", EARLIER, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_files_of_every_format_load(file):
    if file.stem == "AutoencoderClassifier" and parse_version(sklearn.__version__) < WRITTEN_WITH:
        pytest.skip("the classifier inside is that of a newer scikit-learn")
    with warnings.catch_warnings(action="ignore", category=InconsistentVersionWarning):
        X, model = load_iris().data[::15] / 8, load(file)
    expected = {}
    for path in file.parent.glob("*.npz"):
        with np.load(path) as outputs:
            found = [(*k.split("."), v) for k, v in outputs.items()]
        expected |= {verb: output for name, verb, output in found if name == file.stem}
    assert expected
    for verb, output in expected.items():
        found = getattr(model, verb)(X)
        if output.dtype.kind == "U":
            np.testing.assert_array_equal(found, output)
        else:
            np.testing.assert_allclose(found, output, rtol=1e-4, atol=1e-5)


def test_there_are_files_of_each_format():
    assert [folder.name for folder in FORMATS] == [f"format_{n + 1}" for n in range(FORMAT)]
    names = {file.stem for file in EARLIER if file.parent == FORMATS[-1]}
    assert names == {cls.__name__ for cls in CLASSES}, "run tests/files/write.py for a new class"
