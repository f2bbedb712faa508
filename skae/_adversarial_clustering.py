"""The adversarial autoencoder that clusters."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from skae._base.adversarial import AdversarialClassesBase
from skae._base.clusters import ClusteringMixin
from skae._base.parameters import keep, public
from skae.modules import CodeNorm
from skae.objectives import AdversarialClustering


@public
class AdversarialAutoencoderClustering(ClusteringMixin, AdversarialClassesBase):
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
        n_rehearsed="auto",
        device="auto",
        precision="float32",
        callbacks=None,
        checkpoint=None,
        net_params=None,
        random_state=None,
        verbose=0,
    ):
        keep(self, locals())

    @property
    def cluster_heads_(self):
        """The row of each cluster whose style is zero."""
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no cluster_heads_ before fit.")
        numbers = self._told_classes()
        styles = np.zeros((len(numbers), self._n_features_out), dtype=self._start.dtype)
        return self._decode(styles, numbers)

    def _make_norm(self, n_classes):
        # So each cluster is the likeliest of some rows from the start, and can not die out. Where
        # labels say which class is likely for which rows, that would be in their way.
        return CodeNorm(n_classes)

    def _make_objective(self):
        return AdversarialClustering(self.loss)
