"""The skorch net that trains every model: a step, and an epoch."""

import contextlib
import functools
import math
import operator

import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer
from torch import nn

from skae._training.callbacks import is_own
from skae._training.device import forked_seed
from skae._training.interrupts import ends_more, watch_for_interrupts
from skae._training.optimizer import FusedAdam
from skae._training.precision import products
from skae._training.recording import Recorder

# The share of the steps in which the learning rate rises to its peak, and in which it falls to 0.
WARM_UP, COOL_DOWN = 0.05, 0.7
# To record a step takes as long as some twenty of them, and batches have two sizes.
MIN_RECORDED_STEPS = 100


class TrainingDiverged(ValueError):
    """Training ended in infinite or undefined numbers."""


class _TrainingEnds(Exception):
    """Somebody has asked for the end of the training, after a whole epoch."""


class TrainingModule(nn.Module):
    """A model and its objective in one module, so that one call is one training step.

    Compilation, graph capture and data parallelism see just that call.
    """

    def __init__(self, model, objective):
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, x, y=None, phase=None, weight=None):
        """Terms of the objective, or of one of its phases, ``{"name": (batch,)}``."""
        terms = self.objective if phase is None else getattr(self.objective, phase)
        return terms(self.model, x, y) if weight is None else terms(self.model, x, y, weight)


