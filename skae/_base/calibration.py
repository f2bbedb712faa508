"""Probabilities of classes that can be relied on."""

import warnings

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing

from skae._base.holes import Holes
from skae._rows.checks import warn_user
from skae._rows.labels import hold_out_of_each
from skae._training.interrupts import ends_more
from skae.modules import Calibration

# The second training does without such a share of the labels, and has at most so many rows that
# have one, and so many others.
SHARE_OF_FEW, MAX_ROWS = 1 / 3, 5000
# Where there are many labels such a share is not learned from at all.
SHARE_OF_MANY = 0.2
# From fewer rows nothing is learned.
MIN_ROWS = 10
# Spread of what may be expected of the logarithms of the scales, of the constants, and of what the
# logit of one class adds to another's.
SCALE_SPREAD, OFFSET_SPREAD, PAIR_SPREAD = 3.0, 1.0, 0.5
# From so many rows for each pair of classes, and source, it is asked what the logit of one says of
# the other; with so many it is believed.
MIN_ROWS_OF_PAIRS, ROWS_OF_PAIRS = 3, 10


class CalibratedMixin(Holes):
    """Adds `calibrated` to a classifier, whose module has a `Calibration` and `sources`."""

    # Of models from before it was a parameter.
    calibrated = False
    # Of how many labels some are not learned from; then there is no second training, which may end
    # elsewhere. Where there are fewer, all are precious.
    _many_labels = np.inf

    def _make_calibration(self, n_sources):
        return Calibration(n_sources, len(self.classes_))

    def _hide_labels(self, table):
        labels = np.full(len(table.labels), -1)
        labels[table.subset] = table.labels[table.subset]
        known = self._rng.permutation(np.flatnonzero(labels >= 0))
        goes_on = hasattr(self, "net_")
        if goes_on or not self.calibrated or self.early_stopping or len(known) < self._many_labels:
            return table
        hidden = known[hold_out_of_each(labels[known], SHARE_OF_MANY)]
        return table.hiding(np.sort(hidden))

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        if stream or not self.calibrated or self.net_.interrupted_ or self.net_.epochs_before_:
            return  # what goes on has learned from those rows before
        model, places, labels = self, table.hidden, table.labels
        if places is not None:
            labels = table.all_labels
        elif rows[1] is not None:
            places = table.subset[table.n_train :]
        else:
            model, places = self._without_some(table)
        places = places[labels[places] >= 0]
        if model is None or len(places) < MIN_ROWS:
            return
        places = np.sort(self._rng.permutation(places)[:MAX_ROWS])
        logits = model._sources_of(_rows_of(table, places))
        weight = np.ones(len(places)) if table.weight is None else table.weight[places]
        fitted = fit_calibration(logits, labels[places], weight)
        self.module_.calibration.set(*map(torch.from_numpy, fitted))

    def _without_some(self, table):
        """The same model without a share of the labels, and the rows that had them."""
        drawn = self._rng.permutation(table.subset)
        labels = table.labels[drawn]
        drawn = np.concatenate(
            [part[:MAX_ROWS] for part in (drawn[labels >= 0], drawn[labels < 0])]
        )
        labels = table.labels[drawn]
        held = hold_out_of_each(labels, SHARE_OF_FEW) & (labels >= 0)
        seed = int(self._rng.randint(np.iinfo(np.int32).max))
        labels = np.where(held, -1, labels)
        # All labels of a class may have no weight.
        is_whole = len(np.unique(labels[labels >= 0])) == len(self.classes_)
        if held.sum() < MIN_ROWS or not is_whole:
            return None, drawn[held]
        order = np.argsort(drawn)
        alone = {"calibrated": False, "early_stopping": False, "warm_start": False, "verbose": 0}
        alone |= {"checkpoint": None, "callbacks": None, "random_state": seed}
        model = clone(self).set_params(**alone)
        vars(model).pop("_skl_callbacks", None)  # they watch one training
        weight = None if table.weight is None else table.weight[drawn[order]]
        try:
            with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
                warnings.filterwarnings("ignore", "precision=")  # said of the first training
                model.fit(_rows_of(table, drawn[order]), labels[order], weight)
        except KeyboardInterrupt as interrupt:
            if ends_more(interrupt):
                raise
            model = None
        if model is None or model.net_.interrupted_:
            warn_user(
                "The training that calibrates predict_proba was interrupted; the model is usable, "
                "its probabilities are not calibrated.",
                ConvergenceWarning,
            )
            model = None
        return model, drawn[held]

    def _sources_of(self, X):
        parts = self._map_rows(X, lambda x: torch.cat(self.module_.sources(x), dim=1))
        return np.stack(np.split(parts.astype(np.float64), parts.shape[1] // len(self.classes_), 1))


def _rows_of(table, places):
    """Some rows, in order; those of a file are read."""
    return table.X.block(places) if table.X.lies_in_file else _safe_indexing(table.X.X, places)


def fit_calibration(logits, labels, weight):
    """The weights of the logits and the constants that make held-out labels likeliest.

    Few rows can hardly tell a constant of each class, nor a weight of each pair of them: that is
    expected the nearer to nothing the fewer rows there are, and of very few it is left out.

    Parameters
    ----------
    logits : array of shape (n_sources, n_rows, n_classes)
    labels : integer array of shape (n_rows,)
    weight : array of shape (n_rows,)

    Returns
    -------
    weights : array of shape (n_sources, n_classes, n_classes)
    offset : array of shape (n_classes,)
    """
    n_sources, n_rows, n_classes = logits.shape
    weight = weight / weight.mean()
    told = np.eye(n_classes)[labels]
    rows_of_pair = n_rows / n_classes**2
    asked = rows_of_pair >= MIN_ROWS_OF_PAIRS * n_sources
    n_pairs = n_sources * n_classes**2 if asked else 0
    spreads = np.concatenate(
        [
            np.full(n_sources, SCALE_SPREAD),
            np.full(n_classes, OFFSET_SPREAD),
            np.full(n_pairs, PAIR_SPREAD * min(1, rows_of_pair / ROWS_OF_PAIRS)),
        ]
    )

    def parts(parameters):
        scales, offset, pairs = np.split(parameters, [n_sources, n_sources + n_classes])
        pairs = pairs.reshape(-1, n_classes, n_classes) if len(pairs) else 0
        return np.exp(scales), offset, np.eye(n_classes) + pairs

    def cost(parameters):
        scales, offset, pairs = parts(parameters)
        mixed = logits @ pairs.swapaxes(-1, -2)
        log_p = log_softmax(np.tensordot(scales, mixed, axes=1) + offset, axis=1)
        excess = weight[:, None] * (np.exp(log_p) - told)
        slopes = [scales * (mixed * excess).sum(axis=(1, 2)), excess.sum(axis=0)]
        if len(parameters) > n_sources + n_classes:
            slopes.append((scales[:, None, None] * (excess.T @ logits)).ravel())
        value = -(weight @ (told * log_p).sum(axis=1)) + (parameters**2 / spreads**2).sum() / 2
        return value, np.concatenate(slopes) + parameters / spreads**2

    start = np.zeros(len(spreads))
    start[:n_sources] = -np.log(n_sources)
    bounds = [(-15, 5)] * n_sources + [(-10, 10)] * (len(spreads) - n_sources)
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    scales, offset, pairs = parts(found)
    return scales[:, None, None] * np.broadcast_to(pairs, (n_sources, *told.shape[1:] * 2)), offset
