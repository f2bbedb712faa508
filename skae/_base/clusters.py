"""Clusters: what a module that classifies makes of rows without labels."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import ClusterMixin

from skae._base.conditional import ConditionalMixin
from skae._base.holes import Holes
from skae._base.labelled import KnownLabels
from skae._base.start import Record
from skae._rows.tensors import tensors_welcome


@dataclass(frozen=True)
class Clusters(Record):
    """The clusters of the module in order of their size.

    Parameters
    ----------
    order : integer array of shape (n_clusters,)
        The places in the module of the largest cluster, the next, ...
    ranks : integer array of shape (n_clusters,)
        The opposite.
    """

    order: np.ndarray
    ranks: np.ndarray

    PLACE = "_clusters"
    NAMES = {"order": "_order", "ranks": "_ranks"}

    @classmethod
    def by_size(cls, counts, has_row):
        """The largest first; those that have no row come last, whatever rows weigh."""
        order = np.lexsort((-counts, ~has_row))
        return cls(order, np.argsort(order))


class ClusterLabelsMixin(ClusterMixin, Holes):
    """Adds `labels_`, `predict` and `fit_predict` to a model whose module has `classify`."""

    @tensors_welcome
    def fit_predict(self, X, y=None, **kwargs):
        """Fit, and find the cluster of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored.
        **kwargs
            Of `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            `labels_`.
        """
        return super().fit_predict(X, y, **kwargs)

    @tensors_welcome
    def predict(self, X):
        """Find the cluster of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int64
            From 0 to ``n_clusters - 1``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another number of features, NaN or infinity, or is too far from the training
            data for float32.
        """
        places = self._probabilities(self._validate_target(X)).argmax(axis=1)
        return self._clusters.ranks[places]

    def _note(self, rows, n_new):
        super()._note(rows, n_new)
        if not hasattr(self, "net_"):
            numbers = np.arange(self.n_clusters)
            self._clusters = Clusters(numbers, numbers)
            self._note_shares(np.full(self.n_clusters, 1 / self.n_clusters))

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        vars(self).pop("labels_", None)
        if stream:  # the rows of before are gone
            return
        found = self._probabilities(table.X).argmax(axis=1)
        n_clusters = len(self._clusters.order)
        counts = np.bincount(found, table.weight, minlength=n_clusters)
        has_row = np.bincount(found, minlength=n_clusters) > 0
        self._clusters = Clusters.by_size(counts, has_row)
        self._note_shares(counts[self._clusters.order] / counts.sum())
        self.labels_ = self._clusters.ranks[found]

    def _note_shares(self, shares):
        """How often each cluster is there, the largest first."""


class ClusteringMixin(ClusterLabelsMixin, ConditionalMixin):
    """The same for one whose decoder is told the cluster."""

    def _told_classes(self):
        return np.arange(len(self._clusters.order))

    def _class_numbers(self, y):
        return self._clusters.order[super()._class_numbers(y)]

    def _note_shares(self, shares):
        self._known_labels = KnownLabels(shares)
