"""Reconstruction losses and negative log-likelihoods, as pure functions of tensors.

Every function takes the rows and the decoder's raw output, both ``(batch, n_features)``, and
returns one value per row, ``(batch,)``. "Raw" means before the link: `log_loss` and
`bernoulli_nll` take logits, which keeps them exact where a probability rounds to 0 or 1.
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
    "gaussian_nll",
    "log_loss",
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
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="none").mean(dim=1)


def gaussian_nll(x, mean, log_variance):
    """``-log N(x; mean, exp(log_variance) I)`` in nats, summed over the features."""
    n_features = x.shape[1]
    squares = (x - mean).square().sum(dim=1)
    return 0.5 * (
        squares * torch.exp(-log_variance) + n_features * (log_variance + math.log(2 * math.pi))
    )


def bernoulli_nll(x, logits, log_variance=None):
    """``-log Bernoulli(x; logistic(logits))`` in nats, summed over the features.

    Between 0 and 1 the value is the cross-entropy, the usual relaxation. `log_variance` is
    accepted, and ignored, so that all likelihoods are called alike.
    """
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)


LOSSES = {
    "absolute_error": absolute_error,
    "log_loss": log_loss,
    "squared_error": squared_error,
}

LIKELIHOODS = {
    "bernoulli": bernoulli_nll,
    "gaussian": gaussian_nll,
}

# What maps the decoder's raw output to the data, where it is not the identity.
LINKS = {"bernoulli": "logistic", "log_loss": "logistic"}

# loss(c * x, c * output) == c ** degree * loss(x, output). A loss without a degree is not
# homogeneous: its data have a scale of their own, [0, 1], and are not standardized.
SCALE_DEGREE = {"absolute_error": 1, "squared_error": 2}
