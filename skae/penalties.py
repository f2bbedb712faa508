"""Penalties on codes, as pure functions of tensors with one value per row."""

import torch

__all__ = ["activation_kl", "gaussian_kl", "mean_absolute", "squared_jacobian_norm"]

# Keeps logarithms of mean activations finite.
EPSILON = 1e-6


def activation_kl(z, target):
    """``KL(Bernoulli(target) || Bernoulli(mean of z))`` in nats, averaged over the units.

    The mean is that of the batch, so all rows have the same value.

    Parameters
    ----------
    z : tensor of shape (batch, k)
        Activations in [0, 1].
    target : float
        In (0, 1).

    Returns
    -------
    tensor of shape (batch,)
    """
    mean = EPSILON + (1 - 2 * EPSILON) * z.mean(dim=0)
    active = target * (target / mean).log()
    silent = (1 - target) * ((1 - target) / (1 - mean)).log()
    return (active + silent).mean().expand(len(z))


def gaussian_kl(mean, log_var):
    """``KL(N(mean, diag(exp(log_var))) || N(0, I))`` in nats, ``(batch, k) -> (batch,)``."""
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(dim=1)


def mean_absolute(z):
    """Mean of the absolute values, ``(batch, k) -> (batch,)``."""
    return z.abs().mean(dim=1)


def squared_jacobian_norm(encode, x):
    """Codes, and an unbiased estimate of the squared Frobenius norm of their Jacobian.

    ``|J^T v|^2`` has this mean if the components of v are independent with mean 0 and variance 1
    (Hutchinson). Here v is drawn anew for each row; its components are signs.

    Parameters
    ----------
    encode : callable
        (batch, n_features) -> (batch, k), each row apart.
    x : tensor of shape (batch, n_features)

    Returns
    -------
    z : tensor of shape (batch, k)
    norm : tensor of shape (batch,)
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        z = encode(x)
        signs = torch.randint_like(z, 2) * 2 - 1
        (gradient,) = torch.autograd.grad((z * signs).sum(), x, create_graph=True)
    return z, gradient.square().sum(dim=1)
