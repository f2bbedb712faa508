"""The skorch net that trains every model: the only file that imports skorch."""

import copy
import math

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, PrintLog
from skorch.helper import predefined_split
from torch import nn

from skae._batches import BatchIterator
from skae._device import forked_seed

# Settings of the net that are parameters of the estimators under another name.
RESERVED = {
    "callbacks": "callbacks",
    "criterion": "loss",
    "device": "device",
    "learning_rate": "learning_rate",
    "max_epochs": "max_iter",
    "module": "architecture",
    "train_split": "X_val or validation_fraction",
}
# The share of the steps in which the learning rate rises to its peak, and in which it falls to 0.
WARM_UP, COOL_DOWN = 0.05, 0.7


class TrainingModule(nn.Module):
    """A model and its objective in one module, so that one call is one training step.

    Compilation, graph capture and data parallelism see just that call.
    """

    def __init__(self, model, objective):
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, x, y=None):
        """Terms of the objective, ``{"name": (batch,)}``."""
        return self.objective(self.model, x, y)


class ObjectiveNet(NeuralNet):
    """A skorch net whose module returns the terms of its loss.

    What differs from skorch as it comes is what costs time on data in memory: the loss is read once
    an epoch instead of once a batch, and the history has no batch rows unless there is a callback
    of the user's that may want them.

    Parameters
    ----------
    learning_rate : {"constant", "annealed"}
        The course of the learning rate over `max_epochs`.
    """

    def __init__(self, *args, learning_rate="constant", **kwargs):
        self.learning_rate = learning_rate
        super().__init__(*args, **kwargs)

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())] + [("print_log", PrintLog())] * bool(self.verbose)

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Plan the learning rate; see whether anybody wants to hear of batches."""
        super().on_train_begin(net, X=X, y=y, **kwargs)
        self.steps_done_, self.last_terms_ = 0, None
        self.steps_planned_ = self.max_epochs * len(self.get_iterator(X, training=True))
        own = (EpochTimer, PrintLog, KeepBest)
        self.reports_batches_ = not all(isinstance(cb, own) for _, cb in self.callbacks_)

    def on_epoch_begin(self, net, **kwargs):
        """Let the objective know: a weight of its own may depend on the epoch."""
        super().on_epoch_begin(net, **kwargs)
        module = self.module_
        if hasattr(module.objective, "begin_epoch"):
            module.objective.begin_epoch(module.model, len(self.history) - 1)

    def on_train_end(self, net, **kwargs):
        """Refuse a model that its last step has broken; leave it ready for inference."""
        super().on_train_end(net, **kwargs)
        if not all(value.isfinite().all() for value in self.module_.parameters()):
            self._raise_diverged("weights became infinite or NaN")
        self._set_training(False)

    def _raise_diverged(self, what):
        raise ValueError(
            f"Training diverged in epoch {len(self.history)}: the {what}. Try a smaller "
            f"learning_rate_init (it was {self.lr:g}), or rescale X, for example with "
            "StandardScaler."
        )

    def _set_learning_rate(self):
        if self.learning_rate == "annealed":
            done = self.steps_done_ / self.steps_planned_
            rise = (self.steps_done_ + 1) / (WARM_UP * self.steps_planned_)
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * min(1.0, rise, (1 - done) / COOL_DOWN)
        self.steps_done_ += 1

    def _evaluate(self, batch):
        """The loss, and its terms as weighted means: tensors that nobody waits for."""
        x, (y, weight) = batch
        values = self.infer(x, y=y)
        if weight is not None:
            weight = weight.to(self.device)
            values = {name: weight * value for name, value in values.items()}
        terms = {name: value.mean() for name, value in values.items()}
        return {"loss": sum(terms.values()), "y_pred": terms}

    def train_step(self, batch, **fit_params):
        """One optimizer step on one batch."""
        if not self.module_.training:
            self._set_training(True)
        self._set_learning_rate()
        self.optimizer_.zero_grad()
        step = self._evaluate(batch)
        step["loss"].backward()
        if self.reports_batches_:
            parameters = list(self.module_.named_parameters())
            self.notify("on_grad_computed", named_parameters=parameters, batch=batch, training=True)
        self.optimizer_.step()
        return step

    def validation_step(self, batch, **fit_params):
        """The loss on one batch, without learning from it."""
        if self.module_.training:
            self._set_training(False)
        with torch.no_grad():
            return self._evaluate(batch)

    def _run_batch(self, batch, training, prefix, step_fn):
        if not self.reports_batches_:
            return step_fn(batch)
        self.notify("on_batch_begin", batch=batch, training=training)
        step = step_fn(batch)
        self.history.record_batch(prefix + "_loss", step["loss"].item())
        self.history.record_batch(prefix + "_batch_size", len(batch[0]))
        self.notify("on_batch_end", batch=batch, training=training, **step)
        return step

    def mean_terms(self, iterator, training, prefix, step_fn):
        """One pass over the batches: ``{"loss": ..., "term": ...}``, means over the rows."""
        n_rows, totals = 0, None
        for batch in iterator:
            step = self._run_batch(batch, training, prefix, step_fn)
            names = ["loss", *step["y_pred"]]
            means = torch.stack(
                [step["loss"].detach(), *(t.detach() for t in step["y_pred"].values())]
            )
            # One running sum: a tensor kept for each batch would scatter the heap, which grows.
            totals = torch.zeros_like(means) if totals is None else totals
            totals += len(batch[0]) * means
            n_rows += len(batch[0])
        return dict(zip(names, (totals / n_rows).tolist(), strict=True))

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the batches; the mean of each term goes to the history."""
        if iterator is None:
            return
        if training:
            terms = self.last_terms_ = self.mean_terms(iterator, training, prefix, step_fn)
        else:
            terms = self.validate(iterator)
        for name, value in terms.items():
            self.history.record(f"{prefix}_{name}", value)
        if not math.isfinite(terms["loss"]):
            self._raise_diverged(f"{prefix} loss became {terms['loss']}")

    def validate(self, iterator):
        """The mean terms on held-out rows, with the same noise, if there is any, each time."""
        with forked_seed(torch.device(self.device), 0):
            return self.mean_terms(iterator, False, "valid", self.validation_step)


