"""An autoencoder that knows how much its codes move with the rows."""

import torch
from torch import nn

from skae.modules._autoencoder import Autoencoder
from skae.modules._held import HeldSequential
from skae.modules._zeros import SkipZeros
from skae.penalties import squared_jacobian_norm


class ContractiveModule(Autoencoder):
    """An autoencoder whose encoder ends in an elementwise function.

    Parameters
    ----------
    encoder : nn.Module
        (batch, n_features) -> (batch, n_components), before the function.
    code : nn.Sigmoid, nn.Tanh or nn.Identity
    decoder : nn.Module
        (batch, n_components) -> (batch, n_features).
    link : nn.Module
        Elementwise.
    """

    # The derivative of each function, as a function of its value.
    SLOPES = {nn.Sigmoid: lambda z: z * (1 - z), nn.Tanh: lambda z: 1 - z * z, nn.Identity: None}

    def __init__(self, encoder, code, decoder, link=None):
        super().__init__(nn.Sequential(encoder, code), decoder, link)
        # What else a module of one's own does to its layer can not be seen.
        layers = list(encoder) if type(encoder) in (nn.Sequential, HeldSequential) else [encoder]
        self.is_one_layer = len(layers) == 1 and type(layers[0]) in (nn.Linear, SkipZeros)

    def sensitivity(self, x):
        """Codes and the squared Frobenius norm of their Jacobian, ``(batch, k), (batch,)``.

        The norm is exact where the encoder is one layer; otherwise it is an unbiased estimate.
        """
        if not self.is_one_layer:
            return squared_jacobian_norm(self.encode, x)
        z = self.encode(x)
        linear = next(layer for layer in self.encoder.modules() if isinstance(layer, nn.Linear))
        norms = self.principal.after(linear.weight).square().sum(dim=1)
        slope = self.SLOPES[type(self.encoder[1])]
        slopes = torch.ones_like(z) if slope is None else slope(z)
        return z, slopes.square() @ norms
