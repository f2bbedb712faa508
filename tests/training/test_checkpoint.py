"""A fit that was killed goes on from its last epoch, and ends as if it had not been."""

import hashlib
import os
import pickle
import resource
import signal
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EpochTimer, GradientNormClipping

import skae
from skae import AutoencoderTransformer, StackedDenoisingAutoencoder, VAETransformer
from skae._training.checkpoint import Checkpoint, _add

pytest.importorskip("safetensors", reason="needs skae[files]")

QUICK = {"hidden_layer_sizes": (16, 8), "max_iter": 8, "random_state": 0}
CLASSES = [
    cls
    for cls in (getattr(skae, name) for name in skae.__all__ if name[0].isupper())
    if "checkpoint" in cls().get_params()
]


@pytest.fixture(scope="module")
def rows():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, np.where(np.arange(300) % 3, -1, y[:300])


def make(cls, **params):
    if cls is StackedDenoisingAutoencoder:
        params = {"layer_max_iter": 3, **params}
    if cls is skae.MutualInformationClustering:  # else it may be its start, however it went on
        params = {"class_prior": "uniform", **params}
    return cls(**{**QUICK, **params})


def bits(model):
    """All that a fit has found out, but how long it took."""
    packed = model.__getstate__()["net_"]
    for row in packed["history"]:
        row.pop("dur")
    known = {k: v for k, v in vars(model).items() if k.endswith("_") and k[0] != "_"}
    for name in ("net_", "scaling_"):
        known.pop(name)
    digest = hashlib.sha256()
    _add(digest, [packed, known, model._rng.get_state()])
    return digest.digest()


class Killed(BaseException):
    """What nothing catches."""


def die_after(n_epochs, monkeypatch):
    """Let the fit end as if it were killed, right after so many epochs were kept."""
    keep, n_left = Checkpoint.keep, [n_epochs]

    def keep_and_die(self, *args):
        keep(self, *args)
        n_left[0] -= 1
        if not n_left[0]:
            raise Killed

    monkeypatch.setattr(Checkpoint, "keep", keep_and_die)


def fit_killed(model, rows, n_epochs, monkeypatch):
    with monkeypatch.context() as patch:
        die_after(n_epochs, patch)
        with pytest.raises(Killed):
            model.fit(*rows)


class CountEpochs(Callback):
    def __init__(self):
        self.n_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.n_ += 1


CASES = [(cls, n_epochs) for cls in CLASSES for n_epochs in (1, 5)]
# Its start takes 86 epochs of these rows.
CASES.append((skae.MutualInformationClustering, 90))


@pytest.mark.parametrize(("cls", "n_epochs"), CASES)
def test_it_goes_on_and_ends_the_same(cls, n_epochs, rows, tmp_path, monkeypatch):
    expected = bits(make(cls).fit(*rows))
    fit_killed(make(cls, checkpoint=tmp_path), rows, n_epochs, monkeypatch)
    assert len(list(tmp_path.iterdir())) == 1
    model = make(cls, checkpoint=str(tmp_path)).fit(*rows)
    assert bits(model) == expected
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "kind", ["DataFrame", "sparse", "mapped", "X_val", "sample_weight", "texts", "compressed"]
)
def test_whatever_a_fit_is_given(kind, rows, tmp_path, monkeypatch):
    X, y = rows
    cls, given = VAETransformer, {"X": X}
    if kind == "DataFrame":
        given = {"X": pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])}
    elif kind == "sparse":
        given = {"X": csr_array(X)}
    elif kind == "mapped":
        np.save(tmp_path / "rows.npy", X)
        given = {"X": np.load(tmp_path / "rows.npy", mmap_mode="r")}
    elif kind == "X_val":
        given = {"X": X[:200], "X_val": X[200:]}
    elif kind == "sample_weight":
        given["sample_weight"] = np.linspace(0, 1, 300)
    elif kind == "texts":
        cls = skae.LadderClassifier
        given["y"] = np.where(y < 0, "-1", np.char.add("digit ", y.astype(str)))
    elif kind == "compressed":
        given = {"X": X.astype(np.float16)}
    expected = bits(make(cls).fit(**given))
    folder = tmp_path / "folder"
    with monkeypatch.context() as patch:
        die_after(3, patch)
        with pytest.raises(Killed):
            make(cls, checkpoint=folder).fit(**given)
    n_kept = []
    keep = Checkpoint.keep
    monkeypatch.setattr(Checkpoint, "keep", lambda self, *args: n_kept.append(keep(self, *args)))
    assert bits(make(cls, checkpoint=folder).fit(**given)) == expected
    assert len(n_kept) == 8 - 3


def test_it_does_not_train_again_what_was_trained(rows, tmp_path, monkeypatch):
    # Beside a start at PCA there is a random one: two trainings, of which the first is over.
    fit_killed(make(AutoencoderTransformer, checkpoint=tmp_path), rows, 11, monkeypatch)
    seen = []
    keep = Checkpoint.keep
    monkeypatch.setattr(Checkpoint, "keep", lambda self, *args: seen.append(keep(self, *args)))
    make(AutoencoderTransformer, checkpoint=tmp_path).fit(rows[0])
    assert len(seen) == 16 - 11