class KeepBest(Callback):
    """Keep the weights of the best validation loss, the start's included; stop on a plateau.

    Parameters
    ----------
    patience : int or inf
        Epochs without progress after which training stops.
    tol : float
        What counts as progress, relative to the best loss.
    """

    def __init__(self, patience, tol):
        self.patience, self.tol = patience, tol

    def on_train_begin(self, net, **kwargs):
        """Forget the last training."""
        self.best_terms_, self.best_weights_ = None, None

    def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
        """Judge the start before the first epoch: training must not end worse."""
        if self.best_weights_ is None:
            terms = net.validate(net.get_iterator(dataset_valid, training=False))
            self._keep(net, terms)
            self.target_, self.waited_ = terms["loss"], 0

    def _keep(self, net, terms):
        self.best_terms_ = terms
        self.best_weights_ = copy.deepcopy(net.module_.state_dict())

    def on_epoch_end(self, net, **kwargs):
        """Compare the epoch with the best one."""
        row = net.history[-1]
        loss = row["valid_loss"]
        if not loss >= self.best_terms_["loss"]:  # also where the start was NaN
            self._keep(net, {name: row[f"valid_{name}"] for name in self.best_terms_})
        if not loss >= self.target_ - self.tol * abs(self.target_):
            self.target_, self.waited_ = loss, 0
        else:
            self.waited_ += 1
        if self.waited_ >= self.patience:
            raise KeyboardInterrupt  # what skorch's own callbacks raise to end training

    def on_train_end(self, net, **kwargs):
        """Give the net its best weights."""
        if self.best_weights_ is not None:
            net.module_.load_state_dict(self.best_weights_)
            self.best_weights_ = None


def make_net(model, objective, *, callbacks=None, net_params=None, **settings):
    """An initialized net.

    Parameters
    ----------
    model : nn.Module
    objective : callable
        ``(model, x, y) -> {"term": (batch,)}``.
    callbacks : list of skorch callbacks or None
        The user's; they come before those of a single training.
    net_params : dict or None
        Merged last into the settings of the net.
    **settings
        Of `ObjectiveNet`.
    """
    net_params = net_params or {}
    for name in net_params:
        if name in RESERVED:
            raise ValueError(
                f"net_params may not have {name!r}: set the parameter {RESERVED[name]} instead."
            )
    settings = {
        "criterion": nn.Identity,
        "optimizer": torch.optim.Adam,
        "optimizer__fused": True,
        "iterator_train": BatchIterator,
        "iterator_train__shuffle": True,
        "iterator_valid": BatchIterator,
        "train_split": None,
        "callbacks": list(callbacks or []),
        **settings,
        **net_params,
    }
    if not issubclass(settings["optimizer"], torch.optim.Adam):
        settings.pop("optimizer__fused")  # few other optimizers know it
    return ObjectiveNet(TrainingModule(model, objective), **settings).initialize()


def train(net, rows, *, rows_val=None, max_epochs, learning_rate, patience=None, tol=0.0):
    """Train an initialized net on `rows` for at most `max_epochs`.

    Parameters
    ----------
    net : ObjectiveNet
    rows, rows_val : Rows
        What to learn from, and what to validate on or None.
    max_epochs : int
    learning_rate : {"constant", "annealed"}
    patience : int or None
        If given, the best epoch on `rows_val` is kept and training stops after this many epochs
        without progress.
    tol : float
        What counts as progress, relative to the best loss.

    Returns
    -------
    dict
        The mean terms of the kept model: on `rows_val` if it chose, else those of the last pass.
    """
    net.max_epochs, net.learning_rate = max_epochs, learning_rate
    net.train_split = None if rows_val is None else predefined_split(rows_val)
    keep_best = None if patience is None or rows_val is None else KeepBest(patience, tol)
    users = net.callbacks_
    try:
        if keep_best is not None:
            net.callbacks_ = [*users, ("keep_best", keep_best)]
        net.partial_fit(rows)
    finally:
        net.callbacks_, net.train_split = users, None
    if net.last_terms_ is None:  # skorch ends training quietly on an interruption
        raise KeyboardInterrupt("Interrupted before the first epoch ended.")
    if keep_best is not None:
        return keep_best.best_terms_
    return net.last_terms_
