"""The estimator that trains a torch module: validation, training and inference, written once."""

import copy
import os
import warnings
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.nn import functional

from skae._base.floor import not_by_heart
from skae._base.pickling import AROUND, PicklingMixin
from skae._documented import Documented
from skae._rows.batches import Rows
from skae._rows.checks import (
    check_finite,
    check_unchanged,
    check_unit_interval,
    check_weights,
    copy_containers,
    float_dtype,
)
from skae._rows.labels import check_labels, declared_classes, hold_out_of_each
from skae._rows.scaling import Scaling, standardized
from skae._rows.source import (
    as_source,
    chunks,
    is_memory_mapped,
    is_read_in_place,
    validate_in_place,
)
from skae._rows.statistics import ColumnStatistics
from skae._training.checkpoint import Checkpoint, key_of_fit
from skae._training.device import forked_seed, plain_torch, resolve_device
from skae._training.listeners import (
    HAS_CALLBACKS,
    Bar,
    CallbackSupportMixin,
    FitTask,
    Lines,
    can_show_bar,
    curves,
)
from skae._training.net import TrainingDiverged, make_net, train
from skae._training.state import pack, restore, rests, snapshot

# With fewer rows matrix products are summed in another order: a row would differ in its last digit
# from itself among others.
MIN_ROWS = 16
# These fit into float32 without loss and may be large: they are cast batch by batch, as is all that
# lies in a file.
_SMALL_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "float16")

# What may change between a `fit` and another that goes on from it; all else is built in.
_MAY_CHANGE = {
    "checkpoint",
    "early_stopping",
    "latent_density",
    "learning_rate",
    "learning_rate_init",
    "max_iter",
    "n_score_samples",
    "n_iter_no_change",
    "random_state",
    "tol",
    "validation_fraction",
    "verbose",
    "warm_start",
}