def test_it_is_killed_twice(rows, tmp_path, monkeypatch):
    expected = bits(make(VAETransformer, early_stopping=True, validation_fraction=0.3).fit(rows[0]))
    model = make(VAETransformer, early_stopping=True, validation_fraction=0.3, checkpoint=tmp_path)
    for _ in range(2):
        fit_killed(clone(model), (rows[0],), 3, monkeypatch)
    assert bits(model.fit(rows[0])) == expected


def test_a_generator_is_where_it_was(rows, tmp_path, monkeypatch):
    """A script that fits several models with one generator is run again after a kill."""
    X, _ = rows

    def script(**params):
        generator = np.random.RandomState(1)
        return [bits(make(VAETransformer, random_state=generator, **params).fit(X)) for _ in "abc"]

    expected = script()
    with monkeypatch.context() as patch:
        die_after(8 + 8 + 4, patch)
        with pytest.raises(Killed):
            script(checkpoint=tmp_path)
    assert script(checkpoint=tmp_path) == expected
    assert not list(tmp_path.iterdir())


def test_a_fit_that_can_not_be_known_again_is_refused(rows, tmp_path):
    with pytest.raises(ValueError, match="checkpoint needs random_state"):
        make(VAETransformer, checkpoint=tmp_path, random_state=None).fit(rows[0])


def test_a_warm_start_goes_on_as_well(rows, tmp_path, monkeypatch):
    X, _ = rows
    model = make(VAETransformer, warm_start=True).fit(X)
    before = pickle.dumps(model.set_params(checkpoint=tmp_path))
    expected = bits(model.fit(X))
    fit_killed(pickle.loads(before), (X,), 3, monkeypatch)
    assert list(tmp_path.iterdir())
    assert bits(pickle.loads(before).fit(X)) == expected


@pytest.mark.parametrize(
    "other",
    [{"max_iter": 9}, {"learning_rate_init": 0.01}, {"random_state": 1}, "rows", "labels"],
)
def test_another_fit_has_another_file(other, rows, tmp_path, monkeypatch):
    X, y = rows
    cls = skae.LadderClassifier
    fit_killed(make(cls, checkpoint=tmp_path), rows, 2, monkeypatch)
    params = other if isinstance(other, dict) else {}
    if other == "rows":
        X = X.copy()
        X[123, 45] += 1e-9
    if other == "labels":
        y = np.roll(y, 1)
    expected = bits(make(cls, **params).fit(X, y))
    assert bits(make(cls, checkpoint=tmp_path, **params).fit(X, y)) == expected
    assert len(list(tmp_path.iterdir())) == 1


def shifted(by):
    return lambda n_samples, random_state: random_state.normal(size=(n_samples, 2)) + by


def shift(n_samples, random_state, by):
    return random_state.normal(size=(n_samples, 2)) + by


class Shifted:
    def __init__(self, by):
        self.by = by

    def shift(self, n_samples, random_state):
        return shift(n_samples, random_state, self.by)

    def sample(self, n_samples):
        return np.random.RandomState(0).normal(size=(n_samples, 2)) + self.by


@pytest.mark.parametrize(
    "values",
    [
        ("prior", shifted(0), shifted(5)),
        ("prior", Shifted(0), Shifted(5)),
        ("prior", partial(shift, by=0), partial(shift, by=5)),
        ("prior", Shifted(0).shift, Shifted(5).shift),
        ("callbacks", [GradientNormClipping(1e-3)], None),
        ("callbacks", [GradientNormClipping(1e-3)], [GradientNormClipping(1e-2)]),
        ("random_state", np.random.RandomState(1), np.random.RandomState(2)),
    ],
)
def test_settings_are_known_by_what_is_in_them(values, rows, tmp_path, monkeypatch):
    (name, old, new), X = values, rows[0]
    cls = skae.AdversarialAutoencoder
    fit_killed(make(cls, checkpoint=tmp_path, **{name: old}), (X,), 2, monkeypatch)
    make(cls, checkpoint=tmp_path, **{name: new}).fit(X)
    assert len(list(tmp_path.iterdir())) == 1  # that of the other fit


def test_a_start_that_diverges_at_once_leaves_a_gap(rows, tmp_path, monkeypatch):
    X = rows[0][:100]
    model = make(
        AutoencoderTransformer,
        max_iter=4,
        random_state=3,
        learning_rate_init=400.0,
        learning_rate="constant",
    )
    expected = bits(clone(model).fit(X))
    model.set_params(checkpoint=tmp_path)
    fit_killed(clone(model), (X,), 2, monkeypatch)
    assert bits(model.fit(X)) == expected


