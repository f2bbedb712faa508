"""The estimator that trains a torch module: `fit` and `partial_fit`, written once."""

from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skae._base.applying import map_rows
from skae._base.holding import release
from skae._base.holes import Holes
from skae._base.principal import forget
from skae._base.reservoir import Reservoir
from skae._base.start import PicklingMixin, Record, Start
from skae._documented import Documented
from skae._rows.checks import check_finite, check_weights
from skae._rows.chunked import warn_if_sorted
from skae._rows.sentinels import Sentinels, is_common_beyond
from skae._rows.source import as_source
from skae._rows.statistics import ColumnStatistics
from skae._rows.table import Table
from skae._rows.validation import MISSING, explain_missing, validate
from skae._training.checkpoint import open_checkpoint
from skae._training.device import plain_torch, resolve_device
from skae._training.listeners import HAS_CALLBACKS, CallbackSupportMixin, FitTask, curves
from skae._training.precision import warn_of_missing
from skae._training.state import pack, restore, rests, snapshot
from skae._training.trainer import Trainer, epochs_worth

_FLOATS = np.dtype(np.float32), np.dtype(np.float64)


class NeuralEstimator(PicklingMixin, Holes, Documented, CallbackSupportMixin, BaseEstimator):
    """Base class of the estimators: how a torch module is trained on rows, and applied to them.

    A model fills in what `Holes` declares; the rest is here.
    """

    # Training.

    def _fit(self, X, y=None, sample_weight=None, X_val=None):
        self._prepare(anew=not self.warm_start)
        table = self._receive(X, y, sample_weight, X_val=X_val)
        checkpoint = self._open_checkpoint(table)
        with plain_torch(grad=True), self._undone_if_it_fails():
            if self.early_stopping:
                table = table.held_out(self.validation_fraction, self._rng, self._judged_by_labels)
            table = self._hide_labels(table)
            if not hasattr(self, "net_"):
                table = self._begin(table)
            interrupted = self._train(table, checkpoint)
            vars(self).pop("_reservoir", None)  # it does not know these rows
        if checkpoint is not None and not interrupted:
            checkpoint.is_over()
        return self

    def _partial_fit(self, X, y=None, sample_weight=None, classes=None):
        self._prepare(anew=False)
        table = self._receive(X, y, sample_weight, classes)
        with plain_torch(grad=True), self._undone_if_it_fails():
            if not hasattr(self, "net_"):
                table = self._begin(table, stream=True)
            learned, n_new = self._with_rehearsed(table), len(table.subset)
            if self._is_outgrown(n_new):
                learned = self._reservoir.table(table.target)
                n_new = len(learned.subset)
                del self.net_
                learned = self._begin(learned, stream=True)
            self._train(learned, n_new=n_new)
        return self

    def _is_outgrown(self, n_new):
        """Whether the rows of a stream, which are all there, are of another scale by now."""
        reservoir = getattr(self, "_reservoir", None)
        if reservoir is None or not reservoir.has_all or not reservoir.has_grown(n_new):
            return False
        table = self._rehearsed_table()
        if table.limits is not None and is_common_beyond(table.X, table.limits):
            return True
        scaling = self._make_scaling(self._measure(table).of_a_stream(), table.target)
        return scaling.is_far_from(self.scaling_)

    def _with_rehearsed(self, table):
        """A table, and behind it as many rows that were there before, if there are so many."""
        if self.n_rehearsed == 0:
            vars(self).pop("_reservoir", None)
            return table
        if hasattr(self, "_reservoir"):
            reservoir = self._reservoir.of_size(self.n_rehearsed, self._rng)
        else:
            knows_all = not hasattr(self, "net_")
            reservoir = Reservoir.like(table, self.n_rehearsed, knows_all)
        self._reservoir = reservoir.with_rows(table, self._rng)
        if not len(reservoir):
            return table
        return table.before(reservoir.table(table.target, len(table.subset), self._rng))

    def _rehearsed_table(self, n_rows=None):
        """Rows of the stream so far, all that there are or so many, at random."""
        return self._table_of(self._reservoir, n_rows)

    def _rehearsed_rows(self, n_rows=None):
        """The same, standardized."""
        return self._standardized(self._reservoir, n_rows)

    def _standardized(self, reservoir, n_rows=None):
        """Rows of a reservoir, all or so many."""
        device = torch.device(self.net_.device)
        return self._table_of(reservoir, n_rows).rows(self.scaling_, device)[0]

    def _table_of(self, reservoir, n_rows):
        table = reservoir.table(self._start.target, n_rows, self._rng)
        return replace(table, limits=self._start.limits)

    def _prepare(self, *, anew):
        """Forget the last model, or make sure that it can go on."""
        if anew:
            # Even if X is refused then: its number of features is no longer that of the model.
            for name, value in list(vars(self).items()):
                if (name.endswith("_") and name[0] != "_") or isinstance(value, Record):
                    delattr(self, name)
        if hasattr(self, "net_"):
            self._start.check_unchanged(self)
            if rests(self.net_):
                self.net_ = self._unpack_net(pack(self.net_, with_optimizers=True), to_train=True)
        else:
            self._rng = check_random_state(self.random_state)

    def _receive(self, X, y, sample_weight, classes=None, X_val=None):
        """Check what is given to learn from."""
        is_new = not hasattr(self, "net_")
        X = as_source(self._validate(X, reset=is_new))
        target = self._make_target(self._find_columns(X)) if is_new else self._start.target
        target.check(X, learned=True)
        labels = self._read_labels(y, X, classes)
        subset, weight = check_weights(X, sample_weight)
        are_classes = labels is not None and labels.dtype.kind != "f"
        if are_classes and (labels >= 0).any() and not (labels[subset] >= 0).any():
            raise ValueError(
                "sample_weight is 0 for all rows with a label, so there is no class to learn. Give "
                "some of them a weight."
            )
        if X_val is not None:
            if labels is not None:
                raise ValueError(
                    "X_val has no labels. Leave it out: labelled rows are held out of X."
                )
            X_val = as_source(self._validate(X_val, reset=False))
            target.check(X_val)
        limits = None if is_new else self._start.limits
        return Table(X, target, subset, weight, labels, X_val, limits=limits)

    def _open_checkpoint(self, table):
        net, params = getattr(self, "net_", None), self.get_params(deep=False)
        tables = [table.X, table.labels, table.weight, table.X_val]
        name = type(self).__name__
        return open_checkpoint(self.checkpoint, name, params, net, self._rng, tables)

    def _begin(self, table, stream=False):
        """Begin a new model: measure the columns, and note how it begins.

        Returns the table as it is learned from.
        """
        statistics = self._measure(table)
        plain = statistics if table.weight is None else self._measure(replace(table, weight=None))
        found = Sentinels.find(table.X, np.sort(table.subset), plain)
        if found is not None:
            found.warn(len(table.subset), getattr(self, "feature_names_in_", None))
            table = replace(table, limits=found.limits())
            statistics = self._measure(table)
        span = statistics.low, statistics.high
        if table.X_val is not None:
            statistics.warn_if_far(table.judged, self._as_fitted("allow_nan", False))
        if stream:
            statistics = statistics.of_a_stream()
            if self._as_fitted("allow_nan", False):  # the first rows show no bounds
                nowhere = np.full_like(statistics.low, np.inf)
                span = -nowhere, nowhere
        self.scaling_ = self._make_scaling(statistics, table.target)
        self._start = Start.now(
            self,
            table.X,
            statistics=statistics,
            span=span,
            target=table.target,
            limits=table.limits,
            logs=self._measure_logs(table),
        )
        fill = self._learn_to_fill(table, statistics, span)
        self._start = replace(self._start, fill=fill)
        return table

    def _measure(self, table):
        allow_nan = self._as_fitted("allow_nan", False)
        measure = ColumnStatistics.measure_observed if allow_nan else ColumnStatistics.measure
        return measure(table.learned, np.sort(table.subset), table.weight)

    def _train(self, table, checkpoint=None, n_new=None):
        """Train a model that begins, from each of its starts, or the one that there is.

        In a stream the first `n_new` rows are new. Returns whether it was interrupted.
        """
        stream = n_new is not None
        self._goes_on = stream or self.warm_start
        device = resolve_device(self.device)
        warn_of_missing(self.precision, device)
        all_rows, rows, rows_val = table.rows(self.scaling_, device)
        self._check_rows(rows)
        self._note(rows, n_new)
        warn_if_sorted(rows)
        judged = rows_val is not None and self.early_stopping
        is_new = not hasattr(self, "net_")
        starts = self._starts(len(rows), judged) if is_new else []
        n_epochs = 1 if stream else self._epochs_for(len(all_rows))
        task = None if stream else self._make_task(table, n_epochs * max(1, len(starts)))
        trainer = self._make_trainer(n_epochs, task, checkpoint, stream)
        floor = self._make_floor(starts, all_rows, rows, trainer) if judged else None
        judges = rows_val
        if floor is not None and table.X_val is None:
            judges = floor.fair(all_rows, rows_val)
        nets = [partial(self._new_net, trainer, start, rows) for start in starts]
        if not is_new:
            release(self.module_)
            forget(self.module_)
            trainer.go_on(self.net_, self._n_labelled(rows))
            if stream and hasattr(self, "_reservoir"):
                self._before_piece(n_new)
            nets = [lambda: self.net_]
        outcome = trainer.best_of(nets, rows, judges, floor and floor.net)
        if not stream:
            judge = None if floor is None or table.X_val is not None else floor.net
            outcome = self._judge_again(outcome, trainer, all_rows, judge)
        self.net_, self.best_loss_ = outcome.net, outcome.terms["loss"]
        vars(self).update(curves(self.net_.history))
        if stream and hasattr(self, "_reservoir"):
            self._after_piece(len(rows))
        self._after_training(table, (rows, rows_val), outcome.terms, stream)
        if task is not None:
            task.ends(self.net_)
        return outcome.interrupted

    @contextmanager
    def _undone_if_it_fails(self):
        """What a training has changed, if it or what comes after it fails."""
        attributes, net = {**vars(self)}, getattr(self, "net_", None)
        state = None if net is None else (snapshot(net), self._rng.get_state(legacy=False))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(attributes)
            if net is not None:
                restore(net, state[0])
                self._rng.set_state(state[1])
            raise

    def _epochs_for(self, n_rows):
        """Epochs of a training on so many rows, at most."""
        return epochs_worth(n_rows, self.batch_size) if self.max_iter == "auto" else self.max_iter

    @property
    def _max_epochs(self):
        """Epochs of the first training, at most: what changes in its course is a share of them."""
        return self._epochs_for(self._start.statistics.n_rows)

    def _make_task(self, table, n_epochs):
        if not HAS_CALLBACKS:
            return None
        n_before = self._n_epochs_before()
        n_epochs = None if n_before is None else n_before + n_epochs
        return FitTask(self, n_epochs, table.X.X, table.labels)

    def _make_trainer(self, n_epochs=1, task=None, checkpoint=None, stream=False):
        return Trainer(
            random_state=self._rng,
            device=resolve_device(self.device),
            batch_size=self.batch_size,
            lr=self.learning_rate_init,
            learning_rate="constant" if stream else self.learning_rate,
            precision=self.precision,
            max_epochs=n_epochs,
            patience=self.n_iter_no_change if self.early_stopping and not stream else None,
            tol=self.tol,
            callbacks=self.callbacks,
            net_params=self.net_params,
            title=type(self).__name__ if self.verbose else None,
            task=task,
            checkpoint=checkpoint,
        )

    def _new_net(self, trainer, start, rows):
        """A net that starts where `start` says, given rows."""
        sizes = {"batch_size": trainer.n_batch_rows(rows), "n_labelled": self._n_labelled(rows)}
        with trainer.seeded():
            return self._assemble(trainer, start, rows, **sizes)

    def _assemble(self, trainer, start, rows=None, **sizes):
        """A net; without rows it is a skeleton, whose weights follow."""
        module, fill = self._make_module(start), self._make_fill()
        if fill is not None:
            module.fill = fill
        if rows is not None:
            self._before_training(start, module, rows, trainer)
        return trainer.net(module, self._make_objective(), start=start, **sizes)

    # Inference.

    @property
    def module_(self):
        """The trained torch module, in evaluation mode; it works on standardized rows."""
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no module_ before fit.")
        return self.net_.module_.model

    def _as_fitted(self, name, default=None):
        """A parameter as the model was fitted with, whatever was set since."""
        today = getattr(self, name, default)
        return self._start.params.get(name, today) if hasattr(self, "net_") else today

    def _map_rows(self, X, function, **settings):
        """Apply a function of standardized rows to X, chunk by chunk: see `map_rows`."""
        try:
            return map_rows(
                function,
                X,
                self.scaling_,
                self.module_,
                allow_nan=self._as_fitted("allow_nan", False),
                name=type(self).__name__,
                **settings,
            )
        except ValueError as error:
            if not str(error).startswith(MISSING):
                raise
            raise explain_missing(error, self) from None

    def _probabilities(self, X):
        """Of the classes, where the module has `classify`."""
        logits = check_finite(self._map_rows(X, self.module_.classify), "predict_proba")
        return softmax(logits.astype(np.float64), axis=1)

    # What scikit-learn asks of an estimator.

    def _validate(self, X, *, reset, finite=True):
        """Check X as scikit-learn does, without a copy where that can be avoided."""
        if not reset and self._is_plain(X) and not (finite and _is_odd(X)):
            return X
        if finite and self._as_fitted("allow_nan", False):
            finite = "allow-nan"
        return validate(self, X, reset=reset, ensure_all_finite=finite)

    def _is_plain(self, X):
        """Whether scikit-learn would give X back as it is, without a word, but for its values.

        It takes longer to find that out than one row takes for all the rest.
        """
        return (
            type(X) is np.ndarray
            and X.dtype in _FLOATS
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
        )

    def _validate_target(self, X):
        """Check X where it is what a fitted decoder must reproduce."""
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        self._start.target.check(X)
        return X

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _is_odd(X):
    """Whether some value may be NaN or infinite; large ones may seem so."""
    with np.errstate(over="ignore", invalid="ignore"):
        return not np.isfinite(X.sum())
