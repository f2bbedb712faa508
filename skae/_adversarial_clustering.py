"""The adversarial autoencoder that clusters."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from skae._base.adversarial import AdversarialClassesBase
from skae._base.clusters import ClusteringMixin
from skae._documented import public
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
    n_components : int, default=5
        Width of the style.
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    architecture : architecture, default=None
        An object of :mod:`skae.architectures`, or one of your own with the same two methods. If
        given, it replaces `hidden_layer_sizes` and, for the encoder and the decoder, `activation`.
    prior : {"normal", "mixture", "swiss_roll"}, callable or density, default="normal"
        What styles are to follow. "normal" has independent components; "mixture" is ten petals in
        the first two components, "swiss_roll" a spiral there, and both are normal in further ones.
        A callable is given ``(n_samples, random_state)`` and returns codes of shape (n_samples,
        n_components); a density is a fitted one with `sample`, such as scikit-learn has them.
    prior_scale : float, default=1.0
        The factor by which a prior that is given by its name is enlarged.
    discriminator_layer_sizes : tuple of int, default=(256, 128)
        Widths of the hidden layers of both discriminators.
    noise_level : float, default=1.0
        Standard deviation of the normal noise that the encoder is given in training; its unit is
        the root mean variance of the features.
    loss : {"squared_error", "absolute_error", "log_loss"}, default="squared_error"
        What a reconstruction costs. "log_loss" needs X in [0, 1].
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic for "log_loss"; otherwise outputs are clipped at
        the bounds that the data show: where at least 5 % of the training rows share the smallest
        (or the largest) value of a feature, that value is taken for its bound. "identity" clips
        nothing; "logistic" needs X in [0, 1].
    learning_rate : {"annealed", "constant"}, default="annealed"
        "annealed" rises to `learning_rate_init` in the first 5 % of the steps that `max_iter`
        allows and falls linearly to zero in the last 70 %. "constant" stays.
    learning_rate_init : float, default=0.003
        Peak learning rate of Adam, in all three steps.
    batch_size : int or "auto", default="auto"
        Rows in a batch. "auto" makes about 25 batches an epoch, of 16 to 128 rows.
    max_iter : int, default=100
        Epochs, at most.
    early_stopping : bool, default=False
        Whether to hold out rows, keep the epoch that reconstructs them best and stop after
        `n_iter_no_change` epochs without progress. How well codes follow their priors does not
        count.
    validation_fraction : float, default=0.1
        The share of the rows to hold out.
    n_iter_no_change : int or inf, default=10
        Epochs without progress after which training stops early.
    tol : float, default=1e-4
        What counts as progress, as a share of the best validation loss.
    warm_start : bool, default=False
        Whether `fit` goes on from the last solution.
    device : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", "mps", ... "auto" takes a GPU if there is one.
    callbacks : list of skorch callbacks, default=None
        Called during training.
    checkpoint : str or path-like, default=None
        A folder in which `fit` keeps its state after each epoch, until it ends. If it is killed,
        the same `fit` goes on from there.
    net_params : dict, default=None
        Merged last into the settings of the skorch net.
    random_state : int, RandomState instance or None, default=None
        Determines the start, the batches, the held-out rows and the draws of the prior. The global
        random state of torch is never touched; that of numpy only by None, as everywhere in
        scikit-learn.
    verbose : int, default=0
        Whether to show progress: a bar in a terminal or a notebook, else a line for each epoch.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The cluster of each training row. Cluster 0 is the largest; those without rows are last.
    cluster_heads_ : ndarray of shape (n_clusters, n_features)
        The row of each cluster whose style is zero, in units of X.
    net_ : ObjectiveNet
        The skorch net; ``net_.history`` has every term of the objective in every epoch.
    module_ : torch.nn.Module
        The torch module; it works on standardized rows.
    scaling_ : torch.nn.Module
        Standardizes rows, and back with its ``inverse``.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        The sum of all terms in each epoch; see ``net_.history`` for each.
    validation_scores_ : list of float or None
        Minus the reconstruction loss on held-out rows after each epoch.
    best_loss_ : float
        The reconstruction loss of the kept epoch on held-out rows, or the sum of all terms of the
        last one.
    reconstruction_err_ : float
        The reconstruction loss in units of X, on held-out rows if there are any.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.

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
        **AdversarialClassesBase._parameter_constraints,
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
        super().__init__(
            n_components=n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            architecture=architecture,
            prior=prior,
            prior_scale=prior_scale,
            discriminator_layer_sizes=discriminator_layer_sizes,
            noise_level=noise_level,
            loss=loss,
            output_activation=output_activation,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            device=device,
            callbacks=callbacks,
            checkpoint=checkpoint,
            net_params=net_params,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_clusters = n_clusters

    @property
    def cluster_heads_(self):
        """The row of each cluster whose style is zero."""
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no cluster_heads_ before fit.")
        numbers = self._told_classes()
        styles = np.zeros((len(numbers), self._n_features_out), dtype=self._start.dtype)
        return self.inverse_transform(styles, numbers)

    def _make_norm(self, n_classes):
        # So each cluster is the likeliest of some rows from the start, and can not die out. Where
        # labels say which class is likely for which rows, that would be in their way.
        return CodeNorm(n_classes)

    def _make_objective(self):
        return AdversarialClustering(self.loss)
