"""Penalties on codes and predictions, as pure functions of tensors with one value per row."""

import torch
from torch.nn import functional

__all__ = [
    "activation_kl",
    "categorical_kl",
    "entropy",
    "gaussian_kl",
    "maximum_mean_discrepancy",
    "mean_absolute",
    "squared_jacobian_norm",
    "virtual_adversarial",
]

# The kernel of the discrepancy is a sum over these, so that it sees what is near and what is far.
KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
# Keeps logarithms of mean activations finite.
EPSILON = 1e-6
# A slope is estimated from a step of so many radii.
PROBE = 4.0


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


def categorical_kl(log_p, log_q):
    """``KL(p || q)`` in nats of the classes of each row, ``(batch, k), (batch, k) -> (batch,)``."""
    p = log_p.exp()
    return torch.where(p > 0, p * (log_p - log_q), 0.0).sum(dim=-1)


def entropy(log_p):
    """That of the classes of each row in nats, ``(batch, k) -> (batch,)``."""
    p = log_p.exp()
    return -torch.where(p > 0, p * log_p, 0.0).sum(dim=-1)


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


def virtual_adversarial(predict, x, log_p, radius):
    """By how much a prediction changes at most within a ball around each row [1]_.

    ``KL(p(x) || p(x + r))`` in nats, where r has the length `radius` and the direction in which the
    divergence grows fastest: one step of the power method from a random direction, by a difference.
    The gradient goes through ``p(x + r)`` only.

    Parameters
    ----------
    predict : callable
        (batch, n_features) -> logarithms of probabilities, (batch, k).
    x : tensor of shape (batch, n_features)
    log_p : tensor of shape (batch, k)
        ``predict(x)``.
    radius : tensor of shape (batch, 1)

    Returns
    -------
    tensor of shape (batch,)

    References
    ----------
    .. [1] Miyato, Maeda, Koyama and Ishii, "Virtual adversarial training: a regularization method
       for supervised and semi-supervised learning", IEEE Transactions on Pattern Analysis and
       Machine Intelligence 41, 2019.
    """
    x, fixed = x.detach(), log_p.detach()
    with torch.enable_grad():
        direction = functional.normalize(torch.randn_like(x), dim=1).requires_grad_()
        changed = categorical_kl(fixed, predict(x + PROBE * radius * direction))
        (gradient,) = torch.autograd.grad(changed.sum(), direction)
    # A flat prediction has no direction; then there is no step.
    return categorical_kl(fixed, predict(x + radius * functional.normalize(gradient, dim=1)))
