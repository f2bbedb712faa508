"""Filling in values that were not observed, on real data: skae beside scikit-learn's imputers.

python examples/benchmarks/imputation.py
python examples/benchmarks/imputation.py wine digits --share 0.4 --seeds 0

A share of the values of five tables that scikit-learn ships is hidden at random. The error is the
root mean squared one of the hidden values, in standard deviations of their columns.
"""

import argparse
import platform
import sys
import warnings

import numpy as np
import torch
from _settings import setting
from sklearn import datasets
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from skae import AutoencoderTransformer, DenoisingAutoencoder, VAETransformer

TABLES = ("breast_cancer", "diabetes", "digits", "iris", "wine")


def _width(X):
    return max(1, min(10, X.shape[1] // 2))


def autoencoder(X, seed, **settings):
    """The default, as wide as half of the features."""
    return AutoencoderTransformer(_width(X), allow_nan=True, random_state=seed, **settings)


def denoising(X, seed, **settings):
    """The same, which hides further values from itself."""
    noise = {"noise": "masking", "noise_level": 0.2}
    return DenoisingAutoencoder(
        _width(X), allow_nan=True, random_state=seed, **{**noise, **settings}
    )


def variational(X, seed, **settings):
    """A likelihood."""
    return VAETransformer(_width(X), allow_nan=True, random_state=seed, **settings)


class FactorsAlone:
    """What the encoder is given, which is a part of what `impute` gives."""

    def __init__(self, X, seed):
        self.model = AutoencoderTransformer(1, allow_nan=True, random_state=seed, max_iter=1)

    def fit_transform(self, X):
        """Fill in."""
        model = self.model.fit(X)
        rows = model.scaling_(torch.from_numpy(X).float())
        return model.scaling_.inverse(model.module_.fill(rows)).numpy()


METHODS = {
    "mean": lambda X, seed: SimpleImputer(keep_empty_features=True),
    "KNNImputer": lambda X, seed: KNNImputer(keep_empty_features=True),
    "IterativeImputer": lambda X, seed: IterativeImputer(
        random_state=seed, keep_empty_features=True
    ),
    "factors alone": FactorsAlone,
    "AutoencoderTransformer": autoencoder,
    "DenoisingAutoencoder": denoising,
    "VAETransformer": variational,
}
BASELINES = ("mean", "KNNImputer", "IterativeImputer", "factors alone")


def measure(name, X, share, seed, settings):
    """The error of one method with a share of the values hidden."""
    rng = np.random.default_rng(seed)
    hidden = rng.uniform(size=X.shape) < share
    holes = np.where(hidden, np.nan, X)
    with warnings.catch_warnings(action="ignore"):
        deviation = np.nanstd(holes, axis=0)
        deviation = np.where(deviation > 0, deviation, 1.0)
        scaled = (holes - np.nanmean(holes, axis=0)) / deviation
        scaled[:, np.isnan(scaled).all(axis=0)] = 0
        if name in BASELINES:
            filled = METHODS[name](scaled, seed).fit_transform(scaled)
        else:
            filled = METHODS[name](scaled, seed, **settings).fit(scaled).impute(scaled)
    truth = (X - np.nanmean(holes, axis=0)) / deviation
    vary = X.std(axis=0) > 0
    return np.sqrt(np.mean((filled - truth)[:, vary][hidden[:, vary]] ** 2))


def main(arguments=None):
    """Measure all methods and print a row for each table, and the mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="table", help=", ".join(TABLES))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # small tables
    print(f"torch {torch.__version__}, {platform.machine()}, share hidden: {options.share}\n")
    print("| table | " + " | ".join(options.methods) + " |")
    print("| --- " * (1 + len(options.methods)) + "|")
    rows = []
    for table in options.tables or TABLES:
        X = getattr(datasets, f"load_{table}")().data
        settings = dict(options.set)
        rows.append(
            [
                np.mean([measure(name, X, options.share, s, settings) for s in options.seeds])
                for name in options.methods
            ]
        )
        print(f"| {table} | " + " | ".join(f"{error:.3f}" for error in rows[-1]) + " |", flush=True)
    print("| mean | " + " | ".join(f"{error:.3f}" for error in np.mean(rows, axis=0)) + " |")


if __name__ == "__main__":
    sys.exit(main())
