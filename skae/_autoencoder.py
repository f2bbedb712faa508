"""The plain autoencoder."""

from skae._base.missing import MissingValuesMixin
from skae._base.parameters import keep, public
from skae._base.pca_start import PCAStartAutoencoder
from skae.modules import Autoencoder
from skae.objectives import Reconstruction


@public
class AutoencoderTransformer(MissingValuesMixin, PCAStartAutoencoder):
    r"""Nonlinear dimensionality reduction by an autoencoder.

    The neural counterpart of :class:`~sklearn.decomposition.PCA`. With an encoder f and a decoder g
    it minimizes

    .. math:: \frac{1}{n} \sum_i L(x_i, g(f(x_i))),

    where L is the mean over the features of the squared error, or another `loss` [1]_. By default f
    and g are each a linear map plus a network; the linear maps start at the principal components
    and the networks at zero, so training starts as PCA and the best epoch on held-out rows is kept.
    Small data are also trained on from random weights, which is sometimes better (see `init`).

    X is centred and divided by one number inside, so its units do not matter. The relative scales
    of the features do, as for PCA: standardize features that are not comparable.

    Parameters
    ----------
    .. shared:: pca

    Attributes
    ----------
    explained_variance_ratio_
        .. shared::
    .. shared:: pca

    See Also
    --------
    DenoisingAutoencoder : Learns to remove noise.
    VAETransformer : A generative model, with a likelihood.
    sklearn.decomposition.PCA : The linear, exact and much faster method.

    Notes
    -----
    `score_samples` is minus the loss of each row, in units of X.

    References
    ----------
    .. [1] Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks",
       Science 313, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(n_components=8, max_iter=10, random_state=0).fit(X)
    >>> ae.transform(X).shape
    (1797, 8)
    >>> ae.inverse_transform(ae.transform(X)).shape
    (1797, 64)
    >>> ae.sample(3, random_state=0).shape
    (3, 64)
    """

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        allow_nan=False,
        loss="squared_error",
        output_activation="auto",
        init="auto",
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

    def _assemble_parts(self, encoder, decoder, link):
        return Autoencoder(encoder, decoder, link)

    def _make_objective(self):
        return Reconstruction(self.loss, self.allow_nan)
