"""The skorch net that trains every model: the only file that imports skorch."""

import copy
import functools
import math
import operator
import os
import warnings

import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, LRScheduler
from skorch.helper import predefined_split
from torch import nn

from skae._rows.batches import BatchIterator
from skae._training.device import forked_seed
from skae._training.optimizer import FusedAdam
from skae._training.processes import SharingMixin

# Settings of the net that are parameters of the estimators under another name.
RESERVED = {
    "callbacks": "callbacks",
    "criterion": "loss",
    "device": "device",
    "learning_rate": "learning_rate",
    "lr": "learning_rate_init",
    "max_epochs": "max_iter",
    "module": "architecture",
    "train_split": "X_val or validation_fraction",
}
# The share of the steps in which the learning rate rises to its peak, and in which it falls to 0.
WARM_UP, COOL_DOWN = 0.05, 0.7
# By how many standard errors training must be better than the floor, and how many more it takes
# divided by the number of rows, for the spread of a few rows is known badly.
SURE, SURE_OF_FEW = 0.5, 5


class TrainingDiverged(ValueError):
    """Training ended in infinite or undefined numbers."""


class TrainingModule(nn.Module):
    """A model and its objective in one module, so that one call is one training step.

    Compilation, graph capture and data parallelism see just that call.
    """

    def __init__(self, model, objective):
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, x, y=None, phase=None):
        """Terms of the objective, or of one of its phases, ``{"name": (batch,)}``."""
        terms = self.objective if phase is None else getattr(self.objective, phase)
        return terms(self.model, x, y)


