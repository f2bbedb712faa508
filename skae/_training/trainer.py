"""Who trains: the settings of a training, its starts, and what is kept of them."""

import math
import warnings
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skae._training.build import make_net
from skae._training.checkpoint import Checkpoint
from skae._training.device import RandomStream, forked_seed
from skae._training.listeners import Bar, FitTask, Lines, can_show_bar
from skae._training.state import normalizes_batches, take_record
from skae._training.training import Race, Training

# What "auto" makes of `max_iter`: the epochs of small tables; about so many steps of larger ones,
# after which more rows teach no more than the same ones again; but at least so many epochs, since
# the tallest tables gain by each.
EPOCHS, WORTH_STEPS, MIN_EPOCHS = 50, 15_000, 6
# Where there are several starts, each is given so many epochs, and those go on that are not worse
# than the best by more than this share of its loss on held-out rows. On the tables of pca_floor.py
# it saves a quarter of the epochs; what is ahead after fewer is often not so in the end. Of few
# rows neither the steps nor what is held out say so much yet: there the second margin costs 4 % of
# the time, and mends 4 of 26 fits in 158 that end more than 0.005 below the random start alone.
TRIAL_EPOCHS, TRIAL_MARGIN = 8, 0.05
FEW_ROWS, MARGIN_OF_FEW = 500, 0.15


