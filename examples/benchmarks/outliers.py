"""Which rows are of another class than the training rows? ROC AUC of outlier detectors.

python examples/benchmarks/outliers.py                          # the tables
python examples/benchmarks/outliers.py mnist --methods IsolationForest skae
python examples/benchmarks/outliers.py ring moons roll clumps "clumps of five columns"

Each class in turn is the normal one: 70 % of its rows are trained on (of MNIST all of its training
rows), the others and the rows of all other classes (the test rows) are scored. What is printed is
the mean over classes and seeds. Tables are standardized by the training rows, pixels are not.
Of a shape 2000 rows are trained on, and 1000 others scored beside 1000 uniform ones. A mixture is
of one, three or ten Gaussians, as BIC has it.
pyod's detectors are measured where pyod is installed, statsmodels' table where statsmodels is.
"""

import argparse
import importlib.util
import platform
import sys
import time
import warnings

import numpy as np
import torch
from _mnist import add_argument, load_mnist
from _settings import setting
from _shapes import CURVED_AND_CLUMPED, beside_uniform
from sklearn import datasets
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

SHIPPED = ("breast_cancer", "digits", "iris", "wine")


def detector_of(cls, **ours):
    """Scores by an autoencoder as wide as that of the detector's default."""

    def make(n_features, seed, **settings):
        width = {"n_components": max(1, min(10, n_features // 4))}
        return AutoencoderOutlierDetector(
            cls(**{**width, **ours, "random_state": seed, **settings}), novelty=False
        )

    return make


def as_it_comes(n_features, seed, **settings):
    """The default; with settings a `VAETransformer` of the width that it has for many features."""
    if settings:
        return detector_of(VAETransformer)(n_features, seed, **settings)
    return AutoencoderOutlierDetector(novelty=False, random_state=seed)


class Mixture:
    """As many Gaussians as are worth it."""

    def __init__(self, seed):
        self.seed = seed

    def fit(self, X):
        """Choose."""
        tried = [GaussianMixture(n, random_state=self.seed).fit(X) for n in (1, 3, 10)]
        self.decision_function = min(tried, key=lambda mixture: mixture.bic(X)).score_samples


def pyod(name):
    """One of pyod's detectors, as it comes; its scores are the higher, the stranger a row."""

    def make(n_features, seed):
        module = {"AutoEncoder": "auto_encoder", "VAE": "vae"}[name]
        detector = getattr(importlib.import_module(f"pyod.models.{module}"), name)
        return detector(random_state=seed, verbose=0)

    return make


METHODS = {
    "IsolationForest": lambda n_features, seed: IsolationForest(random_state=seed),
    "LocalOutlierFactor": lambda n_features, seed: LocalOutlierFactor(novelty=True),
    "mixture": lambda n_features, seed: Mixture(seed),
    "skae": as_it_comes,
    "skae, mean noise": detector_of(VAETransformer, noise_variance="mean", n_importance_samples=1),
    "skae, errors": detector_of(AutoencoderTransformer),
    "pyod AutoEncoder": pyod("AutoEncoder"),
    "pyod VAE": pyod("VAE"),
}


def load_table(name):
    """Rows and classes."""
    if name == "anes96":
        table = importlib.import_module("statsmodels.datasets.anes96").load_pandas().data
        return table.drop(columns="vote").to_numpy(), table["vote"].to_numpy()
    return getattr(datasets, f"load_{name}")(return_X_y=True)


def cases(name, seed, mnist):
    """Training rows, rows to score, and whether those are outliers, for each class."""
    if name == "mnist":
        X_train, y_train, X_test, y_test = mnist
        for label in np.unique(y_train):
            yield X_train[y_train == label], X_test, y_test != label
        return
    rng = np.random.default_rng(seed)
    if name in CURVED_AND_CLUMPED:
        yield beside_uniform(CURVED_AND_CLUMPED[name], rng)
        return
    X, y = load_table(name)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        n_train = int(0.7 * len(rows))
        others = np.concatenate([rows[n_train:], np.flatnonzero(y != label)])
        scaler = StandardScaler().fit(X[rows[:n_train]])
        yield (
            scaler.transform(X[rows[:n_train]]),
            scaler.transform(X[others]),
            y[others] != label,
        )


def measure(method, name, seed, mnist, settings):
    """Mean area under the curve over the classes, and the seconds of all fits."""
    areas, seconds = [], 0.0
    for X_train, X_test, is_outlier in cases(name, seed, mnist):
        settings = settings if method.startswith("skae") else {}
        detector = METHODS[method](X_train.shape[1], seed, **settings)
        start = time.perf_counter()
        with warnings.catch_warnings(action="ignore"):
            detector.fit(X_train)
            seconds += time.perf_counter() - start
            sign = 1 if method.startswith("pyod") else -1
            scores = sign * detector.decision_function(X_test)
        areas.append(roc_auc_score(is_outlier, scores))
    return np.mean(areas), seconds


def main(arguments=None):
    """Measure all methods and print a row for each data set, and the mean."""
    installed = {name for name in ("pyod", "statsmodels") if importlib.util.find_spec(name)}
    tables = [*SHIPPED, "anes96"] if "statsmodels" in installed else list(SHIPPED)
    methods = [m for m in METHODS if not m.startswith("pyod") or "pyod" in installed]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    offered = ", ".join([*tables, *CURVED_AND_CLUMPED, "mnist"])
    parser.add_argument("tables", nargs="*", metavar="table", help=offered)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=methods)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    add_argument(parser)
    options = parser.parse_args(arguments)
    mnist = load_mnist(options.mnist) if "mnist" in options.tables else None
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    print("| data | " + " | ".join(options.methods) + " | seconds |")
    print("| --- " * (2 + len(options.methods)) + "|")
    rows = []
    for name in options.tables or tables:
        found = np.array(
            [
                [measure(m, name, seed, mnist, dict(options.set)) for seed in options.seeds]
                for m in options.methods
            ]
        ).mean(axis=1)
        rows.append(found[:, 0])
        cells = [f"{area:.3f}" for area in found[:, 0]]
        times = "/".join(f"{seconds:.0f}" for seconds in found[:, 1])
        print(f"| {name} | " + " | ".join(cells) + f" | {times} |", flush=True)
    print("| mean | " + " | ".join(f"{area:.3f}" for area in np.mean(rows, axis=0)) + " | |")


if __name__ == "__main__":
    sys.exit(main())
