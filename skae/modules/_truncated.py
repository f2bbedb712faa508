"""Draws within bounds."""

import torch

# Where all of so many draws lie outside, the last is moved to the bound.
MAX_REDRAWS = 20


def truncated_normal(low, high):
    """Standard normal draws between bounds, in float64: by the inverse of the distribution.

    Parameters
    ----------
    low, high : tensor of shape (batch, n_columns)
        They may be infinite.
    """
    return _from_lower_tail(torch.special.ndtr, torch.special.ndtri, low, high)


def truncated_laplace(low, high):
    """The same of the Laplace distribution with a scale of 1."""
    return _from_lower_tail(_laplace_below, _laplace_quantile, low, high)


def redrawn(draw, low, high):
    """What `draw` gives, again and again where it is not between bounds."""
    found = draw()
    for _ in range(MAX_REDRAWS):
        outside = (found < low) | (found > high)
        if not outside.any():
            break
        found = torch.where(outside, draw(), found)
    return found.clamp(low, high)


def _from_lower_tail(below, quantile, low, high):
    """Draws of a distribution that is symmetric around 0."""
    low, high = low.double(), high.double()
    # Mirrored to where probabilities are small numbers, and not what is left of 1.
    turned = low + high > 0
    low, high = torch.where(turned, -high, low), torch.where(turned, -low, high)
    start, end = below(low), below(high)
    # Not 0, whose quantile is infinite.
    share = torch.rand_like(start).clamp_min(torch.finfo(start.dtype).eps)
    # Where nothing is left of either probability it is the bound that is nearer to 0.
    found = torch.maximum(torch.minimum(quantile(start + (end - start) * share), high), low)
    found = torch.where(end > 0, found, high)
    return torch.where(turned, -found, found)


def _laplace_below(x):
    return torch.where(x < 0, 0.5 * x.clamp_max(0).exp(), 1 - 0.5 * (-x.clamp_min(0)).exp())


def _laplace_quantile(share):
    return torch.where(share < 0.5, (2 * share).log(), -(2 * (1 - share)).log())
