"""Semantic hashing."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval
from torch import nn

from skae._base.reconstruction import DensityAutoencoder
from skae._documented import public
from skae._priors import EmpiricalDensity
from skae._rows.tensors import tensors_welcome
from skae.modules import Autoencoder, NoisyBits
from skae.objectives import Reconstruction


@public
class SemanticHashing(DensityAutoencoder):
    r"""Autoencoder whose code is a few bits, for fast search of similar rows.

    With an encoder f, a decoder g and the logistic function s it minimizes

    .. math:: \frac{1}{n} \sum_i \mathbb{E}_{\epsilon \sim N(0, \sigma^2 I)}\,
        L(x_i, g(s(4 (h(x_i) + \epsilon)))), \quad h = \frac{f - \mu}{\tau}

    where :math:`\mu` and :math:`\tau` are the mean and the standard deviation of each component of
    f in the batch. What is far from its mean is heard above the noise [1]_, and since no component
    can grow to escape it, rows with few bits between them (the Hamming distance) must have similar
    reconstructions. The code is :math:`f(x) > \mu`, with the running mean: each bit is 1 in about
    half of the rows, so that none is wasted, unless a few rows lie far from all others.

    Parameters
    ----------
    n_components : int, default=32
        Number of bits.
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    architecture : architecture, default=None
        An object of :mod:`skae.architectures`, or one of your own with the same two methods. If
        given, it replaces `hidden_layer_sizes` and `activation`.
    noise_level : float, default=1.0
        Standard deviation :math:`\sigma` of the noise that is added before the logistic function in
        training, in those of what it is added to. More noise leaves less room in the code: it keeps
        what most rows differ by, and similar rows share it. With less, codes are reconstructed
        better.
    loss : {"squared_error", "absolute_error", "log_loss"}, default="squared_error"
        What the reconstruction costs. "log_loss", the binary cross-entropy, needs X in [0, 1].
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic where the loss needs it; otherwise outputs are
        clipped at the bounds that the data show: where at least 5 % of the training rows share the
        smallest (or the largest) value of a feature, that value is taken for its bound, such as 0
        for counts and 0 and 1 for pixels. "identity" clips nothing; "logistic" needs X in [0, 1].
    latent_density : estimator with `fit` and `sample`, default=None
        What `sample` draws codes from, fitted to (at most 10 000) training codes when first needed;
        what is above 1/2 is a 1. None draws from those codes themselves.
    learning_rate : {"annealed", "constant"}, default="annealed"
        "annealed" rises to `learning_rate_init` in the first 5 % of the steps that `max_iter`
        allows and falls linearly to zero in the last 70 %. "constant" stays.
    learning_rate_init : float, default=0.003
        Peak learning rate of Adam.
    batch_size : int or "auto", default="auto"
        Rows in a batch. "auto" makes about 25 batches an epoch, of 16 to 128 rows.
    max_iter : int, default=50
        Epochs, at most.
    early_stopping : bool, default=True
        Whether to hold out rows, keep the epoch that is best on them (the start included) and stop
        after `n_iter_no_change` epochs without progress. Otherwise the last epoch is kept.
    validation_fraction : float, default=0.1
        The share of the rows to hold out; at least two, if two are left to learn from.
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
        Merged last into the settings of the skorch net, such as
        ``{"optimizer__weight_decay": 1e-3, "compile": True}``.
    random_state : int, RandomState instance or None, default=None
        Determines the start, the batches, the held-out rows and all noise; read when a model is
        started, so not on a warm start. The global random state
        of torch is never touched; that of numpy only by None, as everywhere in scikit-learn.
    verbose : int, default=0
        Whether to show progress: a bar in a terminal or a notebook, else a line for each epoch.

    Attributes
    ----------
    net_ : ObjectiveNet
        The skorch net; ``net_.history`` has every term of the objective in every epoch.
    module_ : torch.nn.Module
        The torch module: ``decode(encode(scaling_(x)))`` is the standardized reconstruction.
    scaling_ : torch.nn.Module
        Standardizes rows, and back with its ``inverse``.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        Training loss of each epoch, with the noise, of rows as the module sees them.
    validation_scores_ : list of float or None
        Minus the loss on held-out rows after each epoch.
    best_loss_ : float
        The loss of the kept epoch, on held-out rows if there are any.
    reconstruction_err_ : float
        The reconstruction loss of the kept epoch in units of X, on held-out rows if there are any.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.
    latent_density_ : estimator
        The density that `sample` draws codes from.

    See Also
    --------
    AutoencoderTransformer : Codes of real numbers.
    sklearn.neighbors.NearestNeighbors : Searches codes with ``metric="hamming"``.

    Notes
    -----
    `score_samples` is minus the loss of each row, in units of X, from hard bits and without noise.

    References
    ----------
    .. [1] Salakhutdinov and Hinton, "Semantic hashing", International Journal of Approximate
       Reasoning 50, 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import NearestNeighbors
    >>> from skae import SemanticHashing
    >>> X, y = load_digits(return_X_y=True)
    >>> hashing = SemanticHashing(16, max_iter=20, random_state=0).fit(X)
    >>> bits = hashing.transform(X)
    >>> bits.shape, bits.dtype
    ((1797, 16), dtype('uint8'))
    >>> hashing.pack(X).shape
    (1797, 2)
    >>> index = NearestNeighbors(n_neighbors=2, metric="hamming").fit(bits)
    >>> _, neighbours = index.kneighbors(bits)
    >>> bool((y[neighbours[:, 1]] == y).mean() > 0.6)
    True
    """

    _parameter_constraints: dict = {
        **DensityAutoencoder._parameter_constraints,
        "noise_level": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=32,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        noise_level=1.0,
        loss="squared_error",
        output_activation="auto",
        latent_density=None,
        learning_rate="annealed",
        learning_rate_init=0.003,
        batch_size="auto",
        max_iter=50,
        early_stopping=True,
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
            n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            architecture=architecture,
            loss=loss,
            output_activation=output_activation,
            latent_density=latent_density,
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
        self.noise_level = noise_level

    @tensors_welcome
    def pack(self, X):
        """Encode X as bytes, eight bits in each.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        packed : ndarray of shape (n_samples, ceil(n_components / 8)), uint8
            The bits of `transform`, the first one highest; what is left of the last byte is zero.
            ``numpy.unpackbits(packed, axis=1, count=n_components)`` gives the bits back.
        """
        return np.packbits(np.asarray(self.transform(X), dtype=np.uint8), axis=1)

    def _code_dtype(self, X):
        return np.uint8

    def _default_density(self, codes):
        return EmpiricalDensity()

    def _draw_codes(self, n_samples, random_state):
        return super()._draw_codes(n_samples, random_state) > 0.5

    def _make_module(self, start):
        encoder, decoder, link = self._make_parts(self.n_components, self.n_components)
        return Autoencoder(
            nn.Sequential(encoder, NoisyBits(self.n_components, self.noise_level)), decoder, link
        )

    def _make_objective(self):
        return Reconstruction(self.loss)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
