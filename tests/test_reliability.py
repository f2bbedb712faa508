"""What production does: other processes, threads, long runs, no network.

`--thorough` tries more.
"""

import contextlib
import gc
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, VAETransformer

from . import workers
from .test_common import all_estimators

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}
VERBS = (
    "transform",
    "predict",
    "predict_proba",
    "decision_function",
    "score_samples",
    "denoise",
    "pack",
    "impute",
    "score",
    "fit_predict",
    "partial_fit",
)
NEED_LABELS = ("fit_predict", "partial_fit", "score")


@pytest.fixture(scope="module")
def rows():
    X, y = load_digits(return_X_y=True)
    return X[:120] / 16, np.where(np.arange(120) % 3, -1, y[:120] % 3)


def fits_elsewhere(way, name="VAETransformer"):
    """Weights, as texts, and numbers of threads of fits in another process, and in its workers."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    if way == "none":  # as many threads as the test has, for the same bits
        environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "workers.py", way, name],
        capture_output=True,
        text=True,
        timeout=120,  # or it hangs
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# The same bits.


@pytest.mark.parametrize("name", ["AutoencoderTransformer", "LadderClassifier"])
def test_another_process_has_the_same_bits(name):
    ((digest, _),) = fits_elsewhere("none", name)
    np.random.rand(3)  # noqa: NPY002
    assert digest == workers.fit(name)[0]


def test_a_search_with_two_jobs_finds_the_same(rows):
    X, _ = rows
    searches = [
        GridSearchCV(VAETransformer(**QUICK), {"n_components": [1, 2]}, cv=2, n_jobs=n).fit(X)
        for n in (1, 2)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)


# Threads and processes.


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can not fork")
def test_a_fork_beside_a_fit_in_a_thread_can_fit(rows):
    """What the thread holds nobody in the child gives back."""
    begun, may_end = threading.Event(), threading.Event()

    class Wait(Callback):
        def on_batch_end(self, net, **kwargs):
            begun.set()
            may_end.wait(60)

    model = VAETransformer(**QUICK)
    around = torch.get_default_dtype()
    thread = threading.Thread(target=clone(model).set_params(callbacks=[Wait()]).fit, args=rows[:1])
    torch.set_default_dtype(torch.float64)
    try:
        thread.start()
        assert begun.wait(60)
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            process = os.fork()  # Python 3.12 warns of the thread
        if process == 0:
            signal.alarm(60)  # which ends it, should it hang
            is_as_before = torch.get_default_dtype() == torch.float64
            os._exit(not (is_as_before and clone(model).fit(rows[0]).n_iter_ > 0))
        may_end.set()
        thread.join()
        assert os.waitpid(process, 0)[1] == 0
        assert torch.get_default_dtype() == torch.float64
    finally:
        may_end.set()
        torch.set_default_dtype(around)


def test_eight_threads_get_what_one_gets(rows):
    X, _ = rows
    model = VAETransformer(**QUICK).fit(X)
    parts = [X[i::8] for i in range(8)]
    expected = [(model.transform(part), model.score_samples(part)) for part in parts]

    def work(i):
        for _ in range(25):
            np.testing.assert_array_equal(model.transform(parts[i]), expected[i][0])
            np.testing.assert_array_equal(model.score_samples(parts[i]), expected[i][1])
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


@pytest.mark.parametrize("way", ["loky", "threading", "fork", "spawn"])
def test_fits_in_workers_are_all_the_same(way):
    """They neither hang nor, in processes that joblib starts, take more threads than cores."""
    if way == "fork" and way not in multiprocessing.get_all_start_methods():
        pytest.skip("this system can not fork")
    found = fits_elsewhere(way, "LadderClassifier" if way == "fork" else "VAETransformer")
    assert len(found) == workers.N_FITS
    assert len({digest for digest, _ in found}) == 1
    if way == "loky":
        assert max(n_threads for _, n_threads in found) <= max(1, os.cpu_count() // 2)


def _digest(array):
    return zlib.crc32(array.tobytes())


def settings():
    """What belongs to the process, or to its user."""
    return {
        "threads": torch.get_num_threads(),
        "interop threads": torch.get_num_interop_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn benchmark": torch.backends.cudnn.benchmark,
        "cudnn deterministic": torch.backends.cudnn.deterministic,
        "precision": torch.get_float32_matmul_precision(),
        "device": torch.get_default_device(),
        "torch's generator": _digest(torch.get_rng_state().numpy()),
        "numpy's generator": _digest(np.random.get_state()[1]),  # noqa: NPY002
        "numpy's errors": np.geterr(),
        "start method": multiprocessing.get_start_method(allow_none=True),
        # Torch sets one when it imports its compiler, as `state_dict` of its optimizers does.
        "environment": {k: v for k, v in os.environ.items() if k != "TORCHINDUCTOR_CACHE_DIR"},
    }


@pytest.mark.parametrize("estimator", all_estimators(), ids=lambda e: type(e).__name__)
def test_settings_of_the_process_are_as_before(estimator, rows):
    X, y = rows
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    torch.rand(1)
    gc.collect()  # what other tests have left behind may give back states when it goes
    before = settings()
    estimator.fit(X, y)
    assert settings() == before
    for verb in VERBS:
        if hasattr(estimator, verb):
            for rows_given in (X, X[:, :3], np.full_like(X, np.inf)):
                try:
                    getattr(estimator, verb)(rows_given, *([y] if verb in NEED_LABELS else []))
                except ValueError:
                    # Of a model that was fitted without NaN.
                    assert rows_given is not X or verb == "impute"
                assert settings() == before, verb
    for verb, given in (
        ("sample", {"n_samples": 3, "random_state": 0}),
        ("inverse_transform", {"X": np.zeros((2, 1))}),
    ):
        if hasattr(estimator, verb):
            with contextlib.suppress(ValueError, TypeError):  # codes may be wider, or need a class
                getattr(estimator, verb)(**given)
            assert settings() == before, verb
    with pytest.raises(ValueError, match="infinity"):
        clone(estimator).fit(np.where(X > 0.9, np.inf, X), y)
    assert settings() == before


# A long life.


def resident_bytes():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_files_and_threads_stay_what_they_are(rows, tries):
    X, _ = rows
    n_fits, n_transforms = tries(40, 2000), tries(2000, 100_000)
    X = X[:40, :16]
    model = VAETransformer(**QUICK).fit(X)

    def live(n_fits, n_transforms):
        for _ in range(n_fits):
            AutoencoderTransformer(init="random", **QUICK).fit(X)
        for i in range(n_transforms):
            model.transform(X[i % 30 : i % 30 + 1 + i % 9])

    live(max(20, n_fits // 10), max(200, n_transforms // 10))
    before = resident_bytes(), len(os.listdir("/proc/self/fd")), threading.active_count()
    live(n_fits, n_transforms)
    after = resident_bytes(), len(os.listdir("/proc/self/fd")), threading.active_count()
    print(
        f"{n_fits} fits and {n_transforms} transforms: memory {before[0] / 1e6:.1f} to "
        f"{after[0] / 1e6:.1f} MB, open files {before[1]} to {after[1]}, threads {before[2]} to "
        f"{after[2]}"
    )
    assert after[0] < 1.05 * before[0]
    assert after[1:] == before[1:]


# No network.

OFFLINE = """
import socket, tempfile, os

def refuse(*args, **kwargs):
    raise AssertionError("asked for the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
socket.socket.connect_ex = socket.socket.sendto = refuse
import skae
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True)
path = os.path.join(tempfile.mkdtemp(), "model")
for name in skae.__all__:
    if name[0].isupper():
        cls = getattr(skae, name)
        params = {"max_iter": 1, "hidden_layer_sizes": (4,)}
        model = cls(**{k: v for k, v in params.items() if k in cls().get_params()}).fit(X / 8, y)
        skae.save(model, path)
        assert type(skae.load(path)) is cls
print("offline")
"""


def test_nothing_asks_for_the_network():
    pytest.importorskip("safetensors")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OFFLINE], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "offline", done.stderr
