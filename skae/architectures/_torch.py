"""The user's own torch modules."""

from sklearn.base import BaseEstimator
from torch import nn

from skae._documented import Documented, public


@public
class TorchArchitecture(Documented, BaseEstimator):
    """Torch modules of your own as encoder and decoder.

    Parameters
    ----------
    encoder : callable
        A class or function; ``encoder(n_features, n_outputs)`` gives a new module that maps
        (batch, n_features) to (batch, n_outputs). `n_outputs` is `n_components`, but twice that for
        a VAE, which asks for a mean and a log-variance.
    decoder : callable
        ``decoder(n_inputs, n_features)`` gives a new module that maps (batch, n_inputs) to
        (batch, n_features).
    encoder_params, decoder_params : dict, default=None
        Further keyword arguments for the two.

    Notes
    -----
    Pickling a fitted estimator needs importable classes or functions, not lambdas.

    Rows arrive centred and divided by one common scale where the loss is a squared or absolute
    error or the likelihood Gaussian; otherwise as they are.

    See Also
    --------
    MLP : Fully connected layers.
    ConvNet : Convolutions, for images.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from torch import nn
    >>> from skae import AutoencoderTransformer
    >>> from skae.architectures import TorchArchitecture
    >>> X, _ = load_iris(return_X_y=True)
    >>> architecture = TorchArchitecture(encoder=nn.Linear, decoder=nn.Linear)
    >>> ae = AutoencoderTransformer(2, architecture=architecture, max_iter=5, random_state=0)
    >>> ae.fit_transform(X).shape
    (150, 2)
    """

    def __init__(self, encoder, decoder, *, encoder_params=None, decoder_params=None):
        self.encoder = encoder
        self.decoder = decoder
        self.encoder_params = encoder_params
        self.decoder_params = decoder_params

    def make_encoder(self, n_features, n_outputs):
        """Build the encoder.

        Parameters
        ----------
        n_features, n_outputs : int
            Widths of its input and output.

        Returns
        -------
        nn.Module
            (batch, n_features) -> (batch, n_outputs).

        Raises
        ------
        TypeError
            If `encoder` is not a factory of torch modules.
        """
        return _build("encoder", self.encoder, n_features, n_outputs, self.encoder_params)

    def make_decoder(self, n_inputs, n_features):
        """Build the decoder.

        Parameters
        ----------
        n_inputs, n_features : int
            Widths of its input and output.

        Returns
        -------
        nn.Module
            (batch, n_inputs) -> (batch, n_features).

        Raises
        ------
        TypeError
            If `decoder` is not a factory of torch modules.
        """
        return _build("decoder", self.decoder, n_inputs, n_features, self.decoder_params)


def _build(role, factory, n_inputs, n_outputs, params):
    if isinstance(factory, nn.Module) or not callable(factory):
        raise TypeError(
            f"{role} must be a class or a function that returns a new torch module, since each fit "
            f"needs one of its own; got {factory!r}. Pass the class, or a function of "
            "(n_inputs, n_outputs)."
        )
    module = factory(n_inputs, n_outputs, **(params or {}))
    if not isinstance(module, nn.Module):
        raise TypeError(f"{role} must return a torch.nn.Module; it returned {module!r}.")
    return module