class ObjectiveNet(NeuralNet):
    """A skorch net whose module returns the terms of its loss.

    An objective may have `phases`, a dictionary from the name of a method of its own, which returns
    terms as well, to the names of the submodules that the phase moves. Each batch then takes one
    step for each phase, by an optimizer of its own. What an objective calls `judged` are the terms
    that epochs are compared by; otherwise it is their sum. Terms that it calls `of_labelled` are
    means over the labelled rows of a batch, which come last, and the others over the rows before.

    What differs from skorch as it comes is what costs time on data in memory: the loss is read once
    an epoch instead of once a batch, and the history has no batch rows unless there is a callback
    of the user's that may want them. An objective that `takes_weight` is told the weights of the
    rows, where there are any, for what it computes of a batch as a whole.

    Parameters
    ----------
    learning_rate : {"constant", "annealed"}
        The course of the learning rate over `max_epochs`.
    """

    # Whether there is a callback of the user's that may want to hear of each batch.
    reports_batches_ = False
    # Whether what is trained is only a part of a model, such as a layer.
    is_part_ = False
    # Whether it is favoured where it is the floor of another net: see `KeepBest`.
    is_favoured_ = True
    # What replays steps, and what replays validation.
    recorder_ = judge_ = Recorder(None, wanted=False)
    # Of products in layers, and the context of a training step that makes them so.
    precision, products_ = "float32", contextlib.nullcontext()
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
        # A weight of the objective's own may depend on how far training is: it is a tensor, or
        # else `before_step` returns it, so that steps of another are not taken for the same.
        self.tells_steps_ = hasattr(self.module_.objective, "before_step")
        self.reports_batches_ = not all(is_own(callback) for _, callback in self.callbacks_)
        self.recorder_, self.judge_ = self._make_recorder(), self._make_recorder()
        self.products_ = products(self.precision, torch.device(self.device))

    def fit_loop(self, *args, **kwargs):
        """All epochs, or those until somebody asks for the end or presses Ctrl-C."""
        with watch_for_interrupts() as self.keyboard_:
            try:
                super().fit_loop(*args, **kwargs)
            except _TrainingEnds:
                pass
            except KeyboardInterrupt as interrupt:
                if ends_more(interrupt):
                    raise
                self.interrupted_ = True
        return self

    def notify(self, method_name, **kwargs):
        """End training where that was asked for, but only when everybody has heard of the epoch."""
        getattr(self, method_name)(self, **kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **kwargs)
            except KeyboardInterrupt as wish:
                # Between epochs it is how callbacks for skorch ask for the end, if nobody has
                # pressed Ctrl-C while they were at it; ours never do.
                asks = method_name in ("on_epoch_begin", "on_epoch_end") and not is_own(callback)
                if not asks or self.keyboard_.interrupted:
                    raise
                raise _TrainingEnds from wish
        if method_name == "on_epoch_end" and self._is_over():
            raise _TrainingEnds

    def stop(self):
        """End training after this epoch."""
        self.stops_ = True

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
                setattr(self, attribute, self._optimizer_of(phase, names))
        self.optimizers_ = {
            phase: getattr(self, attribute)
            for phase, attribute in zip(self._phases(), self._places(), strict=True)
        }
        # 1 unless the user set a group's rate apart.
        self.lr_shares_ = [group["lr"] / self.lr for group in self._parameter_groups()]
        self.lowest_ = {}
        return self

    def _phases(self):
        return getattr(self.module_.objective, "phases", {None: ()})

    def _places(self):
        """Where the optimizers are: skorch and its callbacks look for one of this name."""
        return ["optimizer_", *(f"{phase}_optimizer_" for phase in list(self._phases())[1:])]

    def _optimizer_of(self, phase, names):
        parameters = [
            (name, parameter)
            for name, parameter in self.module_.model.named_parameters()
            if name.split(".")[0] in names
        ]
        args, kwargs = self.get_params_for_optimizer("optimizer", parameters)
        wanted = {}
        if self.optimizer is FusedAdam:  # of another the user knows what it is to be
            wanted = getattr(self.module_.objective, "optimizer_settings", {}).get(phase, {})
        return self.optimizer(*args, **{**wanted, **kwargs})

    def _parameter_groups(self):
        return [group for one in self.optimizers_.values() for group in one.param_groups]

    def _set_learning_rate(self, factor):
        for group, share in zip(self._parameter_groups(), self.lr_shares_, strict=True):
            group["lr"] = factor * share * self.lr

    def _anneal(self):
        n_steps = self.max_epochs * self.steps_per_epoch_
        done, rise = self.steps_done_ / n_steps, (self.steps_done_ + 1) / (WARM_UP * n_steps)
        self._set_learning_rate(min(1.0, rise, (1 - done) / COOL_DOWN))

    def _evaluate(self, x, y, weight, phase=None):
        """The terms, their sum, the loss of each row, and the share of each row in the mean."""
        y = None if y is None else y.to(self.device)
        known = ()
        if weight is not None and getattr(self.module_.objective, "takes_weight", False):
            known = (weight.to(self.device),)
        values = self.module_(x.to(self.device), y, phase, *known)
        losses = functools.reduce(operator.add, values.values())
        if weight is None:
            shares = torch.full_like(losses, 1 / len(losses))
        else:
            shares = weight.to(losses) / len(losses)
        return values, losses, shares

    def _outputs(self, terms):
        """Of a step: with the loss where callbacks want it."""
        loss = functools.reduce(operator.add, terms.values()) if self.reports_batches_ else None
        return {"loss": loss, "y_pred": terms}

    @staticmethod
    def _means(values, shares):
        """The terms as weighted means: tensors that nobody waits for."""
        return {name: value.detach() @ shares for name, value in values.items()}

    @torch.enable_grad()
    def _differentiate(self, phase, parameters, x, y, weight):
        """The mean terms; the gradients of the loss are left with the parameters."""
        with self.products_:
            values, losses, shares = self._evaluate(x, y, weight, phase)
        moving = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in parameters:  # one that was frozen on the way would go on without end
            parameter.grad = None
        # As of the mean, without its part of the graph; and for no submodule in vain.
        gradients = torch.autograd.grad(losses, moving, shares, allow_unused=True)
        for parameter, gradient in zip(moving, gradients, strict=True):
            if gradient is not None and gradient.stride() != parameter.stride():
                # Kernels of optimizers take it as it lies in memory.
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient
        return self._means(values, shares)

    def train_step(self, batch, **fit_params):
        """One optimizer step on one batch."""
        if not self.module_.training:
            self._set_training(True)
        if self.learning_rate == "annealed":
            self._anneal()
        state = None
        if self.tells_steps_:
            n_epochs = self.epochs_before_ + self.steps_done_ / self.steps_per_epoch_
            state = self.module_.objective.before_step(self.module_.model, n_epochs)
        self.steps_done_ += 1
        x, y, weight = _aligned(batch)
        terms = {}
        for phase, optimizer in self.optimizers_.items():
            if self.recorder_.is_on:
                optimizer.tell()
                terms |= self.recorder_((phase, state), self._move, x, y, weight)
                continue
            parameters = _parameters(optimizer)
            terms |= self._differentiate(phase, parameters, x, y, weight)
            self._share_gradients(parameters, len(x))
            if self.reports_batches_:
                parameters = list(self.module_.named_parameters())
                self.notify(
                    "on_grad_computed", named_parameters=parameters, batch=batch, training=True
                )
            optimizer.step()
        return self._outputs(terms)

    def _move(self, phase_and_state, x, y, weight):
        """What `train_step` does to tensors in a phase, and nothing else."""
        phase, _ = phase_and_state
        optimizer = self.optimizers_[phase]
        terms = self._differentiate(phase, _parameters(optimizer), x, y, weight)
        if optimizer.is_direct():
            optimizer.update()
        else:
            optimizer.step()
        if optimizer.has_changed():
            self.recorder_.stop()
        return terms

    def forget_step(self):
        """Give back what only a step needs: gradients and what is recorded."""
        for name in ("recorder_", "judge_", "products_"):
            vars(self).pop(name, None)
        for parameter in self.module_.parameters():
            parameter.grad = None

    def _make_recorder(self):
        quick = all(isinstance(one, FusedAdam) for one in self.optimizers_.values())
        is_long = self.max_epochs * self.steps_per_epoch_ >= MIN_RECORDED_STEPS
        return Recorder(self.module_, quick and is_long and not self.reports_batches_)

    def _share_gradients(self, parameters, n_rows):
        """Nothing to share: there is one process."""

    def validation_step(self, batch, **fit_params):
        """The loss on one batch, without learning from it."""
        if self.module_.training:
            self._set_training(False)
        x, y, weight = _aligned(batch)
        with torch.no_grad():
            losses, terms = self.judge_(None, self._judge, x, y, weight)
            self.row_losses_.append(losses.clone())  # the next batch may take their place
            return self._outputs(terms)

    def _judge(self, _, x, y, weight):
        """The weighted loss of each row, and the mean terms."""
        values, losses, shares = self._evaluate(x, y, weight)
        return len(losses) * shares * losses, self._means(values, shares)

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
        # A tensor kept for each batch would scatter the heap, which grows. On the CPU a number can
        # be read at once; elsewhere that would wait for it.
        add = _add_number if torch.device(self.device).type == "cpu" else _add_tensor
        n_rows, totals = {}, {}
        for batch in iterator:
            terms = self._run_batch(batch, training, prefix, step_fn)["y_pred"]
            x, (y, _) = batch
            n_labelled = len(y) if of_labelled else 0
            for name, value in terms.items():
                n = n_labelled if name in of_labelled else len(x) - n_labelled
                totals[name] = add(totals.get(name, 0.0), value, n)
                n_rows[name] = n_rows.get(name, 0) + n
        sums = self._of_all_rows(list(totals.values()), list(n_rows.values()))
        terms = {name: s / max(n, 1) for name, s, n in zip(totals, *sums, strict=True)}
        judged = terms if training else getattr(self.module_.objective, "judged", terms)
        return {"loss": math.fsum(terms[name] for name in judged), **terms}

    def _of_all_rows(self, sums, counts):
        return [float(total) for total in sums], counts

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the batches; the mean of each term goes to the history."""
        if iterator is None:
            return
        if training:
            with torch.set_grad_enabled(not self.recorder_.is_on):
                terms = self.mean_terms(iterator, training, prefix, step_fn)
        else:
            terms = self.validate(iterator, reports=self.reports_batches_)
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

    def validate(self, iterator, reports=False):
        """The mean terms on held-out rows, with the same noise, if there is any, each time.

        The loss of each row is left in `row_losses_`. Callbacks hear of batches in epochs only.
        """
        self.row_losses_, before = [], self.reports_batches_
        with forked_seed(torch.device(self.device), self.validation_seed_):
            self.reports_batches_ = reports
            terms = self.mean_terms(iterator, False, "valid", self.validation_step)
            self.reports_batches_ = before
        self.row_losses_ = torch.cat(self.row_losses_).cpu()
        return terms


def _aligned(batch):
    """Rows, labels and weights, in memory as new tensors are.

    The last digits of a product depend on that, but what a batch does to a model must not depend on
    its place among others, nor on whether the step is replayed.
    """
    x, (y, weight) = batch
    return [v if v is None or v.data_ptr() % 64 == 0 else v.clone() for v in (x, y, weight)]


def _add_number(total, value, n):
    return total + n * value.item()


def _add_tensor(total, value, n):
    return n * value if isinstance(total, float) else total.add_(value, alpha=n)


def _parameters(optimizer):
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
