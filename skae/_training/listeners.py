"""Who hears of each epoch: scikit-learn's callbacks, and the reader of a bar."""

import contextlib
import copy
import sys
import time
from functools import partial
from types import SimpleNamespace

import torch
from sklearn.base import is_classifier
from skorch.callbacks import Callback

try:
    from sklearn.callback import CallbackSupportMixin

    HAS_CALLBACKS = True
except ImportError:  # scikit-learn before 1.9
    HAS_CALLBACKS = False

    class CallbackSupportMixin:
        """Stands for that of scikit-learn 1.9: there are no callbacks before."""


class FitTask:
    """`fit` as a task of scikit-learn's callbacks; each epoch is a subtask.

    Parameters
    ----------
    estimator : NeuralEstimator
    n_epochs : int or None
        How many there may be, if that is known.
    X, labels : array
        Training rows, and class numbers or None.
    """

    def __init__(self, estimator, n_epochs, X, labels):
        self.estimator = estimator
        if is_classifier(estimator):
            known = labels >= 0
            self.rows = {"X": lambda: X[known], "y": lambda: estimator.classes_[labels[known]]}
        else:
            self.rows = {"X": X, "y": X}  # monitors want a target: it is what is reconstructed
        self.wants_end = False
        self.task = estimator._init_callback_context(max_subtasks=n_epochs)
        self.task.call_on_fit_task_begin(estimator=estimator, **self.rows)

    def epoch_begins(self, net):
        """Begin the subtask."""
        self.epoch = self.task.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.rows)

    def epoch_ends(self, net):
        """End the subtask; returns whether a callback asks, or has asked before, to stop."""
        # While a part of the model is trained there is no model that could be scored.
        state = {} if net.is_part_ else {"reconstruction_attributes": lambda: _state(net)}
        with torch.random.fork_rng(devices=[]):  # what they draw changes nothing
            wish = self.epoch.call_on_fit_task_end(estimator=self.estimator, **state, **self.rows)
        self.wants_end = self.wants_end or bool(wish)
        return self.wants_end

    def ends(self, net):
        """End the whole task."""
        self.task.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: _state(net),
            **self.rows,
        )

    def close(self):
        """Nothing to put away: the task outlives a training."""


def _state(net):
    """What makes an estimator out of the present state of a net."""
    module = copy.deepcopy(net.module_)
    module.eval()
    present = {"module_": module, "history": net.history, "best_epoch_": net.best_epoch_}
    return {"net_": SimpleNamespace(**present), **curves(net.history)}


def curves(history):
    """The fitted attributes that say how training went."""
    losses = [row["train_loss"] for row in history if "train_loss" in row]
    scores = [-row["valid_loss"] for row in history if "valid_loss" in row]
    return {"loss_curve_": losses, "n_iter_": len(losses), "validation_scores_": scores or None}


@contextlib.contextmanager
def fit_of_steps(meta, n_steps, X, y):
    """`fit` of a meta-estimator as a task; what it fits inside are subtasks.

    Gives ``step(name, estimator)``, a context for the fit of an estimator, which hears of the
    callbacks as well, if it can.
    """
    if not HAS_CALLBACKS:
        yield lambda name, estimator: contextlib.nullcontext()
        return
    # Monitors want a target: where there is none, it is the rows.
    rows = {"estimator": meta, "X": X, "y": X if y is None else y}
    task = meta._init_callback_context(max_subtasks=n_steps)
    task.call_on_fit_task_begin(**rows)

    @contextlib.contextmanager
    def step(name, estimator):
        part = task.subcontext(task_name=name)
        told = hasattr(estimator, "set_callbacks")
        with part.propagate_callback_context(estimator) if told else contextlib.nullcontext():
            part.call_on_fit_task_begin(**rows)
            yield
            part.call_on_fit_task_end(**rows)

    yield step
    task.call_on_fit_task_end(reconstruction_attributes=partial(_fitted, meta), **rows)


def _fitted(estimator):
    return {k: v for k, v in vars(estimator).items() if k.endswith("_") and k[0] != "_"}


def _losses(net):
    row = net.history[-1]
    losses = {"loss": row["train_loss"], "held out": row.get("valid_loss")}
    return {name: f"{loss:.4g}" for name, loss in losses.items() if loss is not None}


def _n_done(net):
    """How many epochs of this training there have been, those before a checkpoint included."""
    return len(net.history) - net.epochs_before_


class Lines:
    """A line for each epoch."""

    def __init__(self, title, n_epochs):
        self.title, self.n_epochs = title, n_epochs

    def epoch_begins(self, net):
        """Remember when."""
        self.start = time.perf_counter()

    def epoch_ends(self, net):
        """Print the losses and the seconds that the epoch took."""
        losses = ", ".join(f"{name} {loss}" for name, loss in _losses(net).items())
        seconds = time.perf_counter() - self.start
        print(
            f"{self.title}: epoch {_n_done(net)} of {self.n_epochs}, {losses}, {seconds:.2f} s",
            flush=True,
        )
        return False

    def close(self):
        """Nothing to put away."""


class Bar:
    """A bar with the loss and the time left."""

    def __init__(self, title, n_epochs):
        from tqdm.auto import tqdm

        self.bar = tqdm(total=n_epochs, desc=title, unit="epoch")

    def epoch_begins(self, net):
        """Nothing to show yet."""

    def epoch_ends(self, net):
        """One epoch further."""
        self.bar.set_postfix(_losses(net), refresh=False)
        self.bar.update(_n_done(net) - self.bar.n)
        return False

    def close(self):
        """Leave the bar as it is."""
        self.bar.close()


def can_show_bar():
    """Whether somebody looks on: in a terminal or a notebook, not in a file."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # There may be no stream, or one without it.
    streams = [getattr(stream, "isatty", bool)() for stream in (sys.stdout, sys.stderr)]
    return all(streams) or (shell is not None and "IPKernelApp" in shell.config)


class Tell(Callback):
    """Tell others of each epoch; any of them may ask for the end.

    Parameters
    ----------
    listeners : list
        Objects with ``epoch_begins(net)``, ``epoch_ends(net) -> bool`` and ``close()``.
    """

    hears_batches = False

    def __init__(self, listeners):
        self.listeners = listeners

    def on_epoch_begin(self, net, **kwargs):
        """An epoch begins."""
        for listener in self.listeners:
            listener.epoch_begins(net)

    def on_epoch_end(self, net, **kwargs):
        """An epoch has ended."""
        wishes = [listener.epoch_ends(net) for listener in self.listeners]
        if any(wishes):
            net.stop()
