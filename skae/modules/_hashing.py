"""Codes of bits."""

import torch
from torch import nn

from skae.modules._normalization import CodeNorm


class NoisyBits(nn.Module):
    """Bits of real numbers: 1 above their mean; in training soft ones, of numbers with noise.

    Numbers are standardized over the rows of a batch first: each bit is 1 in about half of the
    rows, and none can grow until the noise is no longer heard.

    Parameters
    ----------
    n_bits : int
    noise_level : float
        Standard deviation of the noise, in those of the numbers.
    """

    # Of the logistic function: steep enough for soft bits that are nearly hard ones.
    SLOPE = 4.0
    # What a batch counts in the mean that inference compares with.
    MOMENTUM = 0.05

    def __init__(self, n_bits, noise_level):
        super().__init__()
        self.norm = CodeNorm(n_bits, affine=False, momentum=self.MOMENTUM)
        self.noise_level = noise_level

    def forward(self, a):
        """``(batch, k)`` -> the same shape, in [0, 1]."""
        if not self.training:
            return (a > self.norm.running_mean).to(a)
        noisy = torch.add(self.norm(a), torch.randn_like(a), alpha=self.noise_level)
        return (self.SLOPE * noisy).sigmoid()
