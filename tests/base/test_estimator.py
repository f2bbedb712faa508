"""What all estimators promise of fits: reproducible, whole or not at all, of rows from anywhere."""

import contextlib
import pickle
import tracemalloc

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from torch import nn

import skae
from skae import AutoencoderTransformer, DenoisingAutoencoder, SemanticHashing, VAETransformer
from skae._base.reconstruction import DensityAutoencoder
from skae.architectures import MLP, ConvNet, TorchArchitecture

from .estimators import CLASSIFIERS, ESTIMATORS, QUICK, every_estimator


@every_estimator
def test_same_seed_same_bits_and_the_callers_random_state_is_untouched(cls, digits):
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    expected = np.random.rand(), torch.rand(())  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    first, second = (cls(3, **QUICK).fit(digits) for _ in range(2))
    np.testing.assert_array_equal(first.transform(digits), second.transform(digits))
    np.testing.assert_array_equal(first.score_samples(digits), second.score_samples(digits))
    np.testing.assert_array_equal(first.sample(4, 0), second.sample(4, 0))
    assert (np.random.rand(), torch.rand(())) == expected  # noqa: NPY002
    other = clone(first).set_params(random_state=1).fit(digits)
    # Not the codes: where PCA is kept they are the same for every seed.
    assert first.loss_curve_ == second.loss_curve_ != other.loss_curve_


def test_warm_start_and_partial_fit_go_on(digits):
    model = AutoencoderTransformer(4, warm_start=True, **QUICK).fit(digits)
    before, module = model.score(digits), model.module_
    model.fit(digits)
    assert model.module_ is module
    assert model.n_iter_ == 6
    streamed = AutoencoderTransformer(4, **QUICK)
    for _ in range(8):
        streamed.partial_fit(digits)
    assert streamed.n_iter_ == 8
    assert streamed.score(digits) > before


def test_weights_choose_what_is_learned(digits):
    half = np.arange(len(digits)) % 2
    X = np.where(half[:, None], digits, digits[:, ::-1])
    weighted = AutoencoderTransformer(3, **QUICK).fit(X, sample_weight=half)
    alone = clone(weighted).fit(X[half == 1])
    np.testing.assert_allclose(weighted.transform(X), alone.transform(X), atol=1e-3)


TRAINED_ON = []


class Recorder(nn.Linear):
    """An encoder that notes the rows it is trained on."""

    def forward(self, x):
        if self.training:
            TRAINED_ON.extend(x.argmax(dim=1).tolist())
        return super().forward(x)


def test_rows_to_validate_on_are_drawn_at_random_and_not_trained_on():
    each_row_has_its_column = np.eye(40)
    architecture = TorchArchitecture(Recorder, nn.Linear)
    TRAINED_ON.clear()
    model = AutoencoderTransformer(2, architecture=architecture, **QUICK)
    model.set_params(validation_fraction=0.5).fit(each_row_has_its_column)
    trained_on = set(TRAINED_ON)
    assert len(trained_on) == 20
    assert 5 < sum(row < 20 for row in trained_on) < 15


def test_weights_weigh_in_all_places(digits):
    weight = np.where(np.arange(len(digits)) % 4, 1.0, 50.0)
    settings = {"early_stopping": False, **QUICK, "max_iter": 30}
    model = AutoencoderTransformer(2, **settings).fit(digits, sample_weight=weight)
    expected = np.average(digits, axis=0, weights=weight)
    np.testing.assert_allclose(model.scaling_.mean, expected)
    heavy = weight > 1
    plain = AutoencoderTransformer(2, **settings).fit(digits)
    assert model.score(digits[heavy]) > plain.score(digits[heavy])
    assert model.score(digits[~heavy]) < plain.score(digits[~heavy])
    held_out = AutoencoderTransformer(2, validation_fraction=0.5, **QUICK)
    weighted, flat = (clone(held_out).fit(digits, sample_weight=w) for w in (weight, None))
    assert weighted.best_loss_ != pytest.approx(flat.best_loss_, rel=1e-3)