def test_a_file_of_another_model_says_so(rows, tmp_path, monkeypatch):
    fit_killed(make(VAETransformer, checkpoint=tmp_path), rows, 2, monkeypatch)
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr("skae._training.checkpoint.key_of_fit", lambda *args: file.stem)
    with pytest.raises(ValueError, match="is of another model"):
        make(VAETransformer, hidden_layer_sizes=(7,), checkpoint=tmp_path).fit(rows[0])


def test_what_is_no_part_of_the_result_may_change(rows, tmp_path, monkeypatch, capsys):
    fit_killed(make(VAETransformer, checkpoint=tmp_path), rows, 3, monkeypatch)
    make(VAETransformer, checkpoint=tmp_path, verbose=1).fit(*rows)
    assert "epoch 4 of 8" in capsys.readouterr().out.splitlines()[0]


def test_a_search_keeps_each_fit(rows, tmp_path, monkeypatch):
    model = make(VAETransformer, checkpoint=tmp_path, max_iter=3)
    search = GridSearchCV(model, {"n_components": [1, 2]}, cv=2)
    fit_killed(search, (rows[0],), 5, monkeypatch)
    assert len(list(tmp_path.iterdir())) == 1
    search.fit(rows[0])
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_not_gone_on_from(rows, tmp_path, monkeypatch):
    fit_killed(make(VAETransformer, checkpoint=tmp_path), rows, 3, monkeypatch)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="is damaged, so training starts again"):
        model = make(VAETransformer, checkpoint=tmp_path).fit(*rows)
    assert bits(model) == bits(make(VAETransformer).fit(*rows))


def test_callbacks_are_said_to_begin_anew(rows, tmp_path, monkeypatch):
    model = make(VAETransformer, checkpoint=tmp_path, callbacks=[CountEpochs()])
    fit_killed(clone(model), rows, 3, monkeypatch)
    with pytest.warns(UserWarning, match="callbacks begin anew"):
        model.fit(*rows)
    assert model.n_iter_ == 8


def test_a_timer_is_no_callback_with_a_memory(rows, tmp_path, monkeypatch):
    model = make(VAETransformer, checkpoint=tmp_path, callbacks=[EpochTimer()])
    fit_killed(clone(model), rows, 3, monkeypatch)
    assert model.fit(*rows).n_iter_ == 8


def test_an_interrupted_fit_can_go_on(rows, tmp_path, monkeypatch):
    expected = bits(make(VAETransformer).fit(*rows))
    keep = Checkpoint.keep

    def keep_and_interrupt(self, net, keep_best):
        keep(self, net, keep_best)
        if len(net.history) == 3:
            raise KeyboardInterrupt

    model = make(VAETransformer, checkpoint=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "keep", keep_and_interrupt)
        with pytest.warns(UserWarning, match="interrupted in epoch 3"):
            model.fit(*rows)
    assert model.transform(rows[0]).shape == (300, 2)
    assert bits(model.fit(*rows)) == expected


def limit_files(n_bytes):
    """What a full disk looks like to this process; returns how to undo it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_does_not_end_training(rows, tmp_path):
    expected = bits(make(VAETransformer).fit(*rows))
    undo = limit_files(1000)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = make(VAETransformer, checkpoint=tmp_path).fit(*rows)
    finally:
        undo()
    assert bits(model) == expected
    (warning,) = caught
    assert "can not be written" in str(warning.message)
    assert "Training goes on" in str(warning.message)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_can_not_be_made_is_refused(rows, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        make(VAETransformer, checkpoint=tmp_path / "file").fit(*rows)


def fit_in_a_fork(model, rows, path, limit=None):
    """Fit in a process of its own and write the outcome, unless it is killed before."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        process = os.fork()  # Python 3.12 warns of the threads that pytest-xdist has
    if process == 0:
        signal.alarm(300)  # which ends it, should it hang
        try:
            path.write_bytes(bits(model.fit(*rows)))
        finally:
            os._exit(0)
    if limit is not None:
        time.sleep(limit)
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return status == 0


@pytest.mark.parametrize("cls", [AutoencoderTransformer, skae.LadderClassifier])
def test_it_may_be_killed_at_any_moment(cls, rows, tmp_path, tries):
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    rng, n_kills, n_ends, n_wanted = np.random.default_rng(), 0, 0, tries(5, 25)
    folder = tmp_path / "checkpoints"
    make(cls, max_iter=1, checkpoint=folder).fit(*rows)  # what is imported late is there then
    model = make(cls, max_iter=15)
    start = time.perf_counter()
    assert fit_in_a_fork(model, rows, tmp_path / "expected")
    seconds = time.perf_counter() - start
    model.set_params(checkpoint=folder)
    while n_kills < n_wanted:
        if fit_in_a_fork(model, rows, tmp_path / "found", rng.uniform(0.1, 0.9) * seconds):
            n_ends += 1
            assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()
        else:
            n_kills += 1
    assert fit_in_a_fork(model, rows, tmp_path / "found")
    assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()
    assert not list(folder.iterdir())
    print(f"{cls.__name__}: killed {n_kills} times, ended {n_ends + 1} times with the same bits")
