"""Searches on other engines, rows block by block."""

import contextlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, KFold

from .training.together import small

EXAMPLES = Path(__file__).parent.parent / "examples"
GRID = {"n_components": [2, 3], "learning_rate_init": [1e-3, 1e-2]}


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
