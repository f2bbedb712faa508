"""The denoising autoencoder."""

from skae._base.corruption import CorruptionMixin
from skae._base.missing import MissingValuesMixin
from skae._base.parameters import keep, public
from skae._base.pca_start import PCAStartAutoencoder
from skae.modules import CorruptedAutoencoder


@public
class DenoisingAutoencoder(MissingValuesMixin, CorruptionMixin, PCAStartAutoencoder):
    r"""Autoencoder that learns to undo a corruption of its input.

    With an encoder f, a decoder g and a random corruption c, drawn anew for each batch, it
    minimizes

    .. math:: \frac{1}{n} \sum_i \mathbb{E}_c\, L(x_i, g(f(c(x_i)))),

    so that reconstructions of noisy rows come out clean, and codes hold what survives the noise
    [1]_. Fit it on clean rows.

    Parameters
    ----------
    allow_nan
        .. shared::
        Masked values are then taken for missing ones, not for 0.
    .. shared:: pca

    Attributes
    ----------
    reconstruction_err_
        .. shared::
        It is of corrupted rows against clean ones.
    explained_variance_ratio_
        .. shared::
    .. shared:: pca

    See Also
    --------
    AutoencoderTransformer : Without a corruption.

    Notes
    -----
    `transform`, `inverse_transform` and `score_samples` corrupt nothing. `score_samples` is minus
    the loss of each row, in units of X. The validation rows are corrupted alike in each epoch, so
    that epochs can be compared.

    References
    ----------
    .. [1] Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising autoencoders", JMLR
       11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> dae = DenoisingAutoencoder(32, noise_level=4.0, max_iter=10, random_state=0).fit(X)
    >>> dae.denoise(X).shape
    (1797, 64)
    """

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        noise="gaussian",
        noise_level=0.3,
        clip=False,
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
        return CorruptedAutoencoder(encoder, decoder, link, self._make_corruption())
