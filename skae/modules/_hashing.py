"""Codes of bits."""

import torch
from torch import nn


class NoisyBits(nn.Module):
    """Bits of real numbers: 1 above zero; in training soft ones, of numbers with noise.

    To be heard above the noise, numbers go far from zero, where soft bits are hard ones.

    Parameters
    ----------
    noise_level : float
        Standard deviation of the noise.
    """

    def __init__(self, noise_level):
        super().__init__()
        self.noise_level = noise_level

    def forward(self, a):
        """``(batch, k)`` -> the same shape, in [0, 1]."""
        if not self.training:
            return (a > 0).to(a)
        return torch.add(a, torch.randn_like(a), alpha=self.noise_level).sigmoid()
