"""What `gpu.py` checks: that models which are trained on a GPU are right there and elsewhere.

Run by itself, with a folder, it opens the files that are there: a process without a GPU does so.
"""

import contextlib
import gc
import os
import pickle
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch
from digest import VERBS, small
from joblib import Parallel, delayed
from sklearn.datasets import load_digits

import skae
from skae import AutoencoderTransformer
from skae.architectures import ConvNet

ROOT = Path(__file__).parent.parent.parent
TESTS = (
    "tests/base/test_estimator.py::test_a_gpu_learns_the_same",
    "tests/rows/test_tensors.py::test_tensors_of_a_gpu",
    "tests/test_scale_out.py::test_processes_share_a_gpu",
)
CLASSES = {name: getattr(skae, name) for name in skae.__all__ if name[0].isupper()}
# Each class as it comes, and with what changes the way of its rows.
CASES = {name: (cls, {}) for name, cls in CLASSES.items()} | {
    f"{name}, {setting}": (CLASSES[name], {setting: value})
    for name, setting, value in (
        ("AutoencoderTransformer", "allow_nan", True),
        ("AutoencoderTransformer", "architecture", ConvNet((8, 8), channels=(4,))),
        ("VAETransformer", "allow_nan", True),
        ("VAETransformer", "conditional", True),
    )
}
SOME = ("AdversarialAutoencoder", "LadderClassifier", "VAETransformer")
CHECKS = []


def check(function):
    """Register a check: it takes what `Setup` has, raises what is wrong, and returns a remark."""
    CHECKS.append(function)
    return function


class Setup:
    """The device, digits with labels of a third of them and with holes, models for other checks.

    Parameters
    ----------
    device, precision : str
    folder : Path
        For files.
    """

    def __init__(self, device, precision, folder):
        self.precision, self.folder = precision, folder
        X, y = load_digits(return_X_y=True)
        self.device, self.is_gpu, self.models = device, device.startswith("cuda"), {}
        self.X, self.y = (X[:300] / 16).astype("f4"), np.where(np.arange(300) % 3, -1, y[:300])
        holes = np.random.default_rng(0).uniform(size=self.X.shape) < 0.1
        self.with_holes = np.where(holes, np.nan, self.X)

    def make(self, cls, **settings):
        """A small model on the device."""
        settings = {"device": self.device, **settings}
        inner = small(AutoencoderTransformer, **settings)
        return small(cls, **settings, transformer=inner, autoencoder=inner)

    def rows(self, case):
        """What it is fitted to."""
        return self.with_holes if "allow_nan" in case else self.X

    def fit(self, case, **settings):
        """A model of one of `CASES`."""
        cls, own = CASES[case]
        return self.make(cls, **own, **settings).fit(self.rows(case), self.y)


def inside(model):
    """What has a module of its own."""
    return getattr(model, "transformer_", getattr(model, "autoencoder_", model))


def given(model, X):
    """What each verb gives."""
    verbs = [verb for verb in VERBS if hasattr(model, verb)]
    found = {v: getattr(model, v)(X) for v in verbs if v != "impute" or model.allow_nan}
    if hasattr(model, "inverse_transform"):
        found["inverse_transform"] = decoded(model, found["transform"])
    if hasattr(model, "sample"):
        found["sample"] = model.sample(5, random_state=1)
    if hasattr(model, "corrupt"):
        found["corrupt"] = model.corrupt(X, random_state=2)
    return {verb: np.asarray(values) for verb, values in found.items()}


def decoded(model, codes):
    """Reconstructions, of some class or other where the decoder is told it."""
    try:
        return model.inverse_transform(codes)
    except ValueError:
        return model.inverse_transform(codes, np.arange(len(codes)) % 3)


def assert_alike(found, expected):
    """Numbers agree but for rounding; of what rounding may turn over, such as bits, nearly all."""
    assert found.keys() == expected.keys()
    for verb, values in expected.items():
        atol = 1e-3 * np.abs(values).max(initial=1e-6)
        share = np.isclose(found[verb], values, rtol=1e-3, atol=atol).mean()
        assert share > 0.99, f"{verb}: {1 - share:.1%} of the numbers differ"


def assert_same(found, expected):
    differing = [verb for verb in expected if not np.array_equal(found[verb], expected[verb])]
    assert not differing, f"{', '.join(differing)} differ"