class ObjectiveNet(NeuralNet):
    """A skorch net whose module returns the terms of its loss.

    An objective may have `phases`, a dictionary from the name of a method of its own, which returns
    terms as well, to the names of the submodules that the phase moves. Each batch then takes one
    step for each phase, by an optimizer of its own. What an objective calls `judged` are the terms
    that epochs are compared by; otherwise it is their sum. Terms that it calls `of_labelled` are
    means over the labelled rows of a batch, which come last, and the others over the rows before.

    What differs from skorch as it comes is what costs time on data in memory: the loss is read once
    an epoch instead of once a batch, and the history has no batch rows unless there is a callback
    of the user's that may want them.

    Parameters
    ----------
    learning_rate : {"constant", "annealed"}
        The course of the learning rate over `max_epochs`.
    """

    # Whether there is a callback of the user's that may want to hear of each batch.
    reports_batches_ = False
    # Whether what is trained is only a part of a model, such as a layer.
    is_part_ = False
    # Of the noise in validation.
    validation_seed_ = 0

    def __init__(self, *args, learning_rate="constant", **kwargs):
        self.learning_rate = learning_rate
        super().__init__(*args, **kwargs)

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())]

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Plan the learning rate; see whether anybody wants to hear of batches."""
        super().on_train_begin(net, X=X, y=y, **kwargs)
        self.steps_done_, self.last_terms_ = 0, None
        self.best_epoch_ = None  # known only where the best one is kept; 0 is the start
        self.stops_, self.interrupted_ = False, False
        self._set_learning_rate(1.0)
        self.epochs_before_ = len(self.history)
        self.steps_per_epoch_ = len(self.get_iterator(X, training=True))
        # A weight of the objective's own may depend on how far training is.
        self.tells_steps_ = hasattr(self.module_.objective, "before_step")
        own = (EpochTimer, Keep, KeepBest, Tell)
        self.reports_batches_ = not all(isinstance(cb, own) for _, cb in self.callbacks_)

    def notify(self, method_name, **kwargs):
        """End training where that was asked for, but only when everybody has heard of the epoch."""
        try:
            super().notify(method_name, **kwargs)
        except KeyboardInterrupt:
            # Callbacks of the user's end training like this, too; skae's own never do.
            self.interrupted_ = not self.reports_batches_
            raise
        if method_name == "on_epoch_end" and self._is_over():
            raise KeyboardInterrupt  # what skorch's own callbacks raise to end training

    def _is_over(self):
        return self.stops_

    def on_train_end(self, net, **kwargs):
        """Refuse a model that its last step has broken; leave it ready for inference."""
        super().on_train_end(net, **kwargs)
        if not all(value.isfinite().all() for value in self.module_.parameters()):
            self._raise_diverged("weights became infinite or NaN")
        self._set_training(False)

    def _raise_diverged(self, what):
        raise TrainingDiverged(
            f"Training diverged in epoch {len(self.history)}: the {what}. Try a smaller "
            f"learning_rate_init (it was {self.lr:g}), or rescale X, for example with "
            "StandardScaler."
        )

    def initialize_optimizer(self, *args, **kwargs):
        """Make an optimizer for each phase; note each group's share of the learning rate."""
        super().initialize_optimizer(*args, **kwargs)
        for (phase, names), attribute in zip(self._phases().items(), self._places(), strict=True):
            if phase is not None:
                setattr(self, attribute, self._optimizer_of(names))
        # 1 unless the user set a group's rate apart.
        self.lr_shares_ = [group["lr"] / self.lr for group in self._parameter_groups()]
        self.lowest_ = {}
        return self

    def _phases(self):
        return getattr(self.module_.objective, "phases", {None: ()})

    def _places(self):
        """Where the optimizers are: skorch and its callbacks look for one of this name."""
        return ["optimizer_", *(f"{phase}_optimizer_" for phase in list(self._phases())[1:])]

    @property
    def optimizers_(self):
        """The optimizer of each phase."""
        return {p: getattr(self, a) for p, a in zip(self._phases(), self._places(), strict=True)}

    def _optimizer_of(self, names):
        parameters = [
            (name, parameter)
            for name, parameter in self.module_.model.named_parameters()
            if name.split(".")[0] in names
        ]
        args, kwargs = self.get_params_for_optimizer("optimizer", parameters)
        return self.optimizer(*args, **{"lr": self.lr, **kwargs})

    def _parameter_groups(self):
        return [group for one in self.optimizers_.values() for group in one.param_groups]

    def _set_learning_rate(self, factor):
        for group, share in zip(self._parameter_groups(), self.lr_shares_, strict=True):
            group["lr"] = factor * share * self.lr

    def _anneal(self):
        n_steps = self.max_epochs * self.steps_per_epoch_
        done, rise = self.steps_done_ / n_steps, (self.steps_done_ + 1) / (WARM_UP * n_steps)
        self._set_learning_rate(min(1.0, rise, (1 - done) / COOL_DOWN))

    def _evaluate(self, batch, phase=None):
        """The terms, their sum, the loss of each row, and the share of each row in the mean."""
        x, (y, weight) = batch
        y = None if y is None else y.to(self.device)
        values = self.module_(x.to(self.device), y, phase)
        losses = functools.reduce(operator.add, values.values())
        if weight is None:
            shares = torch.full_like(losses, 1 / len(losses))
        else:
            shares = weight.to(losses) / len(losses)
        return values, losses, shares

    @staticmethod
    def _means(values, shares):
        """The loss and its terms as weighted means: tensors that nobody waits for."""
        terms = {name: value.detach() @ shares for name, value in values.items()}
        return {"loss": functools.reduce(operator.add, terms.values()), "y_pred": terms}

    def train_step(self, batch, **fit_params):
        """One optimizer step on one batch."""
        if not self.module_.training:
            self._set_training(True)
        if self.learning_rate == "annealed":
            self._anneal()
        if self.tells_steps_:
            n_epochs = self.epochs_before_ + self.steps_done_ / self.steps_per_epoch_
            self.module_.objective.before_step(self.module_.model, n_epochs)
        self.steps_done_ += 1
        found = {}
        for phase, optimizer in self.optimizers_.items():
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            for parameter in parameters:  # `zero_grad`, less its bookkeeping
                parameter.grad = None
            values, losses, shares = self._evaluate(batch, phase)
            # As the mean would be, without its part of the graph; and for no submodule in vain.
            losses.backward(shares, inputs=None if phase is None else parameters)
            self._share_gradients(parameters, len(losses))
            if self.reports_batches_:
                parameters = list(self.module_.named_parameters())
                self.notify(
                    "on_grad_computed", named_parameters=parameters, batch=batch, training=True
                )
            optimizer.step()
            found.update(values)
        return self._means(found, shares)

    def _share_gradients(self, parameters, n_rows):
        """Nothing to share: there is one process."""

    def validation_step(self, batch, **fit_params):
        """The loss on one batch, without learning from it."""
        if self.module_.training:
            self._set_training(False)
        with torch.no_grad():
            values, losses, shares = self._evaluate(batch)
            self.row_losses_.append(len(losses) * shares * losses)
            return self._means(values, shares)

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
        of_labelled = getattr(self.module_.objective, "of_labelled", ())
        n_rows, totals = {}, {}
        for batch in iterator:
            terms = self._run_batch(batch, training, prefix, step_fn)["y_pred"]
            x, (y, _) = batch
            n_labelled = len(y) if of_labelled else 0
            for name, value in terms.items():
                n = n_labelled if name in of_labelled else len(x) - n_labelled
                if name not in totals:
                    totals[name], n_rows[name] = torch.zeros_like(value), 0
                # One running sum: a tensor kept for each batch would scatter the heap, which grows.
                totals[name].add_(value, alpha=n)
                n_rows[name] += n
        sums = self._of_all_rows(torch.stack(list(totals.values())), list(n_rows.values()))
        terms = {name: s / max(n, 1) for name, s, n in zip(totals, *sums, strict=True)}
        judged = terms if training else getattr(self.module_.objective, "judged", terms)
        return {"loss": math.fsum(terms[name] for name in judged), **terms}

    def _of_all_rows(self, sums, counts):
        return sums.tolist(), counts

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the batches; the mean of each term goes to the history."""
        if iterator is None:
            return
        try:
            if training:
                terms = self.mean_terms(iterator, training, prefix, step_fn)
            else:
                terms = self.validate(iterator)
        except KeyboardInterrupt:
            self.interrupted_ = True
            raise
        self.last_terms_ = terms
        for name, value in terms.items():
            self.history.record(f"{prefix}_{name}", value)
        # Callbacks such as skorch's Checkpoint look for this.
        is_best = terms["loss"] < self.lowest_.get(prefix, math.inf)
        self.history.record(f"{prefix}_loss_best", is_best)
        if is_best:
            self.lowest_[prefix] = terms["loss"]
        if not math.isfinite(terms["loss"]):
            self._raise_diverged(f"{prefix} loss became {terms['loss']}")

    def validate(self, iterator):
        """The mean terms on held-out rows, with the same noise, if there is any, each time.

        The loss of each row is left in `row_losses_`, for comparisons row by row.
        """
        self.row_losses_ = []
        with forked_seed(torch.device(self.device), self.validation_seed_):
            terms = self.mean_terms(iterator, False, "valid", self.validation_step)
        self.row_losses_ = torch.cat(self.row_losses_).cpu()
        return terms


class SharedNet(SharingMixin, ObjectiveNet):
    """A net that several processes train together."""


class KeepBest(Callback):
    """Keep the weights of the best validation loss, the start's included; stop on a plateau.

    Where there is a floor, an epoch is kept only if it is better than that by more than the
    held-out rows may show by chance: few rows say little, and there are many epochs to pick a lucky
    one from.

    Parameters
    ----------
    patience : int or inf
        Epochs without progress after which training stops.
    tol : float
        What counts as progress, relative to the best loss.
    floor : ObjectiveNet or None
        A net that takes the place of the start where no epoch is surely better.
    """

    def __init__(self, patience, tol, floor=None):
        self.patience, self.tol, self.floor = patience, tol, floor

    def on_train_begin(self, net, **kwargs):
        """Forget the last training."""
        self.best_terms_, self.best_weights_, self.floor_terms_ = None, None, None

    def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
        """Judge the start before the first epoch: training must not end worse."""
        iterator = net.get_iterator(dataset_valid, training=False)
        if self.floor is not None and self.floor_terms_ is None:
            self.floor_terms_ = self.floor.validate(iterator)
        if self.best_weights_ is None and not self._is_warming_up(net):
            terms = net.validate(iterator)
            self.target_, self.waited_ = terms["loss"], 0
            self._keep(net, self.floor_terms_ or terms, len(net.history) - 1)

    def _is_warming_up(self, net):
        """Whether the objective is not yet the one that the model is judged by."""
        return len(net.history) <= getattr(net.module_.objective, "warmup_epochs", 0)

    def _keep(self, net, terms, n_epochs):
        self.best_terms_, net.best_epoch_ = terms, n_epochs
        self.best_weights_ = copy.deepcopy(dict(net.module_.state_dict()))

    def on_epoch_end(self, net, **kwargs):
        """Compare the epoch with the best one."""
        if self._is_warming_up(net):
            return
        row = net.history[-1]
        loss = row["valid_loss"]
        # Written so that a start of NaN is worse than anything.
        if not loss >= self.best_terms_["loss"] and (
            self.floor is None or self._is_sure(self.floor.row_losses_ - net.row_losses_)
        ):
            terms = {name: row[f"valid_{name}"] for name in self.best_terms_}
            self._keep(net, terms, len(net.history))
        if not loss >= self.target_ - self.tol * abs(self.target_):
            self.target_, self.waited_ = loss, 0
        else:
            self.waited_ += 1
        net.stops_ = self.waited_ >= self.patience

    def known(self):
        """What it knows after an epoch, as a dictionary of attributes."""
        known = "best_terms_", "best_weights_", "target_", "waited_"
        return {name: value for name, value in vars(self).items() if name in known}

    @staticmethod
    def _is_sure(gains):
        gains = gains.double()
        error = gains.std() / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        return not gains.mean() <= (SURE + SURE_OF_FEW / len(gains)) * error

    def on_train_end(self, net, **kwargs):
        """Give the net its best weights."""
        if self.best_weights_ is not None:
            net.module_.load_state_dict(self.best_weights_)
            self.best_weights_ = None


class Keep(Callback):
    """Keep the state of training in a file after each epoch; begin from it, if there is one.

    Parameters
    ----------
    checkpoint : Checkpoint
    keep_best : KeepBest or None
    """

    def __init__(self, checkpoint, keep_best):
        self.checkpoint, self.keep_best = checkpoint, keep_best

    def on_train_begin(self, net, **kwargs):
        """Go to where the last one was."""
        self.checkpoint.resume(net, self.keep_best)

    def on_epoch_end(self, net, **kwargs):
        """Write."""
        self.checkpoint.keep(net, self.keep_best)


class Tell(Callback):
    """Tell others of each epoch; any of them may ask for the end.

    Parameters
    ----------
    listeners : list
        Objects with ``epoch_begins(net)``, ``epoch_ends(net) -> bool`` and ``close()``.
    """

    def __init__(self, listeners):
        self.listeners = listeners

    def on_epoch_begin(self, net, **kwargs):
        """An epoch begins."""
        for listener in self.listeners:
            listener.epoch_begins(net)

    def on_epoch_end(self, net, **kwargs):
        """An epoch has ended."""
        wishes = [listener.epoch_ends(net) for listener in self.listeners]
        net.stops_ = net.stops_ or any(wishes)


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
        "optimizer": FusedAdam,
        "iterator_train": BatchIterator,
        "iterator_train__shuffle": True,
        "iterator_valid": BatchIterator,
        "train_split": None,
        "use_caching": False,  # there are no outputs of batches to score twice
        "callbacks": list(callbacks or []),
        "verbose": 0,  # who wants to hear of epochs listens: see `train`
        **settings,
        **net_params,
    }
    _check_optimizer(settings["optimizer"])
    kernels = {"optimizer__foreach", "optimizer__fused"}
    if settings["optimizer"] in (torch.optim.Adam, torch.optim.AdamW) and not kernels & {*settings}:
        settings["optimizer__fused"] = True
    for callback in settings["callbacks"]:
        named = callback[-1] if isinstance(callback, tuple) else callback
        if not hasattr(named, "on_train_begin"):
            raise ValueError(
                f"callbacks has {callback!r}, which is no skorch callback: give objects of "
                "skorch.callbacks or of classes derived from skorch.callbacks.Callback."
            )
    module = TrainingModule(model, objective)
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(
            "There is nothing to train: neither the encoder nor the decoder of the architecture "
            "has a parameter."
        )
    accelerator = settings.pop("accelerator", None)
    if accelerator is not None:
        _check_accelerator(accelerator, settings["device"])
        if accelerator.num_processes > 1:
            return SharedNet(module, accelerator=accelerator, **settings).initialize()
    return ObjectiveNet(module, **settings).initialize()


def _check_accelerator(accelerator, device):
    if accelerator.mixed_precision != "no" or accelerator.gradient_accumulation_steps != 1:
        raise ValueError(
            "net_params has an accelerator with mixed_precision or gradient_accumulation_steps, "
            "but it is for training in several processes only. Leave these settings out."
        )
    n_started = int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes == 1 < n_started:
        raise ValueError(
            f"The accelerator knows of one process, but {n_started} were started: each would train "
            "for itself. Where there is no GPU accelerate must be told so: Accelerator(cpu=True)."
        )
    own, device = accelerator.device, torch.device(device)
    if own.type != device.type or (None not in (own.index, device.index) and own != device):
        raise ValueError(
            f"The accelerator of this process is on {own}, but the estimator on {device}. Set "
            "device=accelerator.device."
        )


def _check_optimizer(optimizer):
    steps_alone = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
    if not steps_alone or issubclass(optimizer, torch.optim.LBFGS):
        raise ValueError(
            f"net_params has optimizer={optimizer!r}, but it must be a class of torch.optim, other "
            "than LBFGS, which needs several evaluations a step. Set its options with "
            "'optimizer__...'."
        )


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
    net.train_split = None if rows_val is None else predefined_split(rows_val)
    n_epochs = max_epochs
    keep_best = None if patience is None or rows_val is None else KeepBest(patience, tol, floor)
    # First, so that it sees an epoch after which a callback of the user's ends training.
    first = [] if keep_best is None else [("keep_best", keep_best)]
    last = [("tell", Tell(listeners))] if listeners else []
    if checkpoint is not None:
        if isinstance(net, SharedNet):
            raise ValueError(
                "checkpoint is for training in one process, but net_params has an accelerator of "
                "several. Leave one of them out."
            )
        last.append(("keep", Keep(checkpoint, keep_best)))
        n_done, stopped = checkpoint.next_training()
        n_epochs = 0 if stopped else max_epochs - n_done
    users = net.callbacks_
    try:
        net.callbacks_ = [*first, *users, *last]
        net.partial_fit(rows, epochs=n_epochs)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            "A batch normalization was given a single row, which has no spread. Let batch_size and "
            "any labelled_batch_size be 2 or more, give two labelled rows or more, or normalize by "
            "LayerNorm in the architecture."
        ) from error
    finally:
        net.callbacks_, net.train_split, net.row_losses_ = users, None, None
        for listener in listeners:
            listener.close()
    if net.last_terms_ is None:  # skorch ends training quietly on an interruption
        raise KeyboardInterrupt("Interrupted before the first epoch ended.")
    if net.interrupted_:
        warnings.warn(
            f"Training was interrupted in epoch {len(net.history)}; the model is that of "
            f"{'the best epoch so far' if keep_best else 'the last step'}.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return (keep_best and keep_best.best_terms_) or net.last_terms_
