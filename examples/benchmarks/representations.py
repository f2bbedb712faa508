"""How good are the codes of the autoencoders for a classifier? Test error on MNIST.

python examples/benchmarks/representations.py                        # all, one after the other
python examples/benchmarks/representations.py k-sparse --seeds 0 1 2
python examples/benchmarks/representations.py stacked --set max_iter=5

All 60 000 training rows with their labels, pixels in any order; the error is that of the 10 000
test rows. "codes" trains without labels and fits a logistic regression to the codes; "fine-tuned"
goes on with the labels.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from _mnist import add_argument, load_mnist
from _settings import setting
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.svm import SVC

from skae import (
    AutoencoderClassifier,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedDenoisingAutoencoder,
)

WIDE = {"early_stopping": False, "batch_size": 250}


@dataclass(frozen=True)
class Method:
    """What learns the codes, if anything does, what classifies them, and the paper's test error."""

    make: Callable | None
    settings: dict
    paper: str
    fine_tune: bool = False
    fine_tune_params: dict = field(default_factory=dict)
    classify: Callable = lambda: make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=300))


METHODS = {
    "pixels": Method(None, {}, "7.20 (Makhzani and Frey 2014)"),
    # The kernel is the usual one for pixels in [0, 1].
    "svc": Method(None, {}, "1.4 (LeCun et al. 1998)", classify=partial(SVC, C=5, gamma=0.05)),
    "denoising": Method(
        DenoisingAutoencoder,
        {
            "n_components": 1000,
            "hidden_layer_sizes": (),
            "init": "random",
            "noise": "masking",
            "noise_level": 0.25,
            **WIDE,
        },
        "1.95 (Makhzani and Frey 2014)",
    ),
    "k-sparse": Method(
        SparseAutoencoder,
        {
            "n_components": 1000,
            "penalty": "k",
            "n_nonzero_coefs": 25,
            "transform_n_nonzero_coefs": 75,
            **WIDE,
        },
        "1.35 (Makhzani and Frey 2014)",
    ),
    "contractive": Method(
        ContractiveAutoencoder,
        {"n_components": 1000, "alpha": 1.0, **WIDE},
        "1.14 (Rifai et al. 2011)",
        fine_tune=True,
    ),
    "stacked": Method(
        StackedDenoisingAutoencoder,
        {
            "n_components": 1000,
            "hidden_layer_sizes": (1000, 1000),
            "activation": "relu",
            "noise_level": 0.25,
            "layer_max_iter": 15,
            "max_iter": 1,
            **WIDE,
        },
        "1.28 (Vincent et al. 2010)",
        fine_tune=True,
    ),
}


def measure(method, seed, data, settings, tuning):
    """The test error in percent and the seconds of `fit`."""
    X_train, y_train, X_test, y_test = data
    model = method.classify()
    if method.make is not None:
        transformer = method.make(random_state=seed, **{**method.settings, **settings})
        model = AutoencoderClassifier(
            transformer,
            model,
            fine_tune=method.fine_tune,
            fine_tune_params={**method.fine_tune_params, **tuning} if method.fine_tune else None,
        )
    start = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    return 100 * np.mean(model.predict(X_test) != y_test), seconds


def main(arguments=None):
    """Measure the methods asked for and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", metavar="method", help=", ".join(METHODS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", type=int, help="training rows, at most")
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--tune", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--validation",
        action="store_true",
        help="the last 10 000 training rows take the place of the test rows",
    )
    add_argument(parser)
    options = parser.parse_args(arguments)
    unknown = set(options.methods) - set(METHODS)
    if unknown:
        parser.error(f"unknown methods {sorted(unknown)}; there are {', '.join(METHODS)}")
    X, y, X_test, y_test = load_mnist(options.mnist)
    if options.validation:
        X, y, X_test, y_test = X[:-10_000], y[:-10_000], X[-10_000:], y[-10_000:]
    data = X[: options.rows], y[: options.rows], X_test, y_test
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    print("| method | what | test error, % | spread | paper | seconds of a fit |")
    print("| --- " * 6 + "|")
    for name in options.methods or METHODS:
        method = METHODS[name]
        tuning = dict(options.tune)
        found = [measure(method, s, data, dict(options.set), tuning) for s in options.seeds]
        errors, seconds = zip(*found, strict=True)
        what = "fine-tuned" if method.fine_tune else "codes"
        print(
            f"| {name} | {what} | {np.mean(errors):.2f} | {np.std(errors):.2f} | {method.paper} | "
            f"{np.mean(seconds):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
