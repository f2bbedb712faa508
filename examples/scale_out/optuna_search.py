"""A search with Optuna that gives up early on settings that learn slowly.

`OptunaSearchCV` trains each setting one pass at a time, with `partial_fit`, and drops it where the
others were further at that point. Processes that read and write one journal file share the work.

pip install '.[optuna]'
python examples/scale_out/optuna_search.py              # 1 process, then 2
python examples/scale_out/optuna_search.py --workers 4
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import optuna
from joblib import Parallel, delayed
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from optuna_integration import OptunaSearchCV
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer

SETTINGS = {
    "learning_rate_init": FloatDistribution(1e-5, 1e-1, log=True),
    "batch_size": CategoricalDistribution([32, 64, 128]),
    "activation": CategoricalDistribution(["relu", "silu", "tanh"]),
}


def open_study(path, seed):
    """The study in a file, which is begun there if need be."""
    return optuna.create_study(
        study_name="digits",
        storage=JournalStorage(JournalFileBackend(str(path))),
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
        direction="maximize",
        load_if_exists=True,
    )


def work(path, seed, n_trials, n_passes):
    """One process's share of the search."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", FutureWarning)  # of a part of Optuna that its search uses
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    search = OptunaSearchCV(
        AutoencoderTransformer(8, init="random", random_state=0),
        SETTINGS,
        study=open_study(path, seed),
        enable_pruning=True,
        max_iter=n_passes,
        n_trials=n_trials,
        cv=3,
        refit=False,
    )
    search.fit(load_digits().data)


def main(arguments=None):
    """Search with one process and with several."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--passes", type=int, default=20)
    options = parser.parse_args(arguments)
    for n_workers in sorted({1, options.workers}):
        with tempfile.TemporaryDirectory() as folder, Parallel(n_workers) as parallel:
            parallel(delayed(work)(Path(folder, f"warm{i}"), i, 1, 1) for i in range(n_workers))
            path, start = Path(folder, "journal"), time.perf_counter()
            shares = options.trials // n_workers
            parallel(delayed(work)(path, i, shares, options.passes) for i in range(n_workers))
            seconds = time.perf_counter() - start
            study = open_study(path, 0)
            states = [trial.state for trial in study.trials]
            print(
                f"{n_workers} workers: {seconds:.1f} s, {len(states)} trials, "
                f"{states.count(TrialState.PRUNED)} of them given up early, best score "
                f"{study.best_value:.3f} with {study.best_params}"
            )


if __name__ == "__main__":
    main()
