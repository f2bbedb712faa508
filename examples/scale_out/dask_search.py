"""A grid search whose fits run on the workers of a Dask cluster.

scikit-learn asks joblib to run its fits, and joblib asks Dask. The cluster is local here; with the
address of another one, `Client("tcp://...")`, nothing else changes.

pip install '.[dask]'
python examples/scale_out/dask_search.py              # 1 worker, then 2
python examples/scale_out/dask_search.py --workers 4
"""

import argparse
import time

import joblib
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

GRID = {
    "autoencodertransformer__n_components": [4, 8, 16],
    "autoencodertransformer__hidden_layer_sizes": [(64,), (128, 64)],
}


def make_search(n_epochs):
    """A search over pipelines."""
    pipeline = make_pipeline(
        StandardScaler(),
        AutoencoderTransformer(init="random", max_iter=n_epochs, random_state=0),
        LogisticRegression(max_iter=1000),
    )
    return GridSearchCV(pipeline, GRID, cv=3)


def main(arguments=None):
    """Search with one worker and with several."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args(arguments)
    X, y = load_digits(return_X_y=True)
    for n_workers in sorted({1, options.workers}):
        cluster = LocalCluster(
            n_workers=n_workers, threads_per_worker=1, processes=True, dashboard_address=None
        )
        with cluster, Client(cluster) as client:
            client.run(make_search(1).fit, X[:300], y[:300])  # each worker imports what it needs
            start = time.perf_counter()
            with joblib.parallel_config("dask"):
                search = make_search(options.epochs).fit(X, y)
            seconds = time.perf_counter() - start
        print(
            f"{n_workers} workers: {seconds:.1f} s, best score {search.best_score_:.3f} with "
            f"{search.best_params_}"
        )


if __name__ == "__main__":
    main()
