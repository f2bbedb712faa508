"""Files and pickles of fitted estimators: nothing lost, nothing let in."""

import contextlib
import copy
import importlib
import io
import json
import os
import pickle
import re
import resource
import signal
import struct
import sys
import time
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
import torch
from sklearn.datasets import load_digits, load_iris
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
    _files,
    load,
    save,
)
from skae.architectures import ConvNet, TorchArchitecture
from skae.persistence import FORMAT, FileError

pytest.importorskip("safetensors", reason="needs skae[files]")

# The files of format 1, by this scikit-learn, whose own estimators may be inside.
WRITTEN_WITH = parse_version("1.9")
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0, "layer_max_iter": 1}
CLASSES = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
OUTPUTS = "transform", "predict", "predict_proba", "score_samples", "decision_function"


def make(cls, **params):
    known = cls().get_params()
    return cls(**{k: v for k, v in {**QUICK, **params}.items() if k in known or k in params})


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


@pytest.fixture(scope="module")
def rows():
    X, y = load_digits(return_X_y=True)
    return X[:200], np.where(np.arange(200) % 3, -1, y[:200])


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
    weights = [one.module_.state_dict() for one in (model, copied)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert copied.loss_curve_ == model.loss_curve_


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
    sizes = [
        len(pickle.dumps(make(VAETransformer, max_iter=n, warm_start=warm).fit(X)))
        for n, warm in ((1, False), (20, False), (1, True))
    ]
    n_bytes = 4 * sum(v.numel() for v in make(VAETransformer).fit(X).module_.parameters())
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


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_file_whole(failing, rows, tmp_path, monkeypatch):
    X, _ = rows
    path = tmp_path / "model"
    old = make(AutoencoderTransformer).fit(X)
    save(old, path)

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_files.os, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        save(make(VAETransformer).fit(X), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    np.testing.assert_array_equal(load(path).transform(X), old.transform(X))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can not fork")
def test_a_save_that_is_killed_leaves_a_whole_file(rows, tmp_path, tries):
    X, _ = rows
    models = [make(AutoencoderTransformer, random_state=seed).fit(X) for seed in (0, 1)]
    path, rng, n_drafts, n_tries = tmp_path / "model", np.random.default_rng(0), 0, tries(10, 200)
    save(models[0], path)
    known = [model.transform(X) for model in models]
    for _ in range(n_tries):
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            process = os.fork()  # Python 3.12 warns of the threads that pytest-xdist has
        if process == 0:
            signal.alarm(60)  # which ends it, should it hang
            while True:
                save(models[1], path)
                save(models[0], path)
        time.sleep(rng.uniform(0.001, 0.03))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        codes = load(path).transform(X)
        assert any(np.array_equal(codes, one) for one in known)
        drafts = [file for file in tmp_path.iterdir() if file != path]
        n_drafts += len(drafts)
        for draft in drafts:
            draft.unlink()
    print(f"killed {n_tries} times, {n_drafts} times while it wrote: the file was always whole")
    assert n_drafts or n_tries < 50


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


# What is not let in.


@pytest.fixture(scope="module")
def written(tmp_path_factory, rows):
    """The bytes of a file."""
    path = tmp_path_factory.mktemp("written") / "model"
    save(make(VAETransformer, architecture=ConvNet((8, 8), channels=(4,))).fit(rows[0]), path)
    return path.read_bytes()


def load_bytes(data, folder):
    (folder / "model").write_bytes(data)
    return load(folder / "model")


def changed(written, change):
    """The file with its text changed, and a digest that is right."""
    numpy = pytest.importorskip("safetensors.numpy")
    n_bytes = struct.unpack("<Q", written[:8])[0]
    text = json.loads(written[8 : 8 + n_bytes])["__metadata__"]["skae"]
    arrays = numpy.load(written)
    text = change(text, arrays)
    digest = _files._digest(text, arrays)
    return numpy.save(arrays, {"skae": text, "digest": digest})


def test_a_changed_file_with_a_right_digest_loads_if_it_is_whole(written, tmp_path):
    data = changed(written, lambda text, arrays: text.replace('"beta", 1.0', '"beta", 2.0'))
    assert load_bytes(data, tmp_path).beta == 2.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"format": 1', '"format": 99', "update it"),
        ('"skae.ConvNet"', '"yours.Mine"', r"load\(path, classes=\[Mine\]\)"),
        ('"skae.ConvNet"', '"os.system"', "not skae's"),
        ('"skae.VAETransformer"', '"builtins.eval"', "not skae's"),
        ('"skae.VAETransformer"', '"preprocessing.StandardScaler"', "no estimator of skae|version"),
        ('["n_components", 2]', '["n_components", 1000000000]', "larger than all"),
        ('["n_components", 2]', '["n_components", 3]', "size mismatch"),
        ('["channels", {"tuple": [4]}]', '["channels", {"tuple": [400000000]}]', "larger than"),
        ('["channels", {"tuple": [4]}]', f'["channels", {{"tuple": {[4] * 9999}}}]', "larger than"),
        ('["_dtype"', '["__class__"', "no attribute has"),
        (
            '["_dtype"',
            '["score_samples", {"class": "skae.VAETransformer"}], ["_dtype"',
            r"would hide its methods \['score_samples'\]",
        ),
        ('["net_", {', '["net", {', "not fitted"),
        (
            '["_dtype", {"dtype": "float64"}]',
            f'["a", {{"texts": [["{"x" * 9999}"], [1], "U9999999"]}}]',
            "wider",
        ),
        ('["_dtype"', '["_metadata_request", {"dict": [["fit", 3]]}], ["_dtype"', "mapping"),
        ('["beta", 1.0]', '["beta", {"float": "os"}]', "KeyError"),
        ('["beta", 1.0]', '["beta", ' + "[" * 500 + "]" * 500 + "]", "nested too deeply"),
        ('["beta", 1.0]', '["beta", ' + "[" * 10**5 + "]" * 10**5 + "]", "Recursion"),
    ],
)
def test_a_hostile_file_is_refused(old, new, message, written, tmp_path):
    def change(text, arrays):
        assert old in text
        return text.replace(old, new)

    with pytest.raises(FileError, match=f"(?s)can not be loaded: .*({message})"):
        load_bytes(changed(written, change), tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r'\["pos", \d+\]', '["pos", 10000000]'),
        (r'\["pos", \d+\]', '["pos", -1]'),
        (r'\["pos", \d+\]', '["pos", true]'),
        (r'\["has_gauss", 0\]', '["has_gauss", 7]'),
        (r'\["gauss", 0.0\]', '["gauss", "0"]'),
        (r'"MT19937"', '"PCG64"'),
        ("key", None),
    ],
)
def test_a_generator_in_a_state_that_none_can_be_in_is_refused(old, new, written, tmp_path):
    """numpy reads what is beyond its end, and the process ends, now or with the first draw."""

    def change(text, arrays):
        if new is None:
            (key,) = (name for name in arrays if name.endswith("._rng.state.key"))
            arrays[key] = arrays[key][:3].copy()
            return text
        text, n_found = re.subn(old, new, text, count=1)
        assert n_found == 1
        return text

    with pytest.raises(FileError, match="in a state that none can be in"):
        load_bytes(changed(written, change), tmp_path)


