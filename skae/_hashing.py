"""Semantic hashing."""

import numpy as np
from torch import nn

from skae._base.parameters import keep, public
from skae._base.reconstruction import DensityAutoencoder
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
    n_components
        Number of bits.
    noise_level : float, default=1.0
        Standard deviation :math:`\sigma` of the noise that is added before the logistic function in
        training, in those of what it is added to. More noise leaves less room in the code: it keeps
        what most rows differ by, and similar rows share it. With less, codes are reconstructed
        better.
    latent_density
        What `sample` draws codes from, fitted to (at most 10 000) training codes when first needed;
        what is above 1/2 is a 1. None draws from those codes themselves.
    .. shared::

    Attributes
    ----------
    .. shared::

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
        max_iter="auto",
        early_stopping=True,
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

    def _draw_codes(self, n_samples, random_state, y=None):
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
