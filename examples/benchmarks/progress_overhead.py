"""What does it cost to show progress? Ratios of the time of a fit.

python examples/benchmarks/progress_overhead.py --mnist PATH

The network of recipe R2 on MNIST. Fits without progress and with each kind of it take turns; the
ratios are medians over the turns. Machines are noisier than a bar is dear, so its own time is
measured as well.
"""

import argparse
import contextlib
import io
import sys
import time
from types import SimpleNamespace

import numpy as np
import torch
from _mnist import add_argument, load_mnist

from skae import AutoencoderTransformer
from skae._training.listeners import HAS_CALLBACKS, Bar


class Terminal(io.StringIO):
    """What a bar takes for a terminal."""

    def isatty(self):
        """Yes."""
        return True


def seconds(X, epochs, *, verbose=0, callbacks=()):
    """The time of one fit."""
    model = AutoencoderTransformer(
        10,
        hidden_layer_sizes=(512, 128),
        activation="elu",
        batch_size=1024,
        max_iter=epochs,
        init="random",
        verbose=verbose,
        random_state=0,
    )
    if callbacks:
        model.set_callbacks(*callbacks)
    with contextlib.redirect_stderr(Terminal()), contextlib.redirect_stdout(Terminal()):
        start = time.perf_counter()
        model.fit(X)
        return time.perf_counter() - start


def bar_seconds(n_epochs=1000):
    """The time that the bar alone takes for an epoch."""
    net = SimpleNamespace(history=[], epochs_before_=0)
    with contextlib.redirect_stderr(Terminal()):
        bar, start = Bar("fit", n_epochs), time.perf_counter()
        for _ in range(n_epochs):
            net.history.append({"train_loss": 0.5, "valid_loss": 0.5})
            bar.epoch_begins(net)
            bar.epoch_ends(net)
        seconds = time.perf_counter() - start
        bar.close()
    return seconds / n_epochs


def main(arguments=None):
    """Measure each kind of progress and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    add_argument(parser)
    options = parser.parse_args(arguments)
    X = load_mnist(options.mnist)[0][: options.rows]
    kinds = {"none": dict, "none, again": dict, "verbose=1, a bar": lambda: {"verbose": 1}}
    if HAS_CALLBACKS:
        from sklearn.callback import ProgressBar

        kinds["ProgressBar of scikit-learn"] = lambda: {"callbacks": [ProgressBar()]}
    seconds(X, 1)  # what the first fit of a process loads is not counted
    turns = [
        [seconds(X, options.epochs, **kind()) for kind in kinds.values()]
        for _ in range(options.repeats)
    ]
    found = np.array(turns)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| progress | time of the fit / without |\n| --- | --- |")
    for name, ratio in zip(kinds, np.median(found / found[:, :1], axis=0), strict=True):
        print(f"| {name} | {ratio:.4f} |")
    share = bar_seconds() / (np.median(found[:, 0]) / options.epochs)
    print(f"\nThe bar alone: {1e6 * bar_seconds():.0f} us an epoch, {share:.1e} of it.")


if __name__ == "__main__":
    sys.exit(main())