def batch_rows(n_rows, batch_size):
    """Rows in a batch."""
    return int(np.clip(n_rows // 25, 16, 128)) if batch_size == "auto" else batch_size


def epochs_worth(n_rows, batch_size):
    """Epochs that so many rows are worth."""
    n_steps = max(1, n_rows / batch_rows(n_rows, batch_size))
    return int(np.clip(round(WORTH_STEPS / n_steps), MIN_EPOCHS, EPOCHS))


@dataclass(frozen=True)
class Trainer:
    """One fit: how to train, with what random numbers, and who hears of it.

    Parameters
    ----------
    random_state : RandomState
        Seeds each net and each training, in this order.
    device : torch.device
    batch_size : int or "auto"
    lr, learning_rate, precision, max_epochs, patience, tol
        See `train`.
    callbacks, net_params
        See `make_net`.
    title : str or None
        What to call the training where progress is shown; None shows none.
    task : FitTask or None
    checkpoint : Checkpoint or None
    """

    random_state: np.random.RandomState
    device: torch.device
    batch_size: int | str
    lr: float
    learning_rate: str
    max_epochs: int
    precision: str = "float32"
    patience: float | None = None
    tol: float = 0.0
    callbacks: list | None = None
    net_params: dict | None = None
    title: str | None = None
    task: FitTask | None = None
    checkpoint: Checkpoint | None = None

    def seeded(self):
        """Seed torch from `random_state` and give the caller's random state back at the end."""
        return forked_seed(self.device, self._seed())

    def _seed(self):
        return int(self.random_state.randint(np.iinfo(np.int32).max))

    def n_batch_rows(self, rows):
        """Rows in a batch."""
        return batch_rows(len(rows), self.batch_size)

    def net(self, module, objective, *, start=None, batch_size, n_labelled=None):
        """A net to train.

        Parameters
        ----------
        module : nn.Module
        objective : callable
        start : str or None
            How the module starts, to be remembered.
        batch_size : int
        n_labelled : int or None
            Labelled rows that are added to each batch: see `BatchIterator`.
        """
        of_batches = {} if n_labelled is None else _of_batches(n_labelled)
        # Such a layer knows nothing of weights.
        if normalizes_batches(module) and "iterator_train" not in (self.net_params or {}):
            of_batches["iterator_train__by_weight"] = True
        net = make_net(
            module,
            objective,
            lr=self.lr,
            batch_size=batch_size,
            device=str(self.device),
            callbacks=self.callbacks,
            **of_batches,
            net_params=self.net_params,
        )
        net.start_, net.n_labelled_ = start, n_labelled
        return net

    def go_on(self, net, n_labelled):
        """Tell a net that is trained again how many labelled rows its batches have now."""
        if n_labelled is not None:
            net.n_labelled_ = n_labelled
            given = self.net_params or {}
            settings = _of_batches(n_labelled).items()
            vars(net).update({name: given.get(name, value) for name, value in settings})

    def train(self, net, rows, rows_val=None, floor=None):
        """Train a net; returns the mean terms of what is kept: see `Training`."""
        training = self._training(net, rows, rows_val, floor)
        training.go_on()
        return training.end()

    def _training(self, net, rows, rows_val=None, floor=None, seeded=None):
        listeners = [] if self.task is None else [self.task]
        if self.title is not None:
            listeners.append((Bar if can_show_bar() else Lines)(self.title, self.max_epochs))
        return Training(
            net,
            rows,
            lr=self.lr,
            learning_rate=self.learning_rate,
            max_epochs=self.max_epochs,
            precision=self.precision,
            rows_val=rows_val,
            patience=self.patience,
            tol=self.tol,
            floor=floor,
            listeners=listeners,
            checkpoint=self.checkpoint,
            seeded=seeded,
        )

    def train_part(self, module, objective, rows, *, max_epochs, learning_rate, heard=True):
        """Train a part of a model, such as a layer, for itself; returns its losses.

        Unless it is `heard`, nobody is told of its epochs.
        An interruption is passed on: parts that have learned nothing are no model.
        """
        changes = {"max_epochs": max_epochs, "learning_rate": learning_rate}
        if not heard:
            changes |= {"task": None, "title": None}
        trainer = replace(self, **changes, patience=None, callbacks=None)
        net = trainer.net(module, objective, batch_size=self.n_batch_rows(rows))
        net.is_part_ = True
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            trainer.train(net, rows)
        if net.interrupted_:
            raise KeyboardInterrupt("Interrupted before all layers were trained.")
        return [row["train_loss"] for row in net.history]

    def train_alone(self, net, rows, n_epochs):
        """Train a net of which only the end is wanted, and nobody else hears.

        An interruption is passed on.
        """
        changes = {"max_epochs": n_epochs, "patience": None, "title": None}
        trainer = replace(self, **changes, callbacks=None, task=None, checkpoint=None)
        seeded = RandomStream(self.device, self._seed())
        training = trainer._training(net, rows, seeded=seeded)
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            training.go_on()
            training.end()
        if net.interrupted_:
            raise KeyboardInterrupt("Interrupted before all trainings were over.")

    def best_of(self, makers, rows, rows_val=None, floor=None):
        """Train what each of `makers` makes and keep the best.

        Parameters
        ----------
        makers : list of functions
            Each gives a net.
        rows, rows_val : Rows
        floor : ObjectiveNet or None
            A net that is not trained, and is kept where none is surely better.

        Returns
        -------
        Outcome
        """

        def begin(make):
            net = make()
            seeded = RandomStream(self.device, self._seed())
            return self._training(net, rows, rows_val, floor, seeded)

        race = Race([partial(begin, make) for make in makers], self.task)
        # In a checkpoint one training follows the other; what is kept is the same.
        race.begin(TRIAL_EPOCHS if len(makers) > 1 and self.checkpoint is None else math.inf)
        margin = MARGIN_OF_FEW if len(rows) <= FEW_ROWS else TRIAL_MARGIN
        race.drop_those_behind(TRIAL_EPOCHS, margin)
        race.go_on()
        best = race.outcome()
        if floor is not None and best.net.best_epoch_ == 0:
            best = replace(best, net=take_record(floor, best.net))
        return best


def _of_batches(n_labelled):
    """The settings of a net whose batches have so many labelled rows: see `BatchIterator`."""
    return {f"iterator_{part}__n_labelled": n_labelled for part in ("train", "valid")}
