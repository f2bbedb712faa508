"""Searches on other engines, fits in several processes, rows block by block.

`torchrun` runs this file as a script, too: then it is one of two processes that train together.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback

from skae import (
    AdversarialAutoencoder,
    AutoencoderTransformer,
    LadderClassifier,
    VAETransformer,
)

EXAMPLES = Path(__file__).parent.parent / "examples"
GRID = {"n_components": [2, 3], "learning_rate_init": [1e-3, 1e-2]}


def small(**params):
    settings = {"hidden_layer_sizes": (16,), "max_iter": 3, "init": "random", "random_state": 0}
    return AutoencoderTransformer(4, **{**settings, **params})


@pytest.mark.parametrize(
    ("needed", "script", "arguments", "figure"),
    [
        (
            "optuna_integration",
            "scale_out/optuna_search",
            "--workers 1 --trials 2 --passes 2",
            "trials",
        ),
        ("distributed", "scale_out/dask_search", "--workers 1 --epochs 1", "best score"),
        ("ray", "scale_out/ray_search", "--workers 1 --epochs 1", "best score"),
        ("dask", "scale_out/dask_transform", "--workers 1 --copies 20", "35940 rows"),
        ("accelerate", "scale_out/accelerate_fit", "--epochs 1", "explained variance"),
        ("mlflow", "mlflow_logging", "--epochs 1", "valid_loss"),
    ],
)
def test_examples_run(needed, script, arguments, figure, tmp_path):
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"needs {needed}")
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{script}.py", *arguments.split()],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert figure in done.stdout


# Searches.


@pytest.mark.filterwarnings(
    "ignore:OptunaSearchCV is experimental",
    "ignore:.*optuna.terminator. module has been deprecated:FutureWarning",  # its search uses it
)
def test_optuna_gives_up_early_on_what_learns_slowly(digits):
    optuna = pytest.importorskip("optuna", reason="needs skae[optuna]")
    integration = pytest.importorskip("optuna_integration", reason="needs skae[optuna]")
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(1, n_warmup_steps=1)
    )
    for rate in (0.003, 1e-7, 0.004):
        study.enqueue_trial({"learning_rate_init": rate})
    rates = {"learning_rate_init": optuna.distributions.FloatDistribution(1e-8, 1, log=True)}
    settings = {"study": study, "n_trials": 3, "cv": 2, "max_iter": 6, "enable_pruning": True}
    search = integration.OptunaSearchCV(small(), rates, **settings).fit(digits)
    pruned = [trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials]
    assert pruned == [False, True, False]
    assert len(study.trials[1].intermediate_values) == 2
    expected = []
    for train, test in KFold(2).split(digits):
        model = small(learning_rate_init=0.003)
        expected.append([model.partial_fit(digits[train]).score(digits[test]) for _ in range(6)])
    scores = list(study.trials[0].intermediate_values.values())
    assert scores == pytest.approx(np.mean(expected, axis=0))
    assert search.best_params_["learning_rate_init"] in (0.003, 0.004)
    assert search.best_estimator_.transform(digits).shape == (400, 4)


def noting_scorer(folder):
    """A scorer that leaves a file for each process that it ran in, with what it saw there.

    It is made in a function so that it is pickled whole: workers can not import this file.
    """

    def score(model, X, y=None):
        import os
        from pathlib import Path

        Path(folder, str(os.getpid())).write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
        return model.score(X)

    return score


def search_in(folder, X, **params):
    return GridSearchCV(small(**params), GRID, cv=3, scoring=noting_scorer(folder)).fit(X)


def assert_two_workers_found_the_same(search, folder, X):
    workers = {path.name for path in folder.iterdir()} - {str(os.getpid())}
    assert len(workers) == 2
    alone = GridSearchCV(small(), GRID, cv=3).fit(X)
    found = "mean_test_score"
    np.testing.assert_allclose(search.cv_results_[found], alone.cv_results_[found], rtol=1e-6)
    np.testing.assert_allclose(search.transform(X), alone.transform(X), atol=1e-5)


def test_dask_searches_with_two_workers(digits, tmp_path):
    distributed = pytest.importorskip("distributed", reason="needs skae[dask]")
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(distributed.LocalCluster(**settings))
        stack.enter_context(distributed.Client(cluster))
        stack.enter_context(joblib.parallel_config("dask"))
        search = search_in(tmp_path, digits)
    assert_two_workers_found_the_same(search, tmp_path, digits)


@pytest.fixture
def two_ray_workers():
    ray = pytest.importorskip("ray", reason="needs skae[ray]")
    from ray.util.joblib import register_ray

    register_ray()
    # Of GPUs Ray believes what it is told, so that sharing one can be tried without any.
    ray.init(num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_ray_searches_with_two_workers_that_share_a_gpu(two_ray_workers, digits, tmp_path):
    half = {"num_gpus": 0.5}
    with joblib.parallel_config("ray", n_jobs=2, ray_remote_args=half):
        search = search_in(tmp_path, digits, device="cpu")
    assert_two_workers_found_the_same(search, tmp_path, digits)
    seen = {path.read_text() for path in tmp_path.iterdir() if path.name != str(os.getpid())}
    assert seen == {"0"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_processes_share_a_gpu(digits):
    searches = [GridSearchCV(small(device="cuda"), GRID, cv=3, n_jobs=n) for n in (1, 2)]
    scores = [search.fit(digits).cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_allclose(*scores, rtol=1e-3)


# Rows block by block.


def test_a_dask_array_is_transformed_block_by_block(digits):
    da = pytest.importorskip("dask.array", reason="needs skae[dask]")
    model, sizes = small().fit(digits), []

    def transform(block):
        sizes.append(len(block))
        return model.transform(block)

    X = da.from_array(digits, chunks=(150, 64))
    codes = X.map_blocks(transform, chunks=(X.chunks[0], (4,)), meta=np.empty((0, 0)))
    assert codes.shape == (400, 4)
    assert not sizes
    np.testing.assert_allclose(codes.compute(), model.transform(digits), atol=1e-5)
    assert sorted(sizes) == [100, 150, 150]


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas 3.1, in Dask 2026.8
def test_a_directory_of_parquet_files_is_transformed_file_by_file(tmp_path):
    dd = pytest.importorskip("dask.dataframe", reason="needs skae[dask]")
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = load_digits(as_frame=True).data[:400]
    (tmp_path / "rows").mkdir()
    for i, start in enumerate((0, 100, 250)):
        part = frame.iloc[start : (100, 250, 400)[i]]
        part.to_parquet(tmp_path / "rows" / f"{i}.parquet")
    model = small().set_output(transform="pandas").fit(frame)
    X = dd.read_parquet(tmp_path / "rows")
    assert X.npartitions == 3
    names = model.get_feature_names_out()
    codes = X.map_partitions(model.transform, meta=dict.fromkeys(names, np.float64))
    codes.to_parquet(tmp_path / "codes")
    files = sorted((tmp_path / "codes").glob("*.parquet"))
    assert [len(pd.read_parquet(file)) for file in files] == [100, 150, 150]
    found = pd.read_parquet(tmp_path / "codes")
    pd.testing.assert_frame_equal(found, model.transform(frame), check_names=False, atol=1e-5)


# One fit in several processes.


class Count(Callback):
    """Count the rows that this process learns from; note the random numbers that come next."""

    def on_train_begin(self, net, **kwargs):
        self.n_rows, self.next = 0, []

    def on_batch_end(self, net, batch, training, **kwargs):
        self.n_rows += training * len(batch[0])

    def on_epoch_end(self, net, **kwargs):
        with torch.random.fork_rng():
            self.next.append(torch.rand(1).item())


class StopInOne(Callback):
    """Ask for the end after two epochs, if this is the second process."""

    def on_epoch_end(self, net, **kwargs):
        net.stops_ = net.accelerator.process_index == 1 and len(net.history) == 2


def weights(model):
    return {name: value.clone() for name, value in model.module_.state_dict().items()}


# Batches of 13 and 14 rows, which two processes can not halve.
SHARED = {"batch_size": 14, "max_iter": 5, "warm_start": True}
WEIGHT = np.linspace(0.2, 1.8, 400)


def train_together(folder):
    """What each of the processes does."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    which = accelerator.process_index
    together = {"net_params": {"accelerator": accelerator}}
    X, y = load_digits(return_X_y=True)
    X, y, found = X[:400], np.where(np.arange(400) % 4, -1, y[:400]), {}

    model = clone(small(**SHARED, **together)).fit(X, sample_weight=WEIGHT)
    found["weights"] = [weights(model)]
    found["curves"] = [model.loss_curve_, model.validation_scores_]
    model.fit(X, sample_weight=WEIGHT)
    found["weights"].append(weights(model))
    joblib.dump(model, folder / f"model{which}.joblib")
    model.net_.save_params(f_params=folder / f"params{which}.pt")

    counts = Count(), Count()
    others = [
        VAETransformer(2, hidden_layer_sizes=(8,), max_iter=2, callbacks=[counts[0]], **together),
        AdversarialAutoencoder(2, hidden_layer_sizes=(8,), max_iter=2, **together),
        LadderClassifier(hidden_layer_sizes=(8,), max_iter=2, **together),  # with running means
        # From different starts.
        small(early_stopping=False, random_state=None, callbacks=[counts[1]], **together),
    ]
    for other in others:
        if "random_state" in other.get_params() and other is not others[-1]:
            other.set_params(random_state=0)
        found["weights"].append(weights(other.fit(X, y)))
    found["next"], found["n_rows"] = counts[0].next, counts[1].n_rows
    found["n_iter"] = small(max_iter=9, callbacks=[StopInOne()], **together).fit(X).n_iter_
    for name, rows, settings in (
        ("own rows", X[which::2], {}),
        ("own seed", X, {"random_state": which}),
        ("few rows", X, {"batch_size": 1}),
    ):
        try:
            small(**{**settings, **together}).fit(rows)
        except ValueError as error:
            found[name] = str(error)
    torch.save(found, folder / f"found{which}.pt")
    accelerator.end_training()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """What two processes that train together have found, and the folder with their files."""
    pytest.importorskip("accelerate", reason="needs skae[distributed]")
    folder = tmp_path_factory.mktemp("together")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    done = subprocess.run(
        [*command, "2", __file__, folder],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return folder, [torch.load(folder / f"found{i}.pt", weights_only=False) for i in range(2)]


@pytest.fixture(scope="module")
def one_process():
    X = load_digits().data[:400]
    model = small(**SHARED).fit(X, sample_weight=WEIGHT)
    return model, weights(model), [model.loss_curve_, model.validation_scores_]


def test_two_processes_learn_what_one_does(two_processes, one_process):
    _, found = two_processes
    _, expected, (losses, scores) = one_process
    for name, value in found[0]["weights"][0].items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-5)
    assert found[0]["curves"][0] == pytest.approx(losses, rel=1e-5)
    assert found[0]["curves"][1] == pytest.approx(scores, rel=1e-5)


