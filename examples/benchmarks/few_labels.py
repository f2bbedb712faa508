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
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from _mnist import add_argument, load_mnist
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from skae import LadderClassifier


@dataclass(frozen=True)
class Method:
    """A classifier, its epochs (None: it has none), and what it may see (None: all rows)."""

    make: Callable
    epochs: int | None = None
    rows: int | None = None


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


def _logistic(*_, **__):
    return LogisticRegression(max_iter=1000)


METHODS = {
    "logistic": Method(_logistic),
    "self-training": Method(lambda *_, **__: SelfTrainingClassifier(_logistic())),
    # Its graph of all 60 000 rows takes a quarter of an hour and 15 GB.
    "label-spreading": Method(
        lambda *_, **__: LabelSpreading(kernel="knn", n_neighbors=10), rows=20_000
    ),
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


def epochs_within(minutes, model, X, y):
    """How many epochs of a model these minutes allow: two are timed, of which one warms up."""
    start = time.perf_counter()
    clone(model).set_params(max_iter=1).fit(X, y)
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
        model.set_params(random_state=seed, max_iter=settings.get("max_iter", method.epochs))
        if minutes is not None:
            model.set_params(max_iter=epochs_within(minutes, model, X_train, y))
    start = time.perf_counter()
    model.fit(X_train, y)
    seconds = time.perf_counter() - start
    return 100 * (1 - model.score(X_test, y_test)), seconds, getattr(model, "n_iter_", None)
