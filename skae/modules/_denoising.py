"""An autoencoder that is trained to undo a corruption."""

import torch
from torch import nn

from skae.modules._autoencoder import Autoencoder


class CorruptedAutoencoder(Autoencoder):
    """An `Autoencoder` with a corruption; only the objective applies it."""

    def __init__(self, encoder, decoder, link, corruption):
        super().__init__(encoder, decoder, link)
        self.corrupt = corruption


class Corruption(nn.Module):
    """Draw a corrupted copy of rows, anew at each call.

    All constants are in the units of the standardized rows.

    Parameters
    ----------
    noise : {"gaussian", "masking", "salt_and_pepper"}
    level : float
        The standard deviation of Gaussian noise, else the share of the values that are replaced.
    zero, low, high : tensor of shape (n_features,)
        What masking puts, and what salt and pepper put.
    clip : bool
        Whether the result is clipped to [low, high].
    """

    def __init__(self, noise, level, zero, low, high, clip):
        super().__init__()
        self.noise, self.level, self.clip = noise, level, clip
        self.register_buffer("zero", zero)
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, x):
        """``(batch, n_features)`` -> the same shape."""
        x = getattr(self, f"_{self.noise}")(x)
        return x.clamp(self.low, self.high) if self.clip else x

    def _gaussian(self, x):
        return x + self.level * torch.randn_like(x)

    def _masking(self, x):
        return torch.where(torch.rand_like(x) < self.level, self.zero, x)

    def _salt_and_pepper(self, x):
        draw = torch.rand_like(x)
        x = torch.where(draw < self.level, self.low, x)
        return torch.where(draw < self.level / 2, self.high, x)
