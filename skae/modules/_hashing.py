"""Codes of bits."""

import torch
from torch import nn


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
        self.norm = nn.BatchNorm1d(n_bits, affine=False, momentum=self.MOMENTUM)
        self.noise_level = noise_level

    def forward(self, a):
        """``(batch, k)`` -> the same shape, in [0, 1]."""
        if not self.training:
            return (a > self.norm.running_mean).to(a)
        numbers = self._standardized(a)
        noisy = torch.add(numbers, torch.randn_like(a), alpha=self.noise_level)
        return (self.SLOPE * noisy).sigmoid()

    def _standardized(self, a):
        if len(a) > 1:
            return self.norm(a)
        mean, variance = self.norm.running_mean, self.norm.running_var
        standardized = (a - mean) / (variance + self.norm.eps).sqrt()
        with torch.no_grad():  # one row has a spread only about the mean of those before
            variance.lerp_((a[0] - mean).square().to(variance), self.MOMENTUM)
            mean.lerp_(a[0].to(mean), self.MOMENTUM)
        return standardized

    def _load_from_state_dict(self, state_dict, prefix, *others):
        # Of models from before there was a norm: their bits are those of a mean of 0.
        for name, value in nn.BatchNorm1d(self.norm.num_features, affine=False).named_buffers():
            state_dict.setdefault(f"{prefix}norm.{name}", value)
        super()._load_from_state_dict(state_dict, prefix, *others)
