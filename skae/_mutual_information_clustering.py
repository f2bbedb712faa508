"""The clustering by mutual information."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
import torch
from scipy.special import log_softmax
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae._base.applying import device_of
from skae._base.cluster_starts import (
    agreement,
    expected_shares,
    neighbors_of,
    pairs,
    start_of,
)
from skae._base.clusters import ClusterLabelsMixin
from skae._base.estimator import NeuralEstimator
from skae._base.parameters import keep, public
from skae._rows.batches import Rows
from skae._rows.checks import check_finite
from skae._rows.source import CHUNK_ROWS
from skae._rows.tensors import tensors_welcome
from skae._training.device import plain_torch
from skae._training.state import plain_module, put_weights, take_weights
from skae.architectures._mlp import layer_sizes
from skae.modules import ClusterNetwork
from skae.objectives import Classification, MutualInformation
from skae.objectives._mutual_information import nearest

# Clusters are found in so many rows first.
MAX_ROWS = 10_000
# In so many steps the network learns them.
START_STEPS = 100


@public
class MutualInformationClustering(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterLabelsMixin, NeuralEstimator
):
    r"""Clusters that tell much of a row, and do not change when it is moved a little.

    A network gives the probabilities :math:`p(c | x)` of the clusters of a row. It minimizes [1]_

    .. math::

        \mathbb{E}_x \max_{|r| \le \rho(x)} \mathrm{KL}(p(c | x) \| p(c | x + r))
        + 0.1 \left( \mathbb{E}_x H(p(c | x)) + 4 \, \mathrm{KL}(p(c) \| \pi) \right)

    The first term is that of virtual adversarial training. The others are minus the mutual
    information of rows and clusters, if the expected shares :math:`\pi` are even, with the entropy
    of clusters counted four times. The network starts at clusters of a sample of at most 10 000
    rows. They are found by k-means; and where there are six rows for each cluster, by a Gaussian
    mixture, by spectral clustering, and by spectral clustering into three times as many, 150 at
    most, which are then merged such that least information is lost [2]_. Of these the start is the
    one with the best `score`.

    Parameters
    ----------
    n_clusters : int, default=8
        How many clusters, at most.
    hidden_layer_sizes
        Widths of the hidden layers, which are batch-normalized.
    perturbation : float, default=0.25
        By how much a row is moved, :math:`\rho(x)`: in distances to about the tenth nearest row.
    class_prior : {"start", "uniform"} or array-like of shape (n_clusters,), default="start"
        The expected shares :math:`\pi`. "start" are those of the clusters that the network starts
        at; "uniform" draws towards clusters of one size. An array is taken by rank: the cluster
        that is the k-th largest at the start is expected to have the k-th largest share.
    batch_size
        Rows in a batch; of few rows the shares of clusters are not known.
    max_iter
        Epochs.
    .. shared::

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The cluster of each training row. Cluster 0 is the largest; those without rows are last.
    .. shared::

    See Also
    --------
    AdversarialAutoencoderClustering : Clusters and styles within them, with a decoder.
    sklearn.cluster.KMeans : Clusters are what is near a centre.
    sklearn.cluster.SpectralClustering : Of a graph of neighbours; has no `predict`.

    Notes
    -----
    `score` looks at neighbours and needs no label. It may be held against that of other seeds, and
    of other numbers of clusters with care: more of them tell more. Where training ends with less
    than the network had after it had learned the start, and `class_prior` is "start", that is kept;
    a network of few units may learn the start badly. Distances are Euclidean: scale columns of
    different units first. After `partial_fit` there are no `labels_`: the rows of before are gone.

    References
    ----------
    .. [1] Hu, Miyato, Tokui, Matsumoto and Sugiyama, "Learning discrete representations via
       information maximizing self-augmented training", ICML 2017.
    .. [2] Slonim and Tishby, "Agglomerative information bottleneck", NeurIPS 1999.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from skae import MutualInformationClustering
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MutualInformationClustering(10, random_state=0).fit(X)
    >>> adjusted_rand_score(y, model.labels_) > 0.75
    True
    >>> model.predict_proba(X[:3]).shape
    (3, 10)
    """

    _parameter_constraints: dict = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "perturbation": [Interval(Real, 0, None, closed="left")],
        "class_prior": [StrOptions({"start", "uniform"}), "array-like"],
    }

    # There is nothing to hold epochs against: all is learned from all rows.
    early_stopping, validation_fraction, n_iter_no_change, tol = False, 0.1, 10, 1e-4

    def __init__(
        self,
        n_clusters=8,
        *,
        hidden_layer_sizes=(400, 400),
        activation="relu",
        perturbation=0.25,
        class_prior="start",
        learning_rate="constant",
        learning_rate_init=0.002,
        batch_size=256,
        max_iter=30,
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

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def fit(self, X, y=None, sample_weight=None):
        """Find clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. What lies elsewhere (a memory-mapped array, what HDF5, zarr, AnnData,
            pyarrow or Dask have) is read batch by batch, never copied whole.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None means equal weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, a weight or a parameter is not as described, if there are fewer rows than
            clusters, or if training diverges.

        Warns
        -----
        ConvergenceWarning
            If training was interrupted after its first epoch; the model is usable.
        """
        return self._fit(X, None, sample_weight)

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take one more pass over X.

        As many rows of the calls before are rehearsed with it, at most, from a sample in which each
        has the same chance (see `n_rehearsed`). The first call, if there was no `fit`, finds the
        clusters: its rows should have some of each.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As in `fit`, and if all rows of the first call are equal: they show no scale.
        """
        return self._partial_fit(X, None, sample_weight)

    @tensors_welcome
    def predict_proba(self, X):
        """Estimate the probability of each cluster.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_clusters), float64
            The largest cluster first; each row sums to one.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As in `predict`.
        """
        check_is_fitted(self)
        return self._probabilities(self._validate_target(X))[:, self._clusters.order]

    @tensors_welcome
    def transform(self, X):
        """Give each row the logarithms of the probabilities of its clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_clusters), float64
            In nats, the largest cluster first.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As in `predict`.
        """
        check_is_fitted(self)
        X = self._validate_target(X)
        logits = check_finite(self._map_rows(X, self.module_.classify), "transform")
        return log_softmax(logits.astype(np.float64), axis=1)[:, self._clusters.order]

    @tensors_welcome
    def score(self, X, y=None):
        r"""Say how well clusters hold together and how much they tell, without labels.

        :math:`I (I / H)^4`, where I is the mutual information of the clusters of a row and of its
        five nearest others, in nats, and H the entropy of clusters. Copies of a row are one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, of which two are different; of more than 10 000 some are drawn, always the same.
        y : None
            Ignored.

        Returns
        -------
        score : float
            From 0 to the logarithm of `n_clusters`; larger is better.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As in `predict`.
        """
        X = self._validate_target(X)
        some = np.sort(np.random.RandomState(0).permutation(X.shape[0])[:MAX_ROWS])
        rows = Rows(X, self.scaling_, subset=some)
        x, _ = _distinct(_read(rows, torch.arange(len(rows))))
        if len(x) < 2:
            raise ValueError(
                "The score needs two different rows at least: it is about neighbours. X has one."
            )
        return float(_score(self.module_, x, neighbors_of(x.numpy())[0]))

    @property
    def _n_features_out(self):
        return len(self._clusters.order)

    def _check_rows(self, rows):
        if self.batch_size == 1:
            raise ValueError(
                "A batch of one row leaves nothing to normalize layers over. Give a batch_size of "
                "2 or more."
            )
        if len(rows) < 2:
            raise ValueError(
                f"n_samples={len(rows)}, but two rows are needed at least: layers are normalized "
                "over those of a batch."
            )
        if not hasattr(self, "net_") and len(rows) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(rows)} should be >= n_clusters={self.n_clusters}. Give more rows, "
                "or ask for fewer clusters."
            )

    def _make_module(self, start):
        sizes = (self.n_features_in_, *layer_sizes(self.hidden_layer_sizes), self.n_clusters)
        return ClusterNetwork(sizes, self.activation)

    def _make_objective(self):
        return MutualInformation()

    def _before_training(self, start, module, rows, trainer):
        kept = rows.fair_sample(MAX_ROWS, torch.default_generator)
        x, places = _distinct(_read(rows, kept))
        neighbors, labels = None, np.zeros(len(x), dtype=int)
        n_batch_rows = min(trainer.n_batch_rows(rows), len(kept))
        if len(x) > 1:
            neighbors, distances = neighbors_of(x.numpy())
            labels = start_of(x.numpy(), neighbors, self.n_clusters, self._rng)
            mixed = x[torch.randperm(len(x))].split(n_batch_rows)
            apart = torch.cat([nearest(batch) for batch in mixed]).mean().item()
            module.reach.fill_(self.perturbation * distances.mean() / apart)
        learned = rows.part(kept)
        learned.labels = torch.from_numpy(labels)[places].to(rows.device, torch.int64)
        counts = np.bincount(labels[places.numpy()], minlength=self.n_clusters)
        module.shares.copy_(torch.from_numpy(expected_shares(self.class_prior, counts)))
        n_epochs = -(-START_STEPS * n_batch_rows // len(learned))
        trainer.train_part(
            module,
            Classification(),
            learned,
            max_epochs=n_epochs,
            learning_rate="constant",
            heard=False,
        )
        as_found = isinstance(self.class_prior, str) and self.class_prior == "start"
        if as_found and neighbors is not None:
            self._begun = x, neighbors, take_weights(module)

    def _judge_again(self, outcome, trainer, all_rows, floor):
        """Take the start where training, which knows no neighbours, has come to less."""
        if not hasattr(self, "_begun"):
            return outcome
        (x, neighbors, weights), net = vars(self).pop("_begun"), outcome.net
        module, ended = plain_module(net).model, take_weights(plain_module(net).model)
        score = _score(module, x, neighbors)
        put_weights(module, weights)
        if _score(module, x, neighbors) <= score:
            put_weights(module, ended)
            return outcome
        net.best_epoch_ = 0
        return replace(outcome, terms=net.validate(net.get_iterator(all_rows, training=False)))

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        vars(self).pop("_begun", None)


def _score(module, x, neighbors):
    """See `score`."""
    module.eval()
    with plain_torch(grad=False):
        parts = x.split(CHUNK_ROWS)
        labels = [module.classify(part.to(device_of(module))).argmax(dim=1).cpu() for part in parts]
    return agreement(pairs(torch.cat(labels).numpy(), neighbors))


def _distinct(x):
    """Rows, each once, and where each of those that are given is among them."""
    return x.unique(dim=0, return_inverse=True)


def _read(rows, kept):
    """Some standardized rows, in memory."""
    return torch.cat([part.cpu() for part in rows.chunks_of(kept)])
