"""How long does the default autoencoder take, and what would longer training bring?

python examples/benchmarks/default_fit.py          # the digits and MNIST, ten minutes
python examples/benchmarks/default_fit.py digits   # some seconds

"Longer" has three times as many epochs, in batches twice as large so that it ends the same day, and
never stops early.
"""

import argparse
import platform
import sys
import time

import numpy as np
import torch
from _mnist import add_argument, load_mnist
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.metrics import reconstruction_error


def digits(_):
    """A quarter of the digits is held out."""
    return train_test_split(load_digits().data.astype(np.float32), random_state=0)


def mnist(path):
    """The usual test rows."""
    X_train, _, X_test, _ = load_mnist(path)
    return X_train, X_test


DATA = {"digits": digits, "mnist": mnist}


def main(arguments=None):
    """Fit each data set twice and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *DATA], help="default both")
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=50)
    add_argument(parser)
    options = parser.parse_args(arguments)
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    print("| data | training | epochs | test error | seconds |\n| --- | --- | --- | --- | --- |")
    for name in options.names or DATA:
        X_train, X_test = DATA[name](options.mnist)
        default = AutoencoderTransformer(
            options.components, max_iter=options.epochs, random_state=0
        )
        batch_size = 2 * int(np.clip(0.9 * len(X_train) // 25, 16, 128))
        longer = {"max_iter": 3 * options.epochs, "batch_size": batch_size}
        for label, settings in (
            ("default", {}),
            ("longer", {**longer, "n_iter_no_change": np.inf}),
        ):
            model = default.set_params(**settings)
            start = time.perf_counter()
            model.fit(X_train)
            seconds = time.perf_counter() - start
            error = reconstruction_error(model, X_test)
            print(
                f"| {name} | {label} | {model.n_iter_} | {error:.5f} | {seconds:.0f} |", flush=True
            )


if __name__ == "__main__":
    sys.exit(main())
