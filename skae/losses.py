"""Reconstruction losses and negative log-likelihoods, as pure functions of tensors.

Every function takes the rows and the decoder's raw output, both ``(batch, n_features)``, and
returns one value per row, ``(batch,)``. "Raw" means before the link: where the link is the
logistic function, functions take logits, where it is the exponential, logarithms.
"""

import math

import torch
from torch.nn import functional

__all__ = [
    "LIKELIHOODS",
    "LINKS",
    "LOSSES",
    "SCALE_DEGREE",
    "absolute_error",
    "bernoulli_nll",
    "categorical_nll",
    "gaussian_nll",
    "laplace_nll",
    "log_loss",
    "negative_binomial_nll",
    "observed",
    "poisson_nll",
    "squared_error",
]


def squared_error(x, output):
    """Mean over the features of ``(x - output) ** 2``."""
    return functional.mse_loss(output, x, reduction="none").mean(dim=1)


def absolute_error(x, output):
    """Mean over the features of ``|x - output|``."""
    return (x - output).abs().mean(dim=1)


def log_loss(x, logits):
    """Mean over the features of the binary cross-entropy between x and logistic(logits)."""
    return _cross_entropy(x, logits).mean(dim=1)


def gaussian_nll(x, mean, log_variance):
    """``-log N(x; mean, diag(exp(log_variance)))`` in nats, summed over the features.

    `log_variance` is one number, or one for each feature.
    """
    # As a product with the precisions it takes one table less than the sum of `_gaussian`.
    log_variance = log_variance.to(x.dtype).expand(x.shape[1])
    squares = (x - mean).square() @ torch.exp(-log_variance)
    return 0.5 * (squares + (log_variance + math.log(2 * math.pi)).sum())


def laplace_nll(x, mean, log_variance):
    """``-log Laplace(x; mean, sqrt(exp(log_variance) / 2))`` in nats, summed over the features."""
    return _laplace(x, mean, log_variance.to(x.dtype)).sum(dim=1)


def bernoulli_nll(x, logits, parameter=None):
    """``-log Bernoulli(x; logistic(logits))`` in nats, summed over the features.

    Between 0 and 1 the value is the cross-entropy, the usual relaxation. `parameter` is ignored,
    here and below, so that all likelihoods are called alike.
    """
    return _cross_entropy(x, logits).sum(dim=1)


def categorical_nll(x, logits, parameter=None):
    """``-log softmax(logits)`` of the category that x, a one-hot block, has."""
    return -(x * logits.log_softmax(dim=1)).sum(dim=1)


def poisson_nll(x, log_rate, parameter=None):
    """``-log Poisson(x; exp(log_rate))`` in nats, summed over the features."""
    return _poisson(x, log_rate).sum(dim=1)


def negative_binomial_nll(x, log_mean, log_dispersion):
    """``-log NB(x)`` in nats, summed over the features.

    The mean is ``exp(log_mean)``, the variance ``mean + mean ** 2 / exp(log_dispersion)``.
    """
    return _negative_binomial(x, log_mean, log_dispersion).sum(dim=1)


def _poisson(x, log_rate, parameter=None):
    return log_rate.exp() - x * log_rate + torch.lgamma(x + 1)


def _negative_binomial(x, log_mean, log_dispersion):
    size = log_dispersion.exp()
    log_total = torch.logaddexp(log_dispersion, log_mean)
    constant = torch.lgamma(x + size) - torch.lgamma(size) - torch.lgamma(x + 1)
    return -(constant + size * (log_dispersion - log_total) + x * (log_mean - log_total))


def _cross_entropy(x, logits, parameter=None):
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _gaussian(x, mean, log_variance):
    squares = (x - mean).square() * torch.exp(-log_variance)
    return 0.5 * (squares + log_variance + math.log(2 * math.pi))


def _laplace(x, mean, log_variance):
    log_scale = 0.5 * (log_variance - math.log(2))
    return (x - mean).abs() * torch.exp(-log_scale) + log_scale + math.log(2)


# One value for each value of x.
_ELEMENTS = {
    "absolute_error": lambda x, output: (x - output).abs(),
    "bernoulli": _cross_entropy,
    "gaussian": _gaussian,
    "laplace": _laplace,
    "log_loss": _cross_entropy,
    "negative_binomial": _negative_binomial,
    "poisson": _poisson,
    "squared_error": lambda x, output: (x - output).square(),
}


def observed(name, x, output, *parameter):
    """A loss or likelihood of the values of x that are not NaN.

    Losses are means over those, likelihoods are sums; of a row without any they are 0.

    Parameters
    ----------
    name : str
        A name in `LOSSES` or `LIKELIHOODS`.
    x, output : tensor of shape (batch, n_features)
    *parameter : tensor
        Of the likelihood.

    Returns
    -------
    tensor of shape (batch,)
    """
    seen, x = ~x.isnan(), x.nan_to_num()  # a gradient of NaN would be NaN even where it is masked
    if name == "categorical":  # a block is observed as a whole
        return torch.where(seen.all(dim=1), categorical_nll(x, output), 0.0)
    total = torch.where(seen, _ELEMENTS[name](x, output, *parameter), 0.0).sum(dim=1)
    return total / seen.sum(dim=1).clamp_min(1) if name in LOSSES else total


LOSSES = {
    "absolute_error": absolute_error,
    "log_loss": log_loss,
    "squared_error": squared_error,
}

LIKELIHOODS = {
    "bernoulli": bernoulli_nll,
    "categorical": categorical_nll,
    "gaussian": gaussian_nll,
    "laplace": laplace_nll,
    "negative_binomial": negative_binomial_nll,
    "poisson": poisson_nll,
}

# What maps the decoder's raw output to the data, where it is not the identity.
LINKS = {"bernoulli": "logistic", "log_loss": "logistic"}

# loss(c * x, c * output) == c ** degree * loss(x, output). A loss without a degree is not
# homogeneous: its data have a scale of their own, [0, 1], and are not standardized.
SCALE_DEGREE = {"absolute_error": 1, "squared_error": 2}
