"""What an encoder is given in place of values that were not observed, and how sure a code is."""

import math

import torch
from torch import nn
from torch.nn import functional


class FillMissing(nn.Module):
    """Put what the observed values of a row lead to expect in place of NaN.

    Rows are taken for ``x = mean + loadings z + noise`` with z and the noise normal, the noise of
    each feature on its own. What is put is the mean of x given the observed part of it, within the
    range of the feature.

    Parameters
    ----------
    mean : tensor of shape (n_features,)
    loadings : tensor of shape (n_features, n_factors)
        Without any factors the mean is put.
    precision : tensor of shape (n_features,)
        One over the variance of the noise.
    low, high : tensor of shape (n_features,)
        The ranges.
    """

    def __init__(self, mean, loadings, precision, low, high):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("loadings", loadings)
        self.register_buffer("scaled", loadings * precision[:, None])
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, x):
        """``(batch, n_features)`` -> the same shape."""
        missing = x.isnan()
        rows = missing.any(dim=1).nonzero().squeeze(1)
        if not len(rows):
            return x
        given = torch.where(missing, 0.0, x - self.mean)[rows]
        expected = self.mean + self._factors(given, ~missing[rows]) @ self.loadings.T
        filled = x.index_copy(0, rows, expected.clamp(self.low, self.high).to(x.dtype))
        return torch.where(missing, filled, x)

    def _factors(self, given, observed):
        """The mean of z given what was observed: ``(batch, n_factors)``."""
        n_features, n_factors = self.loadings.shape
        if not n_factors:
            return given.new_zeros(len(given), 0, dtype=self.loadings.dtype)
        pairs = (self.loadings[:, :, None] * self.scaled[:, None, :]).view(n_features, -1)
        precision = (observed.to(pairs.dtype) @ pairs).view(-1, n_factors, n_factors)
        precision = precision + torch.eye(n_factors, dtype=pairs.dtype, device=pairs.device)
        return torch.linalg.solve(precision, given.to(pairs.dtype) @ self.scaled)


class FillOnLogScale(nn.Module):
    """The same of rows with amounts, whose logarithms are what is nearly normal.

    Parameters
    ----------
    fill : FillMissing
        Of rows on the other scale.
    log_scale : LogAmounts
    """

    def __init__(self, fill, log_scale):
        super().__init__()
        self.fill, self.log_scale = fill, log_scale

    def forward(self, x):
        """``(batch, n_features)`` -> the same shape."""
        missing = x.isnan()
        if not missing.any():
            return x
        return torch.where(missing, self.log_scale.inverse(self.fill(self.log_scale(x))), x)


class Unobserved(nn.Module):
    """How much wider a posterior is for what was not observed: its log-variance, less a full row's.

    Of a linear model with normal noise the precision of a code is one, that of the prior, plus what
    each observed value adds: the square of its loading over the variance of the noise. Here what a
    value adds is learned.

    Parameters
    ----------
    n_features, n_components : int
    """

    def __init__(self, n_features, n_components):
        super().__init__()
        # Of a full row each code has a precision of two, until more is known.
        raw = math.log(math.expm1(1 / n_features))
        self.raw_precision = nn.Parameter(torch.full((n_features, n_components), raw))

    @torch.no_grad()
    def begin_at(self, precision):
        """Set what each value adds, ``(n_features, n_components)``."""
        precision = precision.clamp_min(1e-6)
        self.raw_precision.copy_(precision + (-(-precision).expm1()).log())

    def forward(self, missing):
        """``(batch, n_features)``, boolean, -> ``(batch, n_components)``."""
        precision = functional.softplus(self.raw_precision)
        total = 1 + precision.sum(dim=0)
        return total.log() - (total - missing.to(precision) @ precision).clamp_min(1).log()

    def _load_from_state_dict(self, state_dict, prefix, *others):
        # Of models from before there was one: it would change nothing.
        nothing = torch.full_like(self.raw_precision, -30.0)
        state_dict.setdefault(f"{prefix}raw_precision", nothing)
        super()._load_from_state_dict(state_dict, prefix, *others)