class NeuralEstimator(
    PicklingMixin, Documented, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of the estimators: how a torch module is trained on rows, and applied to them.

    A model fills in `_make_module` and `_make_objective`; the rest is here.
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str],
        "learning_rate": [StrOptions({"annealed", "constant"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "callbacks": [list, tuple, None],
        "checkpoint": [str, os.PathLike, None],
        "net_params": [dict, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def __init__(
        self,
        *,
        hidden_layer_sizes,
        activation,
        learning_rate,
        learning_rate_init,
        batch_size,
        max_iter,
        early_stopping,
        validation_fraction,
        n_iter_no_change,
        tol,
        warm_start,
        device,
        callbacks,
        checkpoint,
        net_params,
        random_state,
        verbose,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.net_params = net_params
        self.random_state = random_state
        self.verbose = verbose

    # Whether NaN is "not observed"; models that can do with it have a parameter of this name.
    allow_nan = False

    # Whether the epochs of early stopping are compared by rows with a label.
    _judged_by_labels = False

    # Of the present fit.
    _checkpoint = _task = None

    # What a model fills in.

    def _starts(self, n_rows, has_val):
        """Where to start from; of several, what is best on the held-out rows is kept."""
        return ["random"]

    @abstractmethod
    def _make_module(self, rows, statistics, start):
        """The torch module, for standardized rows.

        `rows` are those that `fit` was given. None of them means that the module is to be as it was
        when it began, with any weights: those of a fitted one follow.
        """

    @abstractmethod
    def _make_objective(self):
        """The objective: ``(module, x, y) -> {"term": (batch,)}``."""

    @abstractmethod
    def _describe_training(self, rows, terms):
        """Set further fitted attributes; `terms` are the kept model's mean terms."""

    def _needs_unit_interval(self):
        """The parameter that needs X in [0, 1], as text, or None."""
        return None

    def _learns_classes(self):
        """Whether training needs labels, some of which may be missing."""
        return False

    def _note_labels(self, rows, stream=False):
        """Note what is needed of the labels of `rows`, or of all rows of a stream so far."""

    # Training.

    def _fit(self, X, y=None, sample_weight=None, X_val=None):
        fresh = self._prepare(anew=not self.warm_start)
        X = self._validate_target(X, reset=fresh)
        labels = self._labels(y, X, fresh)
        subset, weight = check_weights(X, sample_weight)
        if labels is not None and (labels >= 0).any() and not (labels[subset] >= 0).any():
            raise ValueError(
                "sample_weight is 0 for all rows with a label, so there is no class to learn. Give "
                "some of them a weight."
            )
        if X_val is not None:
            if labels is not None:
                raise ValueError(
                    "X_val has no labels. Leave it out: labelled rows are held out of X."
                )
            X_val = self._validate_target(X_val, reset=False)
        with self._one_fit(X, labels, weight, X_val), plain_torch(grad=True):
            n_train = len(subset)
            if X_val is None:
                subset, n_train = self._split(subset, labels)
            statistics = self._standardize(X, subset, weight) if fresh else None
            self._goes_on = self.warm_start
            all_rows = self._rows(X, subset, weight, labels)
            if X_val is not None:
                rows, rows_val = all_rows, self._rows(X_val)
            elif n_train < len(subset):
                rows, rows_val = all_rows.part(slice(n_train)), all_rows.part(slice(n_train, None))
            else:
                rows, rows_val = all_rows, None
            if fresh:
                self._note_labels(rows)
            judged = rows_val is not None and self.early_stopping
            starts = self._starts(len(rows), judged) if fresh else []
            floor = None
            if "pca" in starts and judged:
                floor = self._make_floor(all_rows, statistics)
                if X_val is None:
                    rows_val = not_by_heart(floor, all_rows, rows_val)
            if HAS_CALLBACKS:
                self._task = FitTask(self, self._n_epochs(max(1, len(starts))), X, labels)
            interrupted = self._train(
                rows,
                nets=[partial(self._new_net, start, rows, statistics) for start in starts],
                floor=floor,
                rows_val=rows_val,
                max_epochs=self.max_iter,
                learning_rate=self.learning_rate,
                patience=self.n_iter_no_change if self.early_stopping else None,
                tol=self.tol,
            )
            if self._task is not None:
                self._task.ends(self.net_)
            if self._checkpoint is not None and not interrupted:
                self._checkpoint.is_over()
        return self

    @contextmanager
    def _one_fit(self, *tables):
        """What there is during one fit of these tables only; a checkpoint is taken up."""
        if self.checkpoint is not None:
            if self._rng is np.random.mtrand._rand:
                raise ValueError(
                    "checkpoint needs random_state: without it no fit is the same as the one that "
                    "was killed. Set random_state to an integer."
                )
            self._checkpoint = Checkpoint(self.checkpoint, key_of_fit(self, self._rng, *tables))
        try:
            yield
        finally:
            for name in ("_checkpoint", "_task"):
                vars(self).pop(name, None)

    def _n_epochs(self, n_starts):
        """How many epochs `fit` has at most, or None where that is not known."""
        return n_starts * self.max_iter

    def _partial_fit(self, X, y=None, sample_weight=None, classes=None):
        fresh = self._prepare(anew=False)
        X = self._validate_target(X, reset=fresh)
        labels = self._labels(y, X, fresh, classes)
        subset, weight = check_weights(X, sample_weight)
        with plain_torch(grad=True):
            statistics = self._standardize(X, subset, weight, stream=True) if fresh else None
            self._goes_on = True
            rows = self._rows(X, subset, weight, labels)
            if fresh:
                self._note_labels(rows)
            starts = self._starts(len(rows), False) if fresh else []
            nets = [partial(self._new_net, start, rows, statistics) for start in starts]
            self._train(rows, nets=nets, max_epochs=1, learning_rate="constant", stream=True)
        return self

    def _prepare(self, *, anew):
        """Forget the last model, or make sure that it can go on; returns whether there is none."""
        if anew:
            # Even if X is refused then: its number of features is no longer that of the model.
            vars(self).pop("net_", None)
        if hasattr(self, "net_"):
            check_unchanged(self._started_with, self._built_in_params(), type(self).__name__)
            if rests(self.net_):
                packed = pack(self.net_, with_optimizers=True)
                self.net_ = self._unpack_net(packed, to_train=True)
        else:
            self._rng = check_random_state(self.random_state)
        self._rng_before = self._rng.get_state(legacy=False)
        return not hasattr(self, "net_")

    def _built_in_params(self):
        return {
            name: type(value) if hasattr(value, "get_params") else copy_containers(value)
            for name, value in self.get_params().items()
            if name.split("__")[0] not in _MAY_CHANGE
        }

    def _labels(self, y, X, fresh, classes=None):
        """Class numbers of the rows, -1 where there is no label, or None."""
        if not self._learns_classes():
            if classes is not None:
                raise ValueError("classes is for models that were made with conditional=True.")
            return None
        fitted = None if fresh else self.classes_
        if classes is not None:
            classes = declared_classes(classes, fitted)
        known = classes if fresh else fitted
        self.classes_, labels = check_labels(y, X, type(self).__name__, known)
        return labels

    def _split(self, subset, labels):
        """The rows to learn from, then those that are held out; and how many the first are."""
        n_rows = len(subset)
        if not self.early_stopping or n_rows < 3:
            return subset, n_rows
        drawn = self._rng.permutation(subset)
        # One row would show no spread; one alone can not be learned from.
        n_val = max(min(2, n_rows - 2), int(self.validation_fraction * n_rows))
        if labels is not None:
            held = hold_out_of_each(labels[drawn], self.validation_fraction)
            if self._judged_by_labels and not (held & (labels[drawn] >= 0)).any():
                raise ValueError(
                    "early_stopping=True holds out labelled rows to judge by, but no class has "
                    "two. Label more rows, or set early_stopping=False."
                )
            drawn, n_val = drawn[np.argsort(held, kind="stable")], held.sum()
        parts = drawn[: n_rows - n_val], drawn[n_rows - n_val :]
        # In order, since a file is read from front to back.
        return np.concatenate([np.sort(part) for part in parts]), n_rows - n_val

    def _rows(self, X, subset=None, weight=None, labels=None):
        return Rows(
            X,
            self.scaling_,
            subset=subset,
            weight=weight,
            labels=labels,
            device=self._device(),
        )

    def _n_labelled(self, rows):
        """Labelled rows that are added to a batch, or None: see `BatchIterator`."""
        return None

    def _device(self):
        return resolve_device(self.device)

    def _seeded(self):
        """Seed torch from `random_state` and give the caller's random state back at the end."""
        return forked_seed(self._device(), int(self._rng.randint(np.iinfo(np.int32).max)))

    def _standardize(self, X, subset, weight, *, stream=False):
        """Begin a new model: measure the columns, and set what follows from them."""
        measure = ColumnStatistics.measure_observed if self.allow_nan else ColumnStatistics.measure
        statistics = measure(X, np.sort(subset), weight)
        if stream:
            statistics = statistics.of_a_stream()
        self.scaling_ = self._make_scaling(statistics)
        self._range = statistics.low, statistics.high
        self._dtype = float_dtype(X)
        self._statistics = statistics
        self._started_with = self._built_in_params()
        self._parts_of_start = {
            name: copy.deepcopy(value)
            for name, value in self.get_params(deep=False).items()
            if name not in _MAY_CHANGE and name not in AROUND
        }
        return statistics

    def _n_batch_rows(self, rows):
        if self.batch_size == "auto":
            return int(np.clip(len(rows) // 25, 16, 128))
        return self.batch_size

    def _make_scaling(self, statistics):
        """What rows are standardized by."""
        if self._needs_unit_interval() is None:
            return statistics.scaling()
        return Scaling(np.zeros_like(statistics.mean), 1.0)

    def _new_net(self, start, rows, statistics):
        """A net that starts where `start` says, given `rows`."""
        sizes = self._n_batch_rows(rows), self._n_labelled(rows)
        with self._seeded():
            return self._assemble_net(start, rows, statistics, *sizes)

    def _assemble_net(self, start, rows, statistics, batch_size, n_labelled):
        module = self._make_module(rows, statistics, start)
        if self.allow_nan:
            module.fill = self._make_fill()
        net = make_net(
            module,
            self._make_objective(),
            lr=self.learning_rate_init,
            batch_size=batch_size,
            device=str(self._device()),
            callbacks=self.callbacks,
            **({} if n_labelled is None else _of_batches(n_labelled)),
            net_params=self.net_params,
        )
        net.start_, net.n_labelled_ = start, n_labelled
        return net

    def _make_floor(self, all_rows, statistics):
        """A net that is not trained: the principal components of all rows.

        It may know the rows that are held out, and is favoured by that, the more the fewer rows
        there are: what training has added to it is sure then.
        """
        before = self._rng.get_state(legacy=False)
        floor = self._new_net("floor", all_rows, statistics)
        # So that the random start is the very one of init="random" with the same seed.
        self._rng.set_state(before)
        return floor

    def _train(self, rows, *, nets, floor=None, stream=False, **settings):
        """Train the net there is, or else what each of `nets` makes; keep the best.

        Where none is surely better than `floor`, a net that is not trained, that is kept. Returns
        whether training was interrupted.
        """
        before = None
        if hasattr(self, "net_"):
            before, nets = (snapshot(self.net_), {**vars(self)}), [lambda: self.net_]
        try:
            if before is not None:
                self._go_on(rows, stream)
            terms = failure = None
            interrupted = False
            for make in nets:
                try:
                    net = make()
                    with self._seeded():
                        found = train(
                            net,
                            rows,
                            lr=self.learning_rate_init,
                            floor=floor,
                            listeners=self._listeners(settings["max_epochs"]),
                            checkpoint=self._checkpoint,
                            **settings,
                        )
                except TrainingDiverged as error:
                    failure = error
                    continue
                except KeyboardInterrupt:
                    if terms is None:
                        raise
                    warnings.warn(
                        "Training was interrupted in the second start; the model is the first's.",
                        ConvergenceWarning,
                        stacklevel=3,
                    )
                    interrupted = True
                    break
                if terms is None or not found["loss"] >= terms["loss"]:  # of NaN and a number, this
                    self.net_, terms = net, found
                interrupted = net.interrupted_
                if interrupted or (self._task is not None and self._task.wants_end):
                    break
            if terms is None:
                raise failure
            if floor is not None and self.net_.best_epoch_ == 0:
                for name in ("history_", "best_epoch_", "interrupted_", "lowest_"):
                    setattr(floor, name, getattr(self.net_, name))
                self.net_, floor.row_losses_ = floor, None
            self._describe_training(rows, terms)
        except BaseException:
            if before is None:
                vars(self).pop("net_", None)  # half a training is no model
            else:
                state, attributes = before
                restore(self.net_, state)
                vars(self).update(attributes)
                self._rng.set_state(self._rng_before)
            raise
        self.best_loss_ = terms["loss"]
        vars(self).update(curves(self.net_.history))
        return interrupted

    def _go_on(self, rows, stream):
        """Tell the net there is of these rows what it was told of others when it was made."""
        self._note_labels(rows, stream)
        n_labelled = self._n_labelled(rows)
        if n_labelled is not None:
            self.net_.n_labelled_ = n_labelled
            given = self.net_params or {}
            settings = _of_batches(n_labelled).items()
            vars(self.net_).update({name: given.get(name, value) for name, value in settings})

    def _listeners(self, n_epochs):
        """Who hears of the epochs of a training."""
        listeners = [] if self._task is None else [self._task]
        if self.verbose:
            listeners.append((Bar if can_show_bar() else Lines)(type(self).__name__, n_epochs))
        return listeners

    # Inference.

    @property
    def module_(self):
        """The trained torch module, in evaluation mode; it works on standardized rows."""
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no module_ before fit.")
        return self.net_.module_.model

    def _module_device(self):
        return next(self.module_.parameters()).device

    def _map_rows(self, X, function):
        """Apply a function of standardized rows to X, chunk by chunk."""
        source, device, results = as_source(X), self._module_device(), None
        with plain_torch(grad=False):
            for chunk in chunks(X.shape[0]):
                x = standardized(source, chunk, self.scaling_)
                if not x.sum().isfinite():
                    assert_all_finite(
                        source.block(chunk),
                        allow_nan=self._takes_nan(),
                        estimator_name=type(self).__name__,
                        input_name="X",
                    )
                n_rows = len(x)
                if n_rows < MIN_ROWS:
                    x = functional.pad(x, (0, 0, 0, MIN_ROWS - n_rows))
                values = function(x.to(device)).cpu()[:n_rows]
                # One block for all: tensors kept for each chunk would scatter the heap.
                if results is None:
                    results = values.new_empty((X.shape[0], *values.shape[1:]))
                results[chunk] = values
            return results.numpy()

    def _takes_nan(self):
        """Whether NaN is "not observed": for a fitted model as it was, whatever was set since."""
        if not hasattr(self, "net_"):
            return self.allow_nan
        return self._started_with.get("allow_nan", self.allow_nan)

    def _probabilities(self, X):
        """Of the classes, where the module has `classify`."""
        check_is_fitted(self)
        X = self._validate_target(X, reset=False)
        logits = check_finite(self._map_rows(X, self.module_.classify), "predict_proba")
        return softmax(logits.astype(np.float64), axis=1)

    # What scikit-learn asks of an estimator.

    def _validate(self, X, *, reset, finite=True):
        """Check X as scikit-learn does, without a copy where that can be avoided."""
        finite = "allow-nan" if finite and self._takes_nan() else finite
        if is_read_in_place(X):
            return validate_in_place(self, X, reset=reset, ensure_all_finite=finite)
        keep = isinstance(X, np.ndarray) and (
            X.dtype.name in _SMALL_DTYPES or (X.dtype.kind in "fiu" and is_memory_mapped(X))
        )
        try:
            X = validate_data(
                self,
                X,
                accept_sparse="csr",
                dtype=None if keep else [np.float64, np.float32],
                ensure_all_finite=finite,
                reset=reset,
            )
        except ValueError as error:
            if "could not convert string to float" not in str(error):
                raise
            raise ValueError(
                f"X has text that is not a number: {error}. Encode such columns first, for example "
                "with OneHotEncoder in a ColumnTransformer."
            ) from error
        return X

    def _validate_target(self, X, *, reset):
        """Check X where it is also what the decoder must reproduce."""
        X = self._validate(X, reset=reset)
        self._check_target(X, fresh=reset)
        return X

    def _check_target(self, X, *, fresh):
        """Refuse rows that the loss is not defined for; if `fresh`, they start a new model."""
        needs = self._needs_unit_interval()
        if needs is not None:
            check_unit_interval(X, needs)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _of_batches(n_labelled):
    """The settings of a net whose batches have so many labelled rows: see `BatchIterator`."""
    return {f"iterator_{part}__n_labelled": n_labelled for part in ("train", "valid")}