def for_each(names, function):
    """Call it for all, and raise at the end what was wrong with any."""
    wrong = []
    for name in names:
        try:
            function(name)
        except Exception as error:
            wrong.append(f"{name}: {described(error)}")
    assert not wrong, "\n    ".join(["", *wrong])
    return f"{len(names)} of them"


def described(error):
    """What was wrong, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__}: {str(error)[:2000]} ({where})"


@check
def tests_that_need_a_gpu(setup):
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=short", "-p", "no:cacheprovider"]
    # Not its warnings as errors: they depend on what else is installed.
    command += ["-W", "default", "--disable-warnings", *TESTS]
    done = subprocess.run(
        command, cwd=ROOT, env=with_us(), capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout.splitlines()[-1].strip("= ")


def with_us(**others):
    """The environment of a process that imports the same skae as this one."""
    paths = [str(Path(skae.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **others}


@check
def each_class_fits_and_has_its_verbs(setup):
    def fit(case):
        model = setup.fit(case)
        device = next(inside(model).module_.parameters()).device
        assert device.type == torch.device(setup.device).type, f"it is on {device}"
        found = given(model, setup.rows(case))
        odd = [verb for verb, values in found.items() if not np.isfinite(values).all()]
        assert not odd, f"{odd} have numbers that are not finite"
        setup.models[case] = model, found

    return for_each(CASES, fit)


@check
def files_are_written(setup):
    def write(case):
        model, found = setup.models[case]
        np.savez(setup.folder / f"{case}.npz", X=setup.rows(case), **found)
        (setup.folder / f"{case}.pickle").write_bytes(pickle.dumps(model))
        skae.save(model, setup.folder / f"{case}.safetensors")

    return for_each(setup.models, write)


@check
def files_open_where_there_is_no_gpu(setup):
    command, hidden = [sys.executable, __file__, setup.folder], with_us(CUDA_VISIBLE_DEVICES="")
    done = subprocess.run(command, env=hidden, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def open_files(folder):
    """What the process without a GPU does."""
    assert not torch.cuda.is_available(), "a GPU is at hand"

    def open_file(path):
        from_file = path.suffix == ".safetensors"
        model = skae.load(path) if from_file else pickle.loads(path.read_bytes())
        with np.load(path.with_suffix(".npz")) as kept:
            expected = dict(kept)
        X = expected.pop("X")
        assert_alike(given(model, X), expected)

    paths = sorted([*folder.glob("*.pickle"), *folder.glob("*.safetensors")])
    print(for_each(paths, open_file))


@check
def the_same_seed_gives_the_same_bits(setup):
    def fit_again(case):
        first, second = (setup.fit(case) for _ in range(2))
        assert_same(_weights(second), _weights(first))
        assert_same(*(given(model, setup.rows(case)) for model in (second, first)))

    return for_each(CASES, fit_again)


def _weights(model):
    state = inside(model).module_.state_dict()
    return {name: values.cpu().numpy() for name, values in state.items()}


@check
def the_same_bits_in_larger_batches(setup):
    """Sums over many rows are where a GPU may add in any order."""
    X = np.tile(setup.X, (20, 1)) + np.random.default_rng(0).normal(size=(6000, 64), scale=0.1)
    settings = {"batch_size": 1024, "hidden_layer_sizes": (256, 128), "max_iter": 2}
    models = [setup.make(AutoencoderTransformer, **settings).fit(X) for _ in range(2)]
    assert_same(*map(_weights, models))


@check
def devices_by_name(setup):
    gpu = "cuda" if torch.cuda.is_available() else "cpu"
    expected = {"cpu": "cpu", "auto": gpu}
    if setup.is_gpu:
        expected |= {"cuda": gpu, "cuda:0": gpu, torch.device("cuda", 0): gpu}

    def fit(name):
        model = setup.fit("AutoencoderTransformer", device=name)
        device = next(model.module_.parameters()).device
        assert device.type == expected[name], f"it is on {device}"

    try:
        setup.fit("AutoencoderTransformer", device="cuda:99")
        said = "nothing"
    except ValueError as error:
        said = str(error)
    assert "not available here" in said, f"of cuda:99 it says: {said}"
    return for_each(expected, fit)


@check
def rows_on_the_gpu(setup):
    X, expected = torch.from_numpy(setup.X).to(setup.device), setup.fit("AutoencoderTransformer")
    model = setup.make(AutoencoderTransformer).fit(X)
    assert_same({"codes": np.asarray(model.transform(X))}, {"codes": expected.transform(setup.X)})


@check
def memory_is_given_back(setup):
    if not setup.is_gpu:
        return "not measured without a GPU"
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(12_000, 200)).astype(np.float32), np.arange(12_000) % 3

    def use(cls):
        model = setup.make(cls, max_iter=1, layer_max_iter=1).fit(X, y)
        given(model, X[:2000])
        return model

    def use_twice(name):
        cls = CLASSES[name]
        use(cls)  # what the first one loads stays
        before = _allocated()
        model = use(cls)
        held = _allocated() - before
        weights = sum(values.nbytes for values in _weights(model).values())
        del model
        after = _allocated() - before
        assert after <= 0, f"{after} bytes were not given back"
        # Room for what goes on with training, but not for the rows, which take 9.6 MB.
        assert held <= 4 * weights + 2**20, f"{held} bytes are held by {weights} bytes of weights"

    return for_each(CLASSES, use_twice)


def _allocated():
    gc.collect()
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated()


@check
def the_callers_settings_are_given_back(setup):
    before = _settings(setup)

    def fit(case):
        given(setup.fit(case), setup.X)
        changed = [name for name, value in _settings(setup).items() if value != before[name]]
        assert not changed, f"{changed} changed"

    return for_each(SOME, fit)


def _settings(setup):
    found = {
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "random state": torch.get_rng_state().numpy().tobytes(),
    }
    for place in (torch.backends.cuda.matmul, torch.backends.cudnn):
        with contextlib.suppress(AttributeError):  # not before torch 2.9
            found[f"fp32_precision of {place}"] = place.fp32_precision
    with contextlib.suppress(RuntimeError):  # torch's older and newer names were mixed
        found["matmul precision"] = torch.get_float32_matmul_precision()
    if setup.is_gpu:
        found["random state there"] = torch.cuda.get_rng_state().numpy().tobytes()
        found["device"] = torch.cuda.current_device()
    return found


@check
def a_checkpoint_goes_on_with_the_same_bits(setup):
    from skae._training.checkpoint import Checkpoint

    keep = Checkpoint.keep

    def keep_and_interrupt(self, net, keep_best):
        keep(self, net, keep_best)
        if len(net.history) == 2:
            raise KeyboardInterrupt

    def fit_in_two_parts(name):
        with tempfile.TemporaryDirectory() as folder:
            model = setup.make(CLASSES[name], checkpoint=folder)
            Checkpoint.keep = keep_and_interrupt
            try:
                with warnings.catch_warnings(action="ignore"):
                    model.fit(setup.X, setup.y)
            finally:
                Checkpoint.keep = keep
            assert len(os.listdir(folder)) == 1, "it left no checkpoint"
            model.fit(setup.X, setup.y)
        assert_same(_weights(model), _weights(setup.fit(name)))

    return for_each(SOME, fit_in_two_parts)


@check
def fits_in_threads(setup):
    found = Parallel(n_jobs=2, prefer="threads")(delayed(setup.fit)(name) for name in 2 * SOME)
    for name, model in zip(2 * SOME, found, strict=True):
        assert_same(_weights(model), _weights(setup.fit(name)))
    return f"{len(found)} of them"


@check
def lower_precision(setup):
    names = [name for name, cls in CLASSES.items() if "precision" in cls().get_params()]

    def fit(name):
        first, second = (setup.fit(name, precision=setup.precision) for _ in range(2))
        assert_same(_weights(second), _weights(first))
        dtypes = {str(values.dtype) for values in _weights(first).values()}
        assert dtypes <= {"float32", "float64", "int64", "bool"}, f"weights are {dtypes}"

    return for_each(names, fit)


def run_checks(device, precision, deadline):
    """Print a line for each; returns how many failed."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(Setup(device, precision, Path(folder)), deadline)


def _run(setup, deadline):
    n_failed = 0
    for function in CHECKS:
        start, name = time.monotonic(), function.__name__.replace("_", " ")
        if start > deadline:
            print(f"FAILED  {name}: no time was left")
            n_failed += 1
            continue
        try:
            said = function(setup)
        except Exception as error:
            n_failed += 1
            verdict, said = "FAILED", described(error)
        else:
            verdict = "ok"
        print(f"{verdict:7} {name}, {time.monotonic() - start:.1f} s: {said or ''}", flush=True)
    print(f"\n{len(CHECKS) - n_failed} checks ok, {n_failed} FAILED\n")
    return n_failed


if __name__ == "__main__":
    open_files(Path(sys.argv[1]))