def test_a_second_fit_is_shared_as_well_and_the_model_is_an_ordinary_one(
    two_processes, one_process
):
    folder, _ = two_processes
    model, *_ = one_process
    X = load_digits().data[:400]
    expected = joblib.load(folder / "model1.joblib").transform(X)
    np.testing.assert_allclose(model.fit(X, sample_weight=WEIGHT).transform(X), expected, atol=1e-4)


def test_each_process_learns_from_its_part(two_processes):
    _, found = two_processes
    n_rows = [one["n_rows"] for one in found]
    assert sum(n_rows) == 3 * 400
    assert min(n_rows) > 3 * 180


def test_all_processes_have_the_same_model(two_processes):
    folder, (one, other) = two_processes
    assert len(one["weights"]) == 6
    for mine, theirs in zip(one["weights"], other["weights"], strict=True):
        assert all(torch.equal(value, theirs[name]) for name, value in mine.items())
    assert one["curves"] == other["curves"]
    assert [path.name for path in folder.glob("params*")] == ["params0.pt"]


def test_processes_draw_noise_of_their_own(two_processes):
    _, (one, other) = two_processes
    assert not set(one["next"]) & set(other["next"])


def test_processes_stop_together(two_processes):
    _, found = two_processes
    assert [one["n_iter"] for one in found] == [2, 2]


