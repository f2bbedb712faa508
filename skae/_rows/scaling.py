"""Centring and one common scale, so that the units of X never matter to training."""

import torch
from torch import nn

# Float32 rows whose mean is at most so many scales from zero lose next to nothing if one operation
# takes the place of a subtraction and a division, in half of the time.
MAX_FUSED_OFFSET = 100
# No scale of rows changes by such a factor.
MAX_CHANGE = 1e6


class Scaling(nn.Module):
    """``x -> (x - mean) / scale`` in float32 and back, mostly with one scale for all features.

    A common scale leaves the squared error what it was, up to a constant. The subtraction is done
    in the dtype of x, so that float64 rows far from zero lose nothing. It stays on the CPU.

    Parameters
    ----------
    mean : array of shape (n_features,)
    scale : float or array of shape (n_features,)
    bounds : pair of arrays of shape (n_features,) or None
        What ``inverse`` clips to, in the units of the data.
    """

    def __init__(self, mean, scale, bounds=None):
        super().__init__()
        self.bounds = bounds
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))
        self.is_identity = bool((self.scale == 1).all() and not self.mean.any())
        near_zero = (self.mean.abs() <= MAX_FUSED_OFFSET * self.scale).all()
        ordinary = ((self.scale > 1e-30) & (self.scale < 1e30)).all()
        self.is_fused = bool(near_zero and ordinary)

    def arguments(self):
        """What makes one like this, in plain arrays."""
        return {"mean": self.mean.numpy(), "scale": self.scale.numpy(), "bounds": self.bounds}

    def is_far_from(self, other):
        """Whether a scale is more than twice or less than half, or means lie a scale apart.

        What is further away than any change of scale would be is taken for an error: it is not.
        """
        factor = (self.scale / other.scale).log2().abs().max().exp2()
        shift = ((self.mean - other.mean) / other.scale).square().mean().sqrt()
        return bool((factor > 2 or shift > 1) and max(factor, shift) < MAX_CHANGE)

    def forward(self, x):
        """Standardize, ``(n, n_features)``, any floating dtype -> float32."""
        if self.is_identity:
            return x.float()
        if self.is_fused and x.dtype == torch.float32:
            return torch.addcmul((-self.mean / self.scale).float(), x, (1 / self.scale).float())
        return (x - self.mean.to(x.dtype)).div_(self.scale.to(x.dtype)).float()

    def inverse(self, x, *, clip=True):
        """Back to the units of the data, in the dtype of x; if `clip`, within the bounds."""
        if not self.is_identity:
            x = x * self.scale.to(x.dtype) + self.mean.to(x.dtype)
        if clip and self.bounds is not None:
            x = x.clamp(*(torch.from_numpy(bound).to(x.dtype) for bound in self.bounds))
        return x


def standardized(source, rows, scaling):
    """Rows of a `Source` as a dense float32 tensor, scaled; never a view of X."""
    is_identity = getattr(scaling, "is_identity", False)
    return scaling(source.tensor(rows, copy=is_identity))
