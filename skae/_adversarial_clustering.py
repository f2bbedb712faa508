"""The adversarial autoencoder that clusters."""

from numbers import Integral

import numpy as np
from sklearn.base import ClusterMixin, _fit_context
from sklearn.utils._param_validation import Interval

from skae._adversarial import AdversarialClassesBase
from skae._base.parameters import keep, public
from skae._rows.tensors import tensors_welcome
from skae.modules import CodeNorm
from skae.objectives import AdversarialClustering


@public
class AdversarialAutoencoderClustering(ClusterMixin, AdversarialClassesBase):
    r"""Adversarial autoencoder with two codes: the cluster, and the style within it.

    The encoder gives cluster probabilities :math:`q(x)` and a style :math:`f(x)`. Two
    discriminators hold them against a one-hot code of a cluster, all alike often, and a draw of the
    prior of styles. So the code decides for one cluster, which tells as much as one of so many can
    about the row, and the style tells the rest [1]_. Each batch takes three steps, each with an
    optimizer of its own and for the networks named below the minimum only; c is one-hot, z a style,
    :math:`\sigma` the sum over both codes:

    .. math::

        \min_{f, q, g} \mathrm{loss}(x, g(f(x), q(x))) \qquad
        \min_D \sigma[-\log D(c, z) - \log(1 - D(q(x), f(x)))] \qquad
        \min_{f, q} \sigma[-\log D(q(x), f(x))]

    Parameters
    ----------
    n_clusters : int, default=8
        Width of the class code: clusters, at most.
    n_components
        Width of the style.
    .. shared:: adversarial

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The cluster of each training row. Cluster 0 is the largest; those without rows are last.
    cluster_heads_ : ndarray of shape (n_clusters, n_features)
        The row of each cluster whose style is zero, in units of X.
    .. shared:: adversarial

    See Also
    --------
    AdversarialAutoencoderClassifier : With a few labels.
    sklearn.cluster.KMeans : Clusters are what is near a centre.

    Notes
    -----
    `transform` gives the style. `score_samples` is minus the reconstruction loss of each row as the
    cluster that fits best, in units of X; `score` its mean. The logits of q are batch-normalized,
    so that no cluster dies before it has found its rows. After `partial_fit` there are no
    `labels_`: the rows of before are gone.

    References
    ----------
    .. [1] Makhzani, Shlens, Jaitly, Goodfellow and Frey, "Adversarial autoencoders", 2015,
       arXiv:1511.05644, section 6.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AdversarialAutoencoderClustering
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = AdversarialAutoencoderClustering(16, max_iter=10, random_state=0).fit(X)
    >>> model.labels_.shape, model.cluster_heads_.shape
    ((1797,), (16, 64))
    >>> bool((model.predict(X) == model.labels_).all())
    True
    """

    _parameter_constraints: dict = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters=8,
        *,
        n_components=5,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        prior="normal",
        prior_scale=1.0,
        discriminator_layer_sizes=(256, 128),
        noise_level=1.0,
        loss="squared_error",
        output_activation="auto",
        learning_rate="annealed",
        learning_rate_init=0.003,
        batch_size="auto",
        max_iter=100,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        device="auto",
        callbacks=None,
        checkpoint=None,
        net_params=None,
        random_state=None,
        verbose=0,
    ):
        keep(self, locals())

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Learn clusters and styles, and label the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. A memory-mapped array is read batch by batch, never copied whole.
        y : None
            Ignored, for compatibility with pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss. None means equal weights.
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features), default=None
            Rows to validate on, in place of a part of X.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, a weight or a parameter is not as described, or if training diverges.
        TypeError
            If an architecture gives something else than a torch module.

        Warns
        -----
        ConvergenceWarning
            If training was interrupted after its first epoch; the model is usable. Before that,
            KeyboardInterrupt is passed on.
        """
        vars(self).pop("labels_", None)
        self._fit(X, None, sample_weight, X_val)
        found = self._probabilities(X).argmax(axis=1)
        weight = sample_weight
        if weight is not None:
            weight = np.broadcast_to(np.asarray(weight), len(found))
        counts = np.bincount(found, weight, minlength=len(self._ranks))
        # The largest first, so that clusters which have no row come last.
        has_row = np.bincount(found, minlength=len(self._ranks)) > 0
        self._order = np.lexsort((-counts, ~has_row))
        self._ranks = np.argsort(self._order)
        self._class_shares = counts[self._order] / counts.sum()
        self.labels_ = self._ranks[found]
        return self

    def _partial_fit(self, X, y=None, sample_weight=None):
        vars(self).pop("labels_", None)
        return super()._partial_fit(X, None, sample_weight)

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
        places = self._probabilities(X).argmax(axis=1)
        return self._ranks[places]

    @property
    def cluster_heads_(self):
        """The row of each cluster whose style is zero."""
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no cluster_heads_ before fit.")
        numbers = self._told_classes()
        styles = np.zeros((len(numbers), self._n_features_out), dtype=self._dtype)
        return self.inverse_transform(styles, numbers)

    def _told_classes(self):
        return np.arange(len(self._order))

    def _class_numbers(self, y):
        return self._order[super()._class_numbers(y)]

    def _make_norm(self, n_classes):
        # So each cluster is the likeliest of some rows from the start, and can not die out. Where
        # labels say which class is likely for which rows, that would be in their way.
        return CodeNorm(n_classes)

    def _make_module(self, rows, statistics, start):
        if rows is not None:
            self._order = self._ranks = np.arange(self.n_clusters)
            self._class_shares = np.full(self.n_clusters, 1 / self.n_clusters)
        return super()._make_module(rows, statistics, start)

    def _make_objective(self):
        return AdversarialClustering(self.loss)