@pytest.mark.parametrize("cls", [*ESTIMATORS, *CLASSIFIERS])
def test_only_what_weights_are_to_each_other_counts(cls, digits):
    weight, y = np.linspace(1, 3, len(digits)), np.arange(len(digits)) % 3 - 1
    given = {"y": y} if cls in CLASSIFIERS else {}
    settings = {"early_stopping": True, **QUICK}
    one, other = (
        cls(**settings).fit(digits, **given, sample_weight=w) for w in (weight, 8 * weight)
    )
    assert one.best_loss_ == other.best_loss_
    assert one.validation_scores_ == other.validation_scores_
    verb = "transform" if hasattr(cls, "transform") else "predict_proba"
    np.testing.assert_array_equal(getattr(one, verb)(digits), getattr(other, verb)(digits))
    if hasattr(one, "sample"):
        drawn = (model.sample(20, random_state=0) for model in (one, other))
        np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("cls", [cls for cls in ESTIMATORS if issubclass(cls, DensityAutoencoder)])
def test_rows_are_drawn_as_often_as_their_weights_have_them(cls):
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0, 0, 0], [4, 4, 4]], 300, axis=0) + 0.3 * rng.normal(size=(600, 3))
    weight = np.repeat([9.0, 1.0], 300)
    settings = {"max_iter": 20, "random_state": 0, "hidden_layer_sizes": (32,)}
    drawn = cls(8, **settings).fit(X, sample_weight=weight).sample(2000, random_state=0)
    assert (drawn[:, 0] < 2).mean() == pytest.approx(0.9, abs=0.04)


def test_held_out_rows_are_not_learned_from(digits):
    model = AutoencoderTransformer(3, **QUICK)
    first = model.fit(digits[:200], X_val=digits[200:]).scaling_.mean
    np.testing.assert_allclose(first, digits[:200].mean(0))


@every_estimator
@pytest.mark.parametrize("max_dense_bytes", [0, 2**27], ids=["batch by batch", "in memory"])
def test_sparse_memory_mapped_and_dense_agree(cls, max_dense_bytes, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.batches, "MAX_DENSE_BYTES", max_dense_bytes)
    weight = np.linspace(0.5, 1.5, len(digits))
    expected = cls(3, **QUICK).fit(digits, sample_weight=weight).transform(digits)
    containers = [sparse.csr_array(digits)]
    for dtype in ("<f8", ">f8", "<i8"):
        np.save(tmp_path / f"{dtype[1:]}{dtype[0] == '>'}.npy", digits.astype(dtype))
    containers += [np.load(path, mmap_mode="r") for path in tmp_path.iterdir()]
    for X in containers:
        found = cls(3, **QUICK).fit(X, sample_weight=weight).transform(X)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8])
def test_a_memory_mapped_file_is_not_copied(dtype, tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.batches, "MAX_DENSE_BYTES", 0)
    monkeypatch.setattr(skae._rows.batches, "FILE_AHEAD", 2**16)
    X = np.random.default_rng(0).integers(0, 200, (20_000, 50)).astype(dtype)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = AutoencoderTransformer(
        2, hidden_layer_sizes=(4,), init="random", max_iter=1, batch_size=1024
    )
    model.fit(mapped[:100])  # what is loaded once, whatever the data
    tracemalloc.start()
    model.fit(mapped)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < mapped.nbytes / 2 + 2**20  # numpy tells tracemalloc what it allocates


def test_a_file_is_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.batches, "MAX_DENSE_BYTES", 0)
    monkeypatch.setattr(skae._rows.batches, "FILE_AHEAD", 1000 * 4)
    np.save(tmp_path / "X.npy", np.random.default_rng(0).normal(size=(2000, 4)))
    standardized, gaps = skae._rows.batches.standardized, []

    def spy(source, rows, scaling):
        gaps.append(np.mean(np.diff(rows) > 2))  # the rows that are held out are left out
        return standardized(source, rows, scaling)

    monkeypatch.setattr(skae._rows.batches, "standardized", spy)
    AutoencoderTransformer(2, **QUICK).fit(np.load(tmp_path / "X.npy", mmap_mode="r"))
    assert np.median(gaps) < 0.05


