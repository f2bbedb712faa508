"""Centring and one common scale, so that the units of X never matter to training."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from skae._batches import chunks, dense_tensor

# The square of what lies beyond is infinite.
MAX_DEVIATION = 1e150


class Scaling(nn.Module):
    """``x -> (x - mean) / scale`` in float32 and back, with one scale for all features.

    A common scale leaves the squared error what it was, up to a constant. The subtraction is done
    in the dtype of x, so that float64 rows far from zero lose nothing. It stays on the CPU.

    Parameters
    ----------
    mean : array of shape (n_features,)
    scale : float
    bounds : pair of arrays of shape (n_features,) or None
        What ``inverse`` clips to, in the units of the data.
    """

    def __init__(self, mean, scale, bounds=None):
        super().__init__()
        self.bounds = bounds
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
        if not self.is_identity:
            x = x * self.scale.to(x.dtype) + self.mean.to(x.dtype)
        if self.bounds is not None:
            x = x.clamp(*(torch.from_numpy(bound).to(x.dtype) for bound in self.bounds))
        return x


@dataclass(frozen=True)
class ColumnStatistics:
    """Weighted moments and bounds of the columns of `n_rows` rows, each of shape (n_features,).

    `low_share` and `high_share` say how much of the weight lies exactly on the smallest and the
    largest value.
    """

    n_rows: int
    mean: np.ndarray
    deviation: np.ndarray
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
        spread = torch.where(constant, 1.0, high - low)  # so that no square under- or overflows
        for w, rows in blocks:
            x = dense_tensor(X, rows).double()
            variance += w @ ((x - mean) / spread).square()
            low_share += w @ (x == low).double()
            high_share += w @ (x == high).double()
        parts = (mean, spread * variance.sqrt(), low, high, low_share, high_share)
        return cls(len(subset), *(part.numpy() for part in parts))

    def of_a_stream(self):
        """Statistics of the first rows of many: they show a scale, but no bounds."""
        if not self.deviation.any():
            raise ValueError(
                f"The first call of partial_fit fixes the scale of the data, but its {self.n_rows} "
                "rows are all equal. Begin with a fair sample, or with fit."
            )
        nowhere = np.zeros_like(self.low_share)
        return replace(self, low_share=nowhere, high_share=nowhere)

    def scaling(self):
        """The scaling to zero means and a mean variance of one."""
        largest = self.deviation.max()
        if not largest < MAX_DEVIATION:
            raise ValueError(
                f"The values of X, from {self.low.min():.3g} to {self.high.max():.3g}, are too far "
                "apart: float64 can not hold the squares of their differences. Rescale X, for "
                "example with StandardScaler."
            )
        if largest == 0:
            return Scaling(self.mean, 1.0)
        return Scaling(self.mean, largest * np.sqrt(np.mean((self.deviation / largest) ** 2)))

    def bounds(self, min_share, min_rows):
        """Bounds that the data show: infinite where too few rows lie on them."""
        enough = max(min_share, min_rows / self.n_rows)
        return (
            np.where(self.low_share >= enough, self.low, -np.inf),
            np.where(self.high_share >= enough, self.high, np.inf),
        )