def test_processes_that_can_not_train_together_are_refused(two_processes):
    for one in two_processes[1]:
        assert "Give each of them all of X" in one["own rows"]
        assert "the same integer as random_state" in one["own seed"]
        assert "can not be divided among 2 processes" in one["few rows"]


def accelerator(**params):
    settings = {"mixed_precision": "no", "gradient_accumulation_steps": 1, "num_processes": 1}
    return SimpleNamespace(**{**settings, "device": torch.device("cpu"), **params})


def test_one_process_with_an_accelerator_is_an_ordinary_fit(digits):
    models = [small(net_params=p).fit(digits) for p in (None, {"accelerator": accelerator()})]
    expected, found = map(weights, models)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_the_cpu_of_an_accelerator_is_the_cpu(digits):
    device = torch.device("cpu", 0)
    params = {"accelerator": accelerator(device=device)}
    expected, found = small().fit(digits), small(device=device, net_params=params).fit(digits)
    np.testing.assert_array_equal(found.transform(digits), expected.transform(digits))


def test_a_checkpoint_of_several_processes_is_refused(digits, tmp_path):
    pytest.importorskip("safetensors", reason="needs skae[files]")
    of_two = accelerator(num_processes=2, process_index=0)
    with pytest.raises(ValueError, match="checkpoint is for training in one process"):
        small(checkpoint=tmp_path, net_params={"accelerator": of_two}).fit(digits)


def test_an_accelerator_that_does_not_see_the_others_is_refused(digits, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="knows of one process, but 2 were started"):
        small(net_params={"accelerator": accelerator()}).fit(digits)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"mixed_precision": "bf16"}, "Leave these settings out"),
        ({"gradient_accumulation_steps": 2}, "Leave these settings out"),
        ({"device": torch.device("meta")}, r"Set device=accelerator\.device"),
    ],
)
def test_an_accelerator_that_would_do_more_is_refused(params, message, digits):
    with pytest.raises(ValueError, match=message):
        small(device="cpu", net_params={"accelerator": accelerator(**params)}).fit(digits)


if __name__ == "__main__":
    train_together(Path(sys.argv[1]))
