"""Small nets, the rows that they train on, and who watches them."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn

from skae._rows.batches import Rows
from skae._rows.scaling import Scaling
from skae._training.build import make_net
from skae.modules import Autoencoder
from skae.objectives import Reconstruction

CPU = torch.device("cpu")
X = np.random.default_rng(0).normal(size=(50, 6))


def rows(X=X, **params):
    return Rows(X, Scaling(np.zeros(X.shape[1]), 1.0), **params)


def make_model(seed=0):
    torch.manual_seed(seed)
    return Autoencoder(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)), nn.Linear(2, 6))


def net_of(model, **params):
    settings = {"lr": 0.01, "batch_size": 8, "device": "cpu", **params}
    return make_net(model, Reconstruction(), **settings)


class Watch(Callback):
    """Note what the net tells its callbacks."""

    def __init__(self):
        self.rates, self.batches = [], []

    def on_batch_end(self, net, batch, training, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])
            self.batches.append(len(batch[0]))


def accelerator(**params):
    settings = {"mixed_precision": "no", "gradient_accumulation_steps": 1, "num_processes": 1}
    return SimpleNamespace(**{**settings, "device": CPU, **params})


@dataclass(frozen=True)
class Scripted(Reconstruction):
    """Held-out losses that are given, one after the other; each one number or one for each row."""

    losses: list = field(default_factory=list)

    def __call__(self, module, x, y=None):
        terms = super().__call__(module, x, y)
        if module.training:
            return terms
        return {"reconstruction": torch.tensor(self.losses.pop(0)).expand(len(x))}


class Interrupt(Callback):
    """Press Ctrl-C in an epoch."""

    def __init__(self, epoch, when):
        self.epoch, self.when = epoch, when

    def press(self, net, when):
        if when == self.when and len(net.history) == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_begin(self, net, **kwargs):
        self.press(net, "begin")

    def on_batch_end(self, net, **kwargs):
        self.press(net, "batch")

    def on_epoch_end(self, net, **kwargs):
        self.press(net, "end")


class Listener:
    """Hear of epochs, and ask for the end after some."""

    def __init__(self, n_epochs=99):
        self.n_epochs, self.heard = n_epochs, []

    def epoch_begins(self, net):
        self.heard.append(("begins", len(net.history)))

    def epoch_ends(self, net):
        self.heard.append(("ends", len(net.history)))
        return len(net.history) >= self.n_epochs

    def close(self):
        self.heard.append("closed")
