"""How well do the classifiers do on MNIST with few labels?

python examples/benchmarks/few_labels.py                                   # baselines
python examples/benchmarks/few_labels.py --method ladder --labels 100 --seeds 0 1 2
python examples/benchmarks/few_labels.py --method ladder --minutes 5       # a small budget

All 60 000 training rows, pixels in any order (no method knows where a pixel lies); the labels are
drawn at random, as many of each class, and the seed draws them as well as the start. The error is
that of the 10 000 test rows. With `--minutes` the number of epochs is what the time allows, by the
time that one takes; the others are as in the papers.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from _mnist import add_argument, load_mnist
from _settings import setting
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from skae import AutoencoderClassifier, LadderClassifier, VAETransformer


@dataclass(frozen=True)
class Method:
    """A classifier, its epochs (None: it has none), and how many rows it may see (None: all)."""

    make: Callable
    epochs: int | None = None
    rows: int | None = None
    # Where its `max_iter` and `random_state` are.
    prefix: str = ""


def ladder(n_labels, **settings):
    """The network, noise and costs of Rasmus et al. 2015, section 4.1, in skae's units.

    They have pixels in [0, 1], whose root mean variance is 0.26; here that is 1.
    """
    unit = 0.2594
    first, second = (1000, 10) if n_labels < 1000 else (2000, 20)
    return LadderClassifier(
        hidden_layer_sizes=(1000, 500, 250, 250, 250),
        noise_level=(0.3 / unit,) + (0.3,) * 6,
        denoising_cost=(first * unit**2, second, *[0.1] * 5),
        learning_rate_init=0.002,
        **{"batch_size": 250, "labelled_batch_size": 100, **settings},
    )


def m1(n_labels, **settings):
    """The widths of Kingma et al. 2014, section 4.1, and an SVC with scikit-learn's defaults."""
    transformer = VAETransformer(
        50,
        hidden_layer_sizes=(600, 600),
        activation="softplus",
        likelihood="bernoulli",
        early_stopping=False,
        **{"learning_rate_init": 0.001, **settings},
    )
    return AutoencoderClassifier(transformer, SVC(C=10))


def _logistic(*_, **__):
    return LogisticRegression(max_iter=1000)


METHODS = {
    "logistic": Method(_logistic),
    "self-training": Method(lambda *_, **__: SelfTrainingClassifier(_logistic())),
    # Its graph of all 60 000 rows takes a quarter of an hour and 15 GB.
    "label-spreading": Method(
        lambda *_, **__: LabelSpreading(kernel="knn", n_neighbors=10), rows=20_000
    ),
    "m1": Method(m1, epochs=50, prefix="transformer__"),
    "ladder": Method(ladder, epochs=150),
}


def hide_labels(y, n_labels, seed):
    """Labels of `n_labels` rows, as many of each class; -1 for the others."""
    rng, hidden = np.random.default_rng(seed), np.full(len(y), -1)
    classes = np.unique(y)
    for label in classes:
        known = rng.permutation(np.flatnonzero(y == label))[: n_labels // len(classes)]
        hidden[known] = label
    return hidden


def epochs_within(minutes, model, name, X, y):
    """How many epochs of a model these minutes allow: one is timed."""
    start = time.perf_counter()
    clone(model).set_params(**{name: 1}).fit(X, y)
    return max(1, int(60 * minutes / (time.perf_counter() - start)))


def measure(method, n_labels, seed, data, settings, minutes):
    """The test error in percent, the seconds of `fit` and the epochs."""
    X_train, y_train, X_test, y_test = data
    y = hide_labels(y_train, n_labels, seed)
    if method.rows is not None:  # the labelled rows and as many others as there is room for
        order = np.argsort(y < 0, kind="stable")[: method.rows]
        X_train, y = X_train[order], y[order]
    model = method.make(n_labels, **settings)
    if method.epochs is None:
        if isinstance(model, LogisticRegression):
            X_train, y = X_train[y >= 0], y[y >= 0]
    else:
        name = method.prefix + "max_iter"
        model.set_params(**{method.prefix + "random_state": seed})
        if "max_iter" not in settings:
            model.set_params(**{name: method.epochs})
        if minutes is not None:
            model.set_params(**{name: epochs_within(minutes, model, name, X_train, y)})
    start = time.perf_counter()
    model.fit(X_train, y)
    seconds = time.perf_counter() - start
    return 100 * (1 - model.score(X_test, y_test)), seconds, _epochs(model)


def _epochs(model):
    return getattr(getattr(model, "transformer_", model), "n_iter_", "")


def main(arguments=None):
    """Measure the methods asked for and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--method", nargs="+", choices=METHODS, default=["logistic", "self-training"]
    )
    parser.add_argument("--labels", type=int, nargs="+", default=[100])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, help="what one fit may take")
    parser.add_argument("--rows", type=int, help="of those without a label, at most")
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    add_argument(parser)
    options = parser.parse_args(arguments)
    data = load_mnist(options.mnist)
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    print("| method | labels | test error, % | spread | of each seed | epochs | seconds of a fit |")
    print("| --- " * 7 + "|")
    for name in options.method:
        method = METHODS[name]
        if options.rows is not None:
            method = replace(method, rows=min(options.rows, method.rows or options.rows))
        for n_labels in options.labels:
            found = [
                measure(method, n_labels, seed, data, dict(options.set), options.minutes)
                for seed in options.seeds
            ]
            errors, seconds, epochs = zip(*found, strict=True)
            each = ", ".join(f"{error:.2f}" for error in errors)
            print(
                f"| {name} | {n_labels} | {np.mean(errors):.2f} | {np.std(errors):.2f} | {each} | "
                f"{epochs[0]} | {np.mean(seconds):.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
