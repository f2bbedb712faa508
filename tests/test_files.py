"""Files hold numbers and texts, are whole or not there, and let nothing in."""

import contextlib
import copy
import importlib
import io
import json
import os
import re
import resource
import signal
import struct
import sys
import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from skae import AutoencoderTransformer, VAETransformer, _files, load, save
from skae.architectures import ConvNet
from skae.persistence import FileError

from .quick import make

pytest.importorskip("safetensors", reason="needs skae[files]")


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
