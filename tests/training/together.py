"""What each of the processes does that train together, for `test_processes.py`.

torchrun --nproc-per-node 2 tests/training/together.py FOLDER
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.callbacks import Callback

from skae import AdversarialAutoencoder, AutoencoderTransformer, LadderClassifier, VAETransformer


def small(**params):
    settings = {"hidden_layer_sizes": (16,), "max_iter": 3, "init": "random", "random_state": 0}
    return AutoencoderTransformer(4, **{**settings, **params})


class Count(Callback):
    """Count the rows that this process learns from; note the random numbers that come next."""

    def on_train_begin(self, net, **kwargs):
        self.n_rows, self.next = 0, []

    def on_batch_end(self, net, batch, training, **kwargs):
        self.n_rows += training * len(batch[0])

    def on_epoch_end(self, net, **kwargs):
        with torch.random.fork_rng():
            self.next.append(torch.rand(1).item())


class StopInOne(Callback):
    """Ask for the end after two epochs, if this is the second process."""

    def on_epoch_end(self, net, **kwargs):
        net.stops_ = net.accelerator.process_index == 1 and len(net.history) == 2


def weights(model):
    return {name: value.clone() for name, value in model.module_.state_dict().items()}


# Batches of 13 and 14 rows, which two processes can not halve.
SHARED = {"batch_size": 14, "max_iter": 5, "warm_start": True}
WEIGHT = np.linspace(0.2, 1.8, 400)


def train_together(folder):
    """What each of the processes does."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    which = accelerator.process_index
    together = {"net_params": {"accelerator": accelerator}}
    X, y = load_digits(return_X_y=True)
    X, y, found = X[:400], np.where(np.arange(400) % 4, -1, y[:400]), {}

    model = clone(small(**SHARED, **together)).fit(X, sample_weight=WEIGHT)
    found["weights"] = [weights(model)]
    found["curves"] = [model.loss_curve_, model.validation_scores_]
    model.fit(X, sample_weight=WEIGHT)
    found["weights"].append(weights(model))
    joblib.dump(model, folder / f"model{which}.joblib")
    model.net_.save_params(f_params=folder / f"params{which}.pt")

    counts = Count(), Count()
    others = [
        VAETransformer(2, hidden_layer_sizes=(8,), max_iter=2, callbacks=[counts[0]], **together),
        AdversarialAutoencoder(2, hidden_layer_sizes=(8,), max_iter=2, **together),
        LadderClassifier(hidden_layer_sizes=(8,), max_iter=2, **together),  # with running means
        # From different starts.
        small(early_stopping=False, random_state=None, callbacks=[counts[1]], **together),
    ]
    for other in others:
        if "random_state" in other.get_params() and other is not others[-1]:
            other.set_params(random_state=0)
        found["weights"].append(weights(other.fit(X, y)))
    found["next"], found["n_rows"] = counts[0].next, counts[1].n_rows
    found["n_iter"] = small(max_iter=9, callbacks=[StopInOne()], **together).fit(X).n_iter_
    for name, rows, settings in (
        ("own rows", X[which::2], {}),
        ("own seed", X, {"random_state": which}),
        ("few rows", X, {"batch_size": 1}),
    ):
        try:
            small(**{**settings, **together}).fit(rows)
        except ValueError as error:
            found[name] = str(error)
    torch.save(found, folder / f"found{which}.pt")
    accelerator.end_training()


if __name__ == "__main__":
    train_together(Path(sys.argv[1]))
