"""A grid search whose fits run on the workers of Ray, which may share a GPU.

scikit-learn asks joblib to run its fits, and joblib asks Ray. Ray is started here; on a cluster,
`ray.init("auto")` finds it. With --gpu-share 0.5 two workers get each GPU: Ray sets
CUDA_VISIBLE_DEVICES for each worker, and device="auto" takes what is visible.

pip install '.[ray]'
python examples/scale_out/ray_search.py                   # 1 worker, then 2
python examples/scale_out/ray_search.py --gpu-share 0.5   # where there is a GPU
"""

import argparse
import time

import joblib
import ray
from ray.util.joblib import register_ray
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
    parser.add_argument("--gpu-share", type=float, default=0, help="how much of a GPU a worker has")
    options = parser.parse_args(arguments)
    X, y = load_digits(return_X_y=True)
    register_ray()
    for n_workers in sorted({1, options.workers}):
        ray.init(num_cpus=n_workers, include_dashboard=False, log_to_driver=False)
        share = {"num_gpus": options.gpu_share} if options.gpu_share else None
        with joblib.parallel_config("ray", n_jobs=n_workers, ray_remote_args=share):
            start = time.perf_counter()
            make_search(1).fit(X[:300], y[:300])
            first = time.perf_counter() - start  # a search starts its own workers
            search = make_search(options.epochs).fit(X, y)
            seconds = time.perf_counter() - start - first
        ray.shutdown()
        print(
            f"{n_workers} workers: {seconds:.1f} s, best score {search.best_score_:.3f} with "
            f"{search.best_params_}; a search of single epochs takes {first:.1f} s"
        )


if __name__ == "__main__":
    main()