def test_an_array_has_one_place(written, tmp_path):
    def change(text, arrays):
        first, second, *_ = [name for name in arrays if "net_.module" in name]
        return text.replace(json.dumps(first), json.dumps(second))

    with pytest.raises(FileError, match="KeyError"):
        load_bytes(changed(written, change), tmp_path)


def test_a_generator_that_could_not_be_read_is_not_written(rows, tmp_path):
    generator = np.random.RandomState(np.random.PCG64(0))
    model = make(AutoencoderTransformer, random_state=generator).fit(rows[0])
    with pytest.raises(TypeError, match=r"random_state is RandomState\(P"):
        save(model, tmp_path / "model")


def test_a_name_may_be_as_long_as_the_system_allows(rows, tmp_path):
    path = tmp_path / ("a" * 255)
    model = make(AutoencoderTransformer).fit(rows[0])
    save(model, path)
    np.testing.assert_array_equal(load(path).transform(rows[0]), model.transform(rows[0]))


def test_classes_of_one_name_are_refused(written, tmp_path):
    (tmp_path / "model").write_bytes(written)
    with pytest.raises(ValueError, match="two of one name"):
        load(tmp_path / "model", classes=[nn.Linear, type("Linear", (), {})])


def test_a_new_file_may_be_used_as_the_old_one(rows, tmp_path):
    model, path, link = make(AutoencoderTransformer).fit(rows[0]), tmp_path / "a", tmp_path / "b"
    save(model, path)
    path.chmod(0o600)
    link.symlink_to(path)
    save(model, link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600


def test_other_files_are_refused(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    pickled = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, pickled)
    for data in (b"", b"x" * 100, pickled.getvalue(), numpy.save({"a": np.zeros(2)})):
        with pytest.raises(FileError, match="can not be loaded"):
            load_bytes(data, tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")


def mutate(data, rng):
    """The bytes with one kind of damage."""
    data, where = bytearray(data), rng.integers(len(data))
    kind = rng.choice(["bit", "byte", "cut", "swap", "header", "insert"])
    if kind == "bit":
        data[where] ^= 1 << rng.integers(8)
    elif kind == "byte":
        data[where] = (data[where] + rng.integers(1, 256)) % 256
    elif kind == "cut":
        del data[where:]
    elif kind == "swap":
        n = rng.integers(1, 64)
        other = rng.integers(len(data))
        data[where : where + n], data[other : other + n] = (
            data[other : other + n],
            data[where : where + n],
        )
    elif kind == "header":
        data[:8] = struct.pack("<Q", rng.integers(2**62) >> rng.integers(62))
    else:
        data[where:where] = rng.bytes(rng.integers(1, 64))
    return bytes(data)


def test_a_damaged_file_is_refused_or_the_same(written, rows, tmp_path, tries):
    rng, (X, _) = np.random.default_rng(0), rows
    expected, refused = load_bytes(written, tmp_path).transform(X[:3]), 0
    n_tried = tries(300, 10_000)
    for _ in range(n_tried):
        try:
            found = load_bytes(mutate(written, rng), tmp_path)
        except FileError:
            refused += 1
        else:
            np.testing.assert_array_equal(found.transform(X[:3]), expected)
    print(f"{n_tried} damaged files: {refused} refused, the others had the same content")


HOSTILE = [
    *(-1, 0, 1, 3, 2**31, 2**63, 10**30, -0.5, 1e308, True, None, "", [], {}, [[]], [None] * 5),
    *("__import__('os').system('touch HERE')", "os.system", "../../etc/passwd", "/dev/zero", "nan"),
    *({"class": "os.system"}, {"class": "builtins.eval"}, {"object": "os.system", "state": {}}),
    *({"object": "pipeline.Pipeline", "state": {"dict": [["steps", 7]]}}, {"device": "cuda:99"}),
    *({"array": "0"}, {"scalar": 3}, {"tuple": [1, 2]}, {"slice": [0, 10**12, 1]}),
    {"float": "inf"},
    *({"dtype": "float128"}, {"texts": [["a"], [10**9], "U1"]}, {"random_state": []}),
    *({"same_random_state": 10**6}, {"dict": [[1, 2], [[], 3]]}, json.loads("[" * 90 + "]" * 90)),
]


def places(value, path=()):
    """Where something is in what JSON has given."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items if isinstance(value, dict | list) else ():
        if isinstance(part, dict | list):
            yield from places(part, (*path, key))
        else:
            yield (*path, key)


def test_a_file_with_a_hostile_text_is_refused_or_does_no_harm(written, rows, tmp_path, tries):
    """The digest is right: who writes such a file knows the format."""
    rng, refused, n_tried = np.random.default_rng(0), 0, tries(300, 10_000)
    importlib.import_module("torch._dynamo")  # torch does so late, whatever the file
    before = set(sys.modules), torch.get_num_threads(), torch.get_default_dtype()
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = 0.0

    def change(text, arrays):
        content = json.loads(text)
        for _ in range(rng.integers(1, 4)):
            known = [path for path in places(content) if path]
            *path, last = known[rng.integers(len(known))]
            where = content
            for key in path:
                where = where[key]
            where[last] = copy.deepcopy(HOSTILE[rng.integers(len(HOSTILE))])
        return json.dumps(content)

    for _ in range(n_tried):
        data = changed(written, change)
        start = time.perf_counter()
        try:
            model = load_bytes(data, tmp_path)
        except FileError:
            refused += 1
        else:
            for use in (model.transform, lambda rows, model=model: model.sample(random_state=0)):
                with contextlib.suppress(Exception):  # whatever it is set to, the process lives
                    use(rows[0][:3])
        slowest = max(slowest, time.perf_counter() - start)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - largest) / 1024
    print(
        f"{n_tried} hostile files: {refused} refused, the others loaded; the slowest took "
        f"{slowest:.2f} s, memory grew by {grown:.0f} MB"
    )
    assert slowest < 10
    assert grown < 500
    assert not list(tmp_path.rglob("HERE"))
    assert refused > 0.3 * n_tried
    new = {name for name in set(sys.modules) - before[0] if not name.startswith("sklearn.")}
    assert not new
    assert (torch.get_num_threads(), torch.get_default_dtype()) == before[1:]
