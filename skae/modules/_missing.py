"""What an encoder is given in place of values that were not observed."""

import torch
from torch import nn


class FillMissing(nn.Module):
    """Put a constant of each feature in place of NaN.

    Parameters
    ----------
    values : tensor of shape (n_features,)
    """

    def __init__(self, values):
        super().__init__()
        self.register_buffer("values", values)

    def forward(self, x):
        """``(batch, n_features)`` -> the same shape."""
        return torch.where(x.isnan(), self.values.to(x.dtype), x)
