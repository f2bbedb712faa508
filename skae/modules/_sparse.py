"""What makes codes sparse."""

import torch
from torch import nn
from torch.nn import functional


class KeepLargest(nn.Module):
    """Keep the largest values of each row; the others become zero.

    Parameters
    ----------
    n_kept, n_kept_in_inference : int
    """

    def __init__(self, n_kept, n_kept_in_inference):
        super().__init__()
        self.n_kept, self.n_kept_in_inference = n_kept, n_kept_in_inference
        self.done = 1.0

    def anneal(self, done):
        """Keep a number between all, at 0, and `n_kept`, at 1, in training; returns `done`."""
        self.done = done
        return done

    def forward(self, z):
        """``(batch, k)`` -> the same shape."""
        n_units, n_kept = z.shape[1], self.n_kept_in_inference
        if self.training:
            n_kept = round(n_units + self.done * (self.n_kept - n_units))
        if n_kept >= n_units:
            return z
        largest, places = z.topk(n_kept, dim=1, sorted=False)
        return torch.zeros_like(z).scatter(1, places, largest)


class UnitAtoms(nn.Module):
    """A linear layer whose columns have norm 1, as the atoms of a dictionary.

    Parameters
    ----------
    linear : nn.Linear
        What it starts as, but for the norms.
    """

    def __init__(self, linear):
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, z):
        """``(batch, n_inputs) -> (batch, n_outputs)``."""
        return functional.linear(z, functional.normalize(self.weight, dim=0), self.bias)
