"""Codes in coordinates of their own: what lies between an encoder and its decoder."""

import torch
from torch import nn

NAMES = "mean", "matrix", "inverse_matrix"


class LinearCodes(nn.Module):
    """An invertible linear map of codes, ``z -> matrix (z - mean)``, and the way back.

    The decoder is given what the encoder gave, whatever the map: reconstructions are what they were
    but for rounding. Until `set` says what the map is, and after `forget`, there is none.
    """

    def __init__(self):
        super().__init__()
        for name in NAMES:
            self.register_buffer(name, torch.zeros(0))

    def set(self, mean, matrix, inverse_matrix):
        """Set the map: tensors of shape (k,), (k, k) and (k, k)."""
        for name, value in zip(NAMES, (mean, matrix, inverse_matrix), strict=True):
            # Copies have their rows one after the other: in another order digits would differ.
            value = value.to(self.mean.device, torch.float32).contiguous()
            setattr(self, name, value)

    def forget(self):
        """Give codes as the encoder gives them."""
        self.set(*(torch.zeros(0) for _ in NAMES))

    def forward(self, z):
        """``(batch, k)`` -> the same shape."""
        return nn.functional.linear(z - self.mean, self.matrix) if len(self.mean) else z

    def after(self, weight):
        """The weight of a linear layer and of this map after it, ``(k, n_inputs)``."""
        return self.matrix @ weight if len(self.mean) else weight

    def inverse(self, z):
        """The opposite."""
        if not len(self.mean):
            return z
        return nn.functional.linear(z, self.inverse_matrix, self.mean)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name in NAMES:
            there = getattr(self, name)
            # A file of before does not know of these.
            value = state_dict.setdefault(prefix + name, there.new_zeros(0))
            if value.shape != there.shape:
                setattr(self, name, there.new_zeros(value.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
