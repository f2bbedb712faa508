"""Who trains: the settings of a training, its starts, and what is kept of them."""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import LRScheduler
from skorch.helper import predefined_split

from skae._rows.checks import warn_user
from skae._training.best import KeepBest
from skae._training.build import make_net
from skae._training.checkpoint import Checkpoint, Keep
from skae._training.device import forked_seed
from skae._training.listeners import Bar, FitTask, Lines, Tell, can_show_bar
from skae._training.net import ObjectiveNet, TrainingDiverged
from skae._training.processes import SharedNet
from skae._training.state import normalizes_batches, plain_module, take_record
from skae._training.threads import threads_for, work_of


@dataclass(frozen=True)
class Outcome:
    """What a training, or the best of several, has come to."""

    net: ObjectiveNet
    terms: dict
    interrupted: bool


@dataclass(frozen=True)
class Trainer:
    """One fit: how to train, with what random numbers, and who hears of it.

    Parameters
    ----------
    random_state : RandomState
        Seeds each net and each training, in this order.
    device : torch.device
    batch_size : int or "auto"
    lr, learning_rate, max_epochs, patience, tol
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
    patience: float | None = None
    tol: float = 0.0
    callbacks: list | None = None
    net_params: dict | None = None
    title: str | None = None
    task: FitTask | None = None
    checkpoint: Checkpoint | None = None

    def seeded(self):
        """Seed torch from `random_state` and give the caller's random state back at the end."""
        return forked_seed(self.device, int(self.random_state.randint(np.iinfo(np.int32).max)))

    def n_batch_rows(self, rows):
        """Rows in a batch."""
        if self.batch_size == "auto":
            return int(np.clip(len(rows) // 25, 16, 128))
        return self.batch_size

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
        """Train a net; returns the mean terms of what is kept: see `train`."""
        listeners = [] if self.task is None else [self.task]
        if self.title is not None:
            listeners.append((Bar if can_show_bar() else Lines)(self.title, self.max_epochs))
        return train(
            net,
            rows,
            lr=self.lr,
            learning_rate=self.learning_rate,
            max_epochs=self.max_epochs,
            rows_val=rows_val,
            patience=self.patience,
            tol=self.tol,
            floor=floor,
            listeners=listeners,
            checkpoint=self.checkpoint,
        )

    def train_part(self, module, objective, rows, *, max_epochs, learning_rate):
        """Train a part of a model, such as a layer, for itself; returns its losses.

        An interruption is passed on: parts that have learned nothing are no model.
        """
        changes = {"max_epochs": max_epochs, "learning_rate": learning_rate}
        trainer = replace(self, **changes, patience=None, callbacks=None)
        net = trainer.net(module, objective, batch_size=self.n_batch_rows(rows))
        net.is_part_ = True
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            trainer.train(net, rows)
        if net.interrupted_:
            raise KeyboardInterrupt("Interrupted before all layers were trained.")
        return [row["train_loss"] for row in net.history]

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
        best = failure = None
        for make in makers:
            try:
                net = make()
                with self.seeded():
                    terms = self.train(net, rows, rows_val, floor)
            except TrainingDiverged as error:
                failure = error
                continue
            except KeyboardInterrupt:
                if best is None:
                    raise
                warn_user(
                    "Training was interrupted in the second start; the model is the first's.",
                    ConvergenceWarning,
                )
                best = replace(best, interrupted=True)
                break
            if best is None or not terms["loss"] >= best.terms["loss"]:  # of NaN and a number, this
                best = Outcome(net, terms, net.interrupted_)
            best = replace(best, interrupted=net.interrupted_)
            if net.interrupted_ or (self.task is not None and self.task.wants_end):
                break
        if best is None:
            raise failure
        if floor is not None and best.net.best_epoch_ == 0:
            best = replace(best, net=take_record(floor, best.net))
        return best


def _of_batches(n_labelled):
    """The settings of a net whose batches have so many labelled rows: see `BatchIterator`."""
    return {f"iterator_{part}__n_labelled": n_labelled for part in ("train", "valid")}


def _check_schedule(net):
    if net.learning_rate == "annealed" and any(
        isinstance(callback, LRScheduler) for _, callback in net.callbacks_
    ):
        raise ValueError(
            "callbacks has an LRScheduler, which would fight with learning_rate='annealed'. Set "
            "learning_rate='constant' and leave the course to the callback."
        )


def train(
    net,
    rows,
    *,
    lr,
    learning_rate,
    max_epochs,
    rows_val=None,
    patience=None,
    tol=0.0,
    floor=None,
    listeners=(),
    checkpoint=None,
):
    """Train an initialized net on `rows` for at most `max_epochs`.

    Parameters
    ----------
    net : ObjectiveNet
    rows, rows_val : Rows
        What to learn from, and what to validate on or None.
    lr : float
        The learning rate, or its peak.
    learning_rate : {"constant", "annealed"}
    max_epochs : int
    patience : int or None
        If given, the best epoch on `rows_val` is kept and training stops after this many epochs
        without progress.
    tol : float
        What counts as progress, relative to the best loss.
    floor : ObjectiveNet or None
        What an epoch must surely be better than on `rows_val` to be kept. If none is, the terms are
        those of the floor, and it is for the caller to take it.
    listeners : list
        Who hears of each epoch: see `Tell`.
    checkpoint : Checkpoint or None
        Where the state is kept after each epoch, and read if there is one.

    Returns
    -------
    terms : dict
        The mean terms of the kept model, on `rows_val` if there are any.
    """
    net.lr, net.max_epochs, net.learning_rate = lr, max_epochs, learning_rate
    _check_schedule(net)
    keep_best = None if patience is None or rows_val is None else KeepBest(patience, tol, floor)
    # First, so that it sees an epoch after which a callback of the user's ends training.
    first = [] if keep_best is None else [("keep_best", keep_best)]
    last = [("tell", Tell(listeners))] if listeners else []
    n_epochs = max_epochs
    if checkpoint is not None:
        last.append(("keep", Keep(checkpoint, keep_best)))
        n_epochs = _epochs_left(net, checkpoint, max_epochs)
    users = net.callbacks_
    try:
        net.callbacks_ = [*first, *users, *last]
        net.train_split = None if rows_val is None else predefined_split(rows_val)
        work = partial(work_of, plain_module(net), net.batch_size)
        with _single_rows_explained(), threads_for(work):
            net.partial_fit(rows, epochs=n_epochs)
    finally:
        net.callbacks_, net.train_split, net.row_losses_ = users, None, None
        net.forget_step()
        for listener in listeners:
            listener.close()
    if net.last_terms_ is None:  # skorch ends training quietly on an interruption
        raise KeyboardInterrupt("Interrupted before the first epoch ended.")
    if net.interrupted_:
        warn_user(
            f"Training was interrupted in epoch {len(net.history)}; the model is that of "
            f"{'the best epoch so far' if keep_best else 'the last step'}.",
            ConvergenceWarning,
        )
    return (keep_best and keep_best.best_terms_) or net.last_terms_


def _epochs_left(net, checkpoint, max_epochs):
    """How many epochs of the next training the checkpoint does not know."""
    if isinstance(net, SharedNet):
        raise ValueError(
            "checkpoint is for training in one process, but net_params has an accelerator of "
            "several. Leave one of them out."
        )
    n_done, stopped = checkpoint.next_training()
    return 0 if stopped else max_epochs - n_done


@contextmanager
def _single_rows_explained():
    """Say in the words of this package what batch normalization can not take."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            "A batch normalization was given a single row, which has no spread. Let batch_size be "
            "2 or more, give two labelled rows or more, or normalize by LayerNorm in the "
            "architecture."
        ) from error
