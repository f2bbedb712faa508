"""The stacked denoising autoencoder."""

from numbers import Integral

import torch
from sklearn.utils._param_validation import Interval
from torch import nn

from skae._base.applying import device_of
from skae._base.corruption import CorruptionMixin
from skae._base.parameters import keep, public
from skae._base.reconstruction import DensityAutoencoder
from skae.architectures._mlp import layer_sizes
from skae.modules import CorruptedAutoencoder, Corruption, LayerAutoencoder, split_layers
from skae.objectives import LayerDenoising

# From how many rows the spread of a layer is measured.
MAX_MEASURED_ROWS = 1000


@public
class StackedDenoisingAutoencoder(CorruptionMixin, DensityAutoencoder):
    r"""Deep denoising autoencoder, whose layers are trained one after the other and then together.

    Each layer :math:`f_l` first learns, with a decoder :math:`g_l` of its own, to denoise what the
    layers below it make of the clean rows, :math:`h_i = f_{l-1}(\ldots f_1(x_i))`, with a random
    corruption c [1]_:

    .. math:: \min_{f_l, g_l} \frac{1}{n} \sum_i \mathbb{E}_c\, L(h_i, g_l(f_l(c(h_i)))).

    From there all layers are trained as those of a :class:`DenoisingAutoencoder`. As the
    transformer of an ``AutoencoderClassifier(..., fine_tune=True)`` it is the classifier of [1]_,
    but for the code, which is linear here: count the hidden layers only.

    Parameters
    ----------
    n_components
        Width of the code, the last layer.
    architecture
        .. shared::
        Both of its networks must be `torch.nn.Sequential` with as many linear layers, as those of
        `MLP` are.
    layer_max_iter : int, default=15
        Epochs of each single layer, before `max_iter` epochs of all of them. It is no different in
        `partial_fit`, whose first call trains the layers on the rows that it is given.
    noise_level
        .. shared::
        Of the layers' values the noise is as large a share as of the rows' (for "gaussian", of
        their spread).
    .. shared::

    Attributes
    ----------
    explained_variance_ratio_
        .. shared::
    layer_loss_curves_ : list of list of float
        Training loss of each epoch of each single layer, of values as that layer sees them.
    .. shared::

    See Also
    --------
    DenoisingAutoencoder : All layers at once, from a start at PCA.
    AutoencoderClassifier : Fine-tunes it with labels.

    Notes
    -----
    `transform`, `inverse_transform` and `score_samples` corrupt nothing. `score_samples` is minus
    the loss of each row, in units of X.

    References
    ----------
    .. [1] Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising autoencoders", JMLR
       11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import StackedDenoisingAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = StackedDenoisingAutoencoder(16, layer_max_iter=2, max_iter=5, random_state=0)
    >>> model.fit(X).denoise(X).shape
    (1797, 64)
    >>> [len(curve) for curve in model.layer_loss_curves_]  # 64 - 256 - 128 - 16
    [2, 2, 2]
    """

    _parameter_constraints: dict = {
        "layer_max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        layer_max_iter=15,
        noise="masking",
        noise_level=0.25,
        clip=False,
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

    def _make_module(self, start):
        encoder, decoder = self._make_networks(self.n_components, self.n_components)
        up, down = split_layers(encoder), split_layers(decoder)
        if not up or not down or len(up) != len(down):
            raise ValueError(
                "StackedDenoisingAutoencoder needs an architecture whose encoder and decoder are "
                "torch.nn.Sequential that start with a torch.nn.Linear and have as many of them, "
                "as MLP makes them. For other networks use DenoisingAutoencoder."
            )
        output, link = self._make_outputs()
        if output is not None:
            decoder = nn.Sequential(decoder, output)
        return CorruptedAutoencoder(encoder, decoder, link, self._make_corruption())

    def _n_epochs_before(self):
        if self.architecture is not None:  # which has as many layers as it likes
            return None
        return (len(layer_sizes(self.hidden_layer_sizes)) + 1) * self.layer_max_iter

    def _before_training(self, start, module, rows, trainer):
        """Train each layer on what those below it give, with the layer that undoes it."""
        self.layer_loss_curves_ = []
        how = {"max_epochs": self.layer_max_iter, "learning_rate": self.learning_rate}
        up, down = split_layers(module.encoder), _split_outputs(module.decoder)[::-1]
        for number, (layer, inverse) in enumerate(zip(up, down, strict=True)):
            below = nn.Sequential(*up[:number])
            corruption = self._corruption_of(below, rows) if number else module.corrupt
            objective = LayerDenoising("squared_error" if number else self.loss)
            part = LayerAutoencoder(below, layer, inverse, corruption)
            curve = trainer.train_part(part, objective, rows, **how)
            self.layer_loss_curves_.append(curve)

    def _corruption_of(self, below, rows):
        """Noise of the values that the layers `below` give, as large as that of the rows."""
        kept = torch.randperm(len(rows))[:MAX_MEASURED_ROWS].sort().values
        with torch.no_grad():
            h = below(rows[kept.to(rows.device)][0].to(device_of(below))).cpu()
        level = self.noise_level
        if self.noise == "gaussian":
            level = level / self.scaling_.scale.item() * h.var(dim=0, correction=0).mean().sqrt()
        low, high = h.amin(dim=0), h.amax(dim=0)
        return Corruption(self.noise, level, torch.zeros_like(low), low, high, clip=False)


def _split_outputs(decoder):
    """The layers of a decoder, the last of them with what ends it."""
    if not isinstance(decoder[0], nn.Sequential):
        return split_layers(decoder)
    network, output = decoder
    layers = split_layers(network)
    layers[-1].append(output)
    return layers