@every_estimator
def test_pickle_round_trip(cls, digits):
    model = cls(3, **QUICK).fit(digits)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.transform(digits), copied.transform(digits))
    copied.partial_fit(digits)
    assert not np.array_equal(model.transform(digits), copied.transform(digits))


def test_a_failed_fit_leaves_no_model(digits):
    model = AutoencoderTransformer(2, **QUICK).fit(digits)
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate_init=1e12, learning_rate="constant").fit(digits)
    assert not hasattr(model, "net_")
    model = AutoencoderTransformer(2, **QUICK).fit(digits)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((5, 3), np.nan))
    with pytest.raises(NotFittedError):
        model.transform(digits)


def test_a_failed_continuation_leaves_the_model_as_it_was(digits):
    model = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(digits)
    expected, history = model.transform(digits), list(model.net_.history)
    model.set_params(learning_rate_init=1e12, learning_rate="constant")
    for go_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="diverged"):
            go_on(digits)
        np.testing.assert_array_equal(model.transform(digits), expected)
        assert list(model.net_.history) == history
    undisturbed = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(digits)
    model.set_params(learning_rate_init=undisturbed.learning_rate_init)
    for one in (model, undisturbed):
        one.partial_fit(digits)
    np.testing.assert_array_equal(model.transform(digits), undisturbed.transform(digits))


def test_partial_fit_learns_at_its_own_rate(digits):
    model = AutoencoderTransformer(4, **QUICK).fit(digits)  # ends at a rate near zero
    before = model.score(digits)
    for _ in range(10):
        model.partial_fit(digits)
    assert model.score(digits) > 0.9 * before
    assert model.net_.optimizer_.param_groups[0]["lr"] == model.learning_rate_init


@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (AutoencoderTransformer, {"n_components": 5}),
        (AutoencoderTransformer, {"loss": "absolute_error"}),
        (AutoencoderTransformer, {"architecture": MLP((4,))}),
        (AutoencoderTransformer, {"hidden_layer_sizes": np.array([16, 16])}),
        (AutoencoderTransformer, {"net_params": {"optimizer__weight_decay": 0.5}}),
        (AutoencoderTransformer, {"batch_size": 7}),
        (DenoisingAutoencoder, {"noise_level": 2.0}),
        (VAETransformer, {"beta": 100.0}),
    ],
    ids=str,
)
def test_what_is_built_in_can_not_change_on_the_way(cls, params, digits):
    model = pickle.loads(pickle.dumps(cls(3, warm_start=True, **QUICK).fit(digits)))
    model.set_params(max_iter=1, learning_rate="constant", tol=0.1).fit(digits)
    model.set_params(**params)
    for go_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=f"{next(iter(params))}.*was.*warm_start=False"):
            go_on(digits)
    assert model.set_params(warm_start=False).fit(digits).n_iter_ == 1


def test_what_is_changed_in_place_is_noticed(digits):
    settings = {"optimizer__weight_decay": 0.1}
    model = AutoencoderTransformer(2, net_params=settings, **QUICK).partial_fit(digits)
    model.partial_fit(digits)
    settings["optimizer__weight_decay"] = 5
    with pytest.raises(ValueError, match="net_params was"):
        model.partial_fit(digits)


def test_settings_of_an_architecture_are_built_in_too(digits):
    architecture = ConvNet((8, 8), channels=(4,))
    model = AutoencoderTransformer(3, architecture=architecture, max_iter=1).partial_fit(digits)
    with pytest.raises(ValueError, match="architecture__channels was"):
        model.set_params(architecture__channels=(5,)).partial_fit(digits)


def test_the_first_rows_of_a_stream_must_show_a_scale(digits):
    with pytest.raises(ValueError, match="all equal"):
        AutoencoderTransformer(3, **QUICK).partial_fit(digits[:1])


@contextlib.contextmanager
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


CODES = {}


def without_any_state(cls, X):
    """The codes after a fit and one pass, computed once for each class."""
    if cls not in CODES:
        CODES[cls] = cls(2, **QUICK).fit(X).partial_fit(X).transform(X)
    return CODES[cls]


