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


def activation_kl(z, target, weight=None):
    """``KL(Bernoulli(target) || Bernoulli(mean of z))`` in nats, averaged over the units.

    The mean is that of the batch, so all rows have the same value.

    Parameters
    ----------
    z : tensor of shape (batch, k)
        Activations in [0, 1].
    target : float
        In (0, 1).
    weight : tensor of shape (batch,) or None
        Of the rows, in the mean.

    Returns
    -------
    tensor of shape (batch,)
    """
    mean = z.mean(dim=0) if weight is None else weight @ z / weight.sum()
    mean = EPSILON + (1 - 2 * EPSILON) * mean
    active = target * (target / mean).log()
    silent = (1 - target) * ((1 - target) / (1 - mean)).log()
    return (active + silent).mean().expand(len(z))


def gaussian_kl(mean, log_var):
    """``KL(N(mean, diag(exp(log_var))) || N(0, I))`` in nats, ``(batch, k) -> (batch,)``."""
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(dim=1)


def maximum_mean_discrepancy(z, drawn, unit, weight=None):
    """Unbiased estimate of the squared distance between what `z` and `drawn` are drawn from [1]_.

    ``E k(z, z') + E k(d, d') - 2 E k(z, d)``, over pairs of different rows, with the inverse
    multiquadric kernel ``k(a, b) = sum_s s c / (s c + |a - b|^2)`` [2]_, where c is `unit` and s
    one of `KERNEL_SCALES`.

    Parameters
    ----------
    z : tensor of shape (batch, k)
    drawn : tensor of shape (batch, k)
    unit : float
        The squared distance at which the kernel has half of its largest value, such as the mean
        one of two draws.
    weight : tensor of shape (batch,) or None
        Of the rows, in all means.

    Returns
    -------
    tensor of shape (batch,)
        The part of each row, whose mean is the estimate. It may be negative. A row alone has 0.

    References
    ----------
    .. [1] Gretton, Borgwardt, Rasch, Scholkopf and Smola, "A kernel two-sample test", JMLR 13,
       2012.
    .. [2] Tolstikhin, Bousquet, Gelly and Scholkopf, "Wasserstein auto-encoders", ICLR 2018.
    """
    centre = drawn.mean(dim=0)
    z, drawn = z - centre, drawn - centre  # squares of numbers far from 0 would be rounded
    between = _kernel(z, drawn, unit)
    pairs = _kernel(z, z, unit) + _kernel(drawn, drawn, unit) - between - between.T
    # No row makes a pair with itself, nor with the draw of its number: then pairs are all alike.
    if weight is None:
        return (pairs.sum(dim=1) - pairs.diagonal()) / max(len(z) - 1, 1)
    others = weight.sum() - weight
    others = torch.where(others > 0, others, 1)
    return (pairs @ weight - pairs.diagonal() * weight) / others


def _kernel(a, b, unit):
    # By a product, which takes less memory than the differences of all pairs by a factor of k.
    squares = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1)
    distances = (squares - 2 * a @ b.T).clamp_min(0) / unit
    scales = distances.new_tensor(KERNEL_SCALES)[:, None, None]
    return (scales / (scales + distances)).sum(dim=0)


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
