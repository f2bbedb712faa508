"""One training of a net, which can be paused; and several, of which the best is kept."""

import contextlib
import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from sklearn.exceptions import ConvergenceWarning
from skorch.helper import predefined_split

from skae._rows.checks import warn_user
from skae._training.best import KeepBest
from skae._training.callbacks import check_for_training
from skae._training.checkpoint import Keep
from skae._training.interrupts import ends_more
from skae._training.listeners import Tell
from skae._training.net import ObjectiveNet, TrainingDiverged
from skae._training.processes import SharedNet
from skae._training.state import plain_module
from skae._training.threads import threads_for, work_of


class Training:
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
    precision : {"float32", "bfloat16"}
        Of the products in layers.
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
    seeded : callable or None
        Gives a context in which torch's random numbers are those of this training.
    """

    def __init__(
        self,
        net,
        rows,
        *,
        lr,
        learning_rate,
        max_epochs,
        precision="float32",
        rows_val=None,
        patience=None,
        tol=0.0,
        floor=None,
        listeners=(),
        checkpoint=None,
        seeded=None,
    ):
        net.lr, net.max_epochs, net.learning_rate = lr, max_epochs, learning_rate
        net.precision = precision
        users = [callback for _, callback in net.callbacks_]
        check_for_training(users, learning_rate, rows_val is not None)
        self.net, self.rows, self.rows_val, self.listeners = net, rows, rows_val, listeners
        self.seeded = contextlib.nullcontext if seeded is None else seeded
        judged = patience is not None and rows_val is not None
        self.keep_best = KeepBest(patience, tol, floor) if judged else None
        # First, so that it sees an epoch after which a callback of the user's ends training.
        first = [("keep_best", self.keep_best)] if judged else []
        last = [("tell", Tell(listeners))] if listeners else []
        self.n_left, self.has_begun = max_epochs, False
        self.checkpoint = checkpoint
        if checkpoint is not None:
            last.append(("keep", Keep(checkpoint, self.keep_best)))
        self.callbacks = [*first, *net.callbacks_, *last]

    def go_on(self, n_epochs=math.inf):
        """Train for so many epochs, or as long as there are any left."""
        net = self.net
        if not self.has_begun and self.checkpoint is not None:
            self.n_left = _epochs_left(net, self.checkpoint, self.n_left)
        n_epochs = min(n_epochs, self.n_left)
        with self._listening():
            if not self.has_begun:
                net.notify("on_train_begin", X=self.rows, y=None)
                self.has_begun = True
            with _single_rows_explained():
                net.fit_loop(self.rows, epochs=n_epochs)
        if net.last_terms_ is None:
            self.give_up()
            raise KeyboardInterrupt("Interrupted before the first epoch ended.")
        self.n_left = 0 if net.stops_ or net.interrupted_ else self.n_left - n_epochs

    def end(self):
        """Keep what is the best of it; returns its mean terms, on `rows_val` if there are any."""
        net = self.net
        with self._listening():
            net.notify("on_train_end", X=self.rows, y=None)
        self.give_up()
        if net.interrupted_:
            warn_user(
                f"Training was interrupted in epoch {len(net.history)}; the model is that of "
                f"{'the best epoch so far' if self.keep_best else 'the last step'}.",
                ConvergenceWarning,
            )
        return (self.keep_best and self.keep_best.best_terms_) or net.last_terms_

    def give_up(self):
        """Leave the net as it is, and give back what only training needs."""
        self.net.forget_step()
        for listener in self.listeners:
            listener.close()

    @contextmanager
    def _listening(self):
        net, users = self.net, self.net.callbacks_
        work = partial(work_of, plain_module(net), net.batch_size)
        try:
            net.callbacks_ = self.callbacks
            net.train_split = None if self.rows_val is None else predefined_split(self.rows_val)
            with self.seeded(), threads_for(work):
                yield
        except BaseException:
            self.give_up()
            raise
        finally:
            net.callbacks_, net.train_split, net.row_losses_ = users, None, None


def train(net, rows, **settings):
    """Train an initialized net; returns the mean terms of what is kept: see `Training`."""
    training = Training(net, rows, **settings)
    training.go_on()
    return training.end()


@dataclass(frozen=True)
class Outcome:
    """What a training, or the best of several, has come to.

    `tried` are the `Contender` of each that was not given up.
    """

    net: ObjectiveNet
    terms: dict
    interrupted: bool
    tried: tuple = ()


class Race:
    """Trainings of which the best is kept.

    Parameters
    ----------
    makers : list of functions
        Each gives a `Training`.
    task : FitTask or None
        Who may want the end of all.
    """

    def __init__(self, makers, task=None):
        self.makers, self.task = makers, task
        self.running, self.failure, self.interrupted = [], None, False
        self.behind = []

    def begin(self, n_epochs):
        """Train each for so many epochs; none begins any more where somebody asks for the end."""
        for make in self.makers:
            if self.running and self._is_over():
                break
            n_before = len(self.running)
            with self._surviving():
                self.running.append(make())
            for training in self.running[n_before:]:  # none if it has failed
                self._train(training, n_epochs)
        if not self.running:
            raise self.failure

    def go_on(self):
        """Train each as long as it has epochs left."""
        for training in [*self.running]:
            if self._is_over():
                break
            self._train(training, math.inf)

    def _is_over(self):
        return self.interrupted or (self.task is not None and self.task.wants_end)

    def _train(self, training, n_epochs):
        with self._surviving(training):
            training.go_on(n_epochs)
            self.interrupted = training.net.interrupted_

    @contextmanager
    def _surviving(self, training=None):
        """Go on without a training that fails, as long as there is another."""
        try:
            yield
        except TrainingDiverged as error:
            self.failure = error
            self._forget(training)
        except KeyboardInterrupt as interrupt:
            self._forget(training)
            if not self.running or ends_more(interrupt):
                raise
            self.interrupted = True
            warn_user(
                "Training was interrupted in the second start; the model is the first's.",
                ConvergenceWarning,
            )

    def _forget(self, training):
        self.running = [one for one in self.running if one is not training]

    def drop_those_behind(self, n_epochs, margin):
        """Give up what after so many epochs is worse than the best by more than a share of it."""
        if self.interrupted or any(one.keep_best is None for one in self.running):
            return
        lowest = [min(one.net.history[:n_epochs, "valid_loss"]) for one in self.running]
        bound = min(lowest) + margin * abs(min(lowest))
        for training, loss in zip([*self.running], lowest, strict=True):
            if loss > bound:
                training.give_up()
                self._forget(training)
                self.behind.append(training)

    def outcome(self):
        """The best `Outcome`, of the last one of those that are as good."""
        best = self._best_of(self.running) or self._best_of(self.behind)
        if best is None:
            raise self.failure
        judges = [(one.keep_best, one.net) for one in self.running if one.keep_best is not None]
        tried = tuple(judge.contender(net) for judge, net in judges)
        return replace(best, tried=tried)

    def _best_of(self, trainings):
        best = None
        for training in trainings:
            with self._surviving(training):
                terms = training.end()
                if best is None or not terms["loss"] >= best.terms["loss"]:  # of NaN and a number
                    best = Outcome(training.net, terms, self.interrupted)
        return best


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
