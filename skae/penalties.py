"""Penalties on codes, as pure functions of tensors with one value per row."""

import torch

__all__ = [
    "activation_kl",
    "gaussian_kl",
    "maximum_mean_discrepancy",
    "mean_absolute",
    "squared_jacobian_norm",
]

# The kernel of the discrepancy is a sum over these, so that it sees what is near and what is far.
KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
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


def maximum_mean_discrepancy(z, drawn):
    """Unbiased estimate of the squared distance between what `z` and `drawn` are drawn from [1]_.

    ``E k(z, z') + E k(d, d') - 2 E k(z, d)``, over pairs of different rows, with the inverse
    multiquadric kernel ``k(a, b) = sum_s s c / (s c + |a - b|^2)`` [2]_, where c is the mean
    squared distance of two of `drawn` and s one of `KERNEL_SCALES`.

    Parameters
    ----------
    z : tensor of shape (batch, k)
    drawn : tensor of shape (batch, k)

    Returns
    -------
    tensor of shape (batch,)
        The part of each row, whose mean is the estimate. It may be negative.

    References
    ----------
    .. [1] Gretton, Borgwardt, Rasch, Scholkopf and Smola, "A kernel two-sample test", JMLR 13,
       2012.
    .. [2] Tolstikhin, Bousquet, Gelly and Scholkopf, "Wasserstein auto-encoders", ICLR 2018.
    """
    n_others = max(len(z) - 1, 1)
    of_drawn, of_z, between = (_squared_distances(*p) for p in ((drawn,) * 2, (z,) * 2, (z, drawn)))
    unit = of_drawn.sum() / (len(z) * n_others) + torch.finfo(z.dtype).tiny
    same = _kernel(of_drawn, unit) + _kernel(of_z, unit)
    same = (same - torch.diag(same.diagonal())).sum(dim=1)
    between = _kernel(between, unit)
    # Of the pairs of a row with itself there are none on either side, so that both parts are alike.
    other = (between + between.T - 2 * torch.diag(between.diagonal())).sum(dim=1)
    return (same - other) / n_others


def _squared_distances(a, b):
    return (a[:, None] - b[None]).square().sum(dim=2)


def _kernel(distances, unit):
    return sum(s * unit / (s * unit + distances) for s in KERNEL_SCALES)


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