@pytest.mark.parametrize(
    "around",
    [
        torch.no_grad,
        torch.inference_mode,
        float64_by_default,
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.device("meta"),
    ],
    ids=["no_grad", "inference_mode", "float64", "autocast", "default device"],
)
@every_estimator
def test_the_callers_state_of_torch_does_not_matter(cls, around, digits):
    expected = without_any_state(cls, digits)
    with around():
        model = cls(2, **QUICK).fit(digits)
        codes, scores = model.transform(digits), model.score_samples(digits)
        assert model.sample(2, random_state=0).dtype == digits.dtype
    with torch.enable_grad():
        model.partial_fit(digits)
    np.testing.assert_array_equal(model.transform(digits), expected)
    assert codes.dtype == (np.uint8 if cls is SemanticHashing else digits.dtype)
    assert np.isfinite(scores).all()


def test_fits_in_threads_are_what_they_are_alone(digits):
    models = [AutoencoderTransformer(2, **{**QUICK, "max_iter": n}) for n in (2, 3, 4)]
    expected = [clone(model).fit_transform(digits) for model in models]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with float64_by_default():
        found = Parallel(n_jobs=3, backend="threading")(
            delayed(model.fit_transform)(digits) for model in models
        )
        assert torch.get_default_dtype() == torch.float64
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("n_rows", "fraction"), [(1, 0.5), (2, 0.5), (3, 0.1), (4, 0.9), (9, 0.1), (20, 0.999)]
)
def test_the_split_leaves_rows_to_learn_from(n_rows, fraction, digits):
    model = AutoencoderTransformer(2, validation_fraction=fraction, **QUICK).fit(digits[:n_rows])
    assert (model.validation_scores_ is None) == (n_rows < 3)


def test_metadata_is_routed_through_a_pipeline(digits):
    weight = np.arange(len(digits)) % 2.0
    with config_context(enable_metadata_routing=True):
        model = AutoencoderTransformer(2, **QUICK).set_fit_request(sample_weight=True, X_val=True)
        pipeline = make_pipeline(model).fit(digits, sample_weight=weight, X_val=digits[:50])
    alone = AutoencoderTransformer(2, **QUICK)
    alone.fit(digits, sample_weight=weight, X_val=digits[:50])
    np.testing.assert_array_equal(pipeline.transform(digits), alone.transform(digits))


def test_verbose_prints_a_line_for_each_epoch(digits, capsys):
    AutoencoderTransformer(2, **QUICK).fit(digits)
    assert not capsys.readouterr().out
    quiet = AutoencoderTransformer(2, warm_start=True, **QUICK).fit(digits)
    assert not capsys.readouterr().out
    quiet.set_params(verbose=1).fit(digits)
    losses = [f"loss {loss:.4g}," for loss in quiet.loss_curve_[-3:]]
    lines = capsys.readouterr().out.splitlines()
    assert [loss in line for loss, line in zip(losses, lines, strict=True)] == [True] * 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_estimator
def test_a_gpu_learns_the_same(cls, digits):
    torch.cuda.manual_seed(3)
    before = torch.cuda.get_rng_state()
    on_gpu, on_cpu = (
        cls(3, device=device, **{**QUICK, "max_iter": 20}).fit(digits) for device in ("cuda", "cpu")
    )
    assert torch.equal(before, torch.cuda.get_rng_state())
    assert on_gpu.score(digits) == pytest.approx(on_cpu.score(digits), rel=0.1)
    again = clone(on_gpu).fit(digits)
    np.testing.assert_allclose(again.transform(digits), on_gpu.transform(digits), rtol=1e-3)


def test_each_fit_has_the_epochs_that_its_own_rows_are_worth(monkeypatch):
    monkeypatch.setattr(skae._training.trainer, "WORTH_STEPS", 20)
    monkeypatch.setattr(skae._training.trainer, "MIN_EPOCHS", 1)
    X = np.random.default_rng(0).normal(size=(100, 4))
    settings = {"hidden_layer_sizes": (4,), "batch_size": 10, "early_stopping": False}
    model = AutoencoderTransformer(2, warm_start=True, **settings)
    n_epochs = [model.fit(X[:n]).n_iter_ for n in (100, 40, 20)]
    assert np.diff([0, *n_epochs]).tolist() == [2, 5, 10]
