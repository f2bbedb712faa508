"""MNIST for the benchmarks: from a file, or fetched."""

import os

import numpy as np
from sklearn.datasets import fetch_openml


def add_argument(parser):
    """Let the user say where the file is."""
    parser.add_argument(
        "--mnist",
        default=os.environ.get("SKAE_MNIST"),
        help="an .npz file with X_train, y_train, X_test and y_test (default: $SKAE_MNIST); "
        "without one, MNIST is fetched from OpenML",
    )


def load_mnist(path=None):
    """Rows of 784 float32 pixels in [0, 1], 60 000 to train on and 10 000 to test on."""
    if path is None:
        X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
        X_train, X_test, y_train, y_test = X[:60_000], X[60_000:], y[:60_000], y[60_000:]
    else:
        with np.load(path) as data:
            X_train, y_train, X_test, y_test = (
                data[name] for name in ("X_train", "y_train", "X_test", "y_test")
            )
    X_train, X_test = (
        X.reshape(len(X), -1).astype(np.float32) / np.float32(255) for X in (X_train, X_test)
    )
    return X_train, y_train.astype(int), X_test, y_test.astype(int)
