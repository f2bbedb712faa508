"""Centring and one common scale, so that the units of X never matter to training."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from skae._batches import chunks, dense_tensor


class Scaling(nn.Module):
    """``x -> (x - mean) / scale`` in float32 and back, with one scale for all features.

    A common scale leaves the squared error what it was, up to a constant. The subtraction is done
    in the dtype of x, so that float64 rows far from zero lose nothing. It stays on the CPU.

    Parameters
    ----------
    mean : array of shape (n_features,)
    scale : float
    """

    def __init__(self, mean, scale):
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float64))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float64))
        self.is_identity = bool(self.scale == 1 and not self.mean.any())

    def forward(self, x):
        """Standardize, ``(n, n_features)``, any floating dtype -> float32."""
        if self.is_identity:
            return x.float()
        return ((x - self.mean.to(x.dtype)) / self.scale.to(x.dtype)).float()

    def inverse(self, x):
        """Back to the units of the data, in the dtype of x."""
        if self.is_identity:
            return x
        return x * self.scale.to(x.dtype) + self.mean.to(x.dtype)


@dataclass(frozen=True)
class ColumnStatistics:
    """Weighted moments and bounds of the columns of X, each of shape (n_features,).

    `low_share` and `high_share` say how much of the weight lies exactly on the smallest and the
    largest value.
    """

    mean: np.ndarray
    variance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    low_share: np.ndarray
    high_share: np.ndarray

    @classmethod
    def measure(cls, X, subset, weight=None):
        """Read the rows `subset` of X twice, block by block, in float64."""
        weight = np.ones(len(subset)) if weight is None else np.asarray(weight)[subset]
        share = torch.from_numpy(weight / weight.sum())
        blocks = [(share[chunk], subset[chunk]) for chunk in chunks(len(subset))]
        mean, variance, low_share, high_share = torch.zeros((4, X.shape[1]), dtype=torch.float64)
        low, high = torch.full_like(mean, torch.inf), torch.full_like(mean, -torch.inf)
        for w, rows in blocks:
            x = dense_tensor(X, rows).double()
            mean += w @ x
            low, high = torch.minimum(low, x.amin(0)), torch.maximum(high, x.amax(0))
        constant = low == high
        mean = torch.where(constant, low, mean)  # the rounded mean of a constant is not quite it
        for w, rows in blocks:
            x = dense_tensor(X, rows).double()
            variance += w @ (x - mean).square()
            low_share += w @ (x == low).double()
            high_share += w @ (x == high).double()
        parts = (mean, variance, low, high, low_share, high_share)
        return cls(*(part.numpy() for part in parts))

    def scaling(self):
        """The scaling to zero means and a mean variance of one."""
        scale = np.sqrt(self.variance.mean())
        if not np.isfinite(scale):
            raise ValueError(
                f"The values of X are too large: they reach {np.abs(self.high).max():.3g}, and "
                "their variance overflows. Rescale X, for example with StandardScaler."
            )
        return Scaling(self.mean, scale if scale > 0 else 1.0)

    def bounds(self, min_share):
        """Bounds that the data show: infinite where less than `min_share` lies on them."""
        return (
            np.where(self.low_share >= min_share, self.low, -np.inf),
            np.where(self.high_share >= min_share, self.high, np.inf),
        )
