"""The objective of a variational autoencoder, and the likelihood that it bounds."""

import math
from dataclasses import dataclass

import torch

from skae.penalties import gaussian_kl

# Draws of few rows are decoded together, as far as this.
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class NegativeELBO:
    """``-E_q[log p(x | z)] + beta * KL(q(z | x) || N(0, I))``, in nats per row.

    With several draws the bound is the tighter one of importance weighting [1]_, ``-E log mean_l
    w_l`` with ``log w = log p(x | z) + beta * log(p(z) / q(z | x))``.

    Parameters
    ----------
    beta : float
        Weight of the divergence.
    kl_warmup : int
        After ``t`` epochs of training, parts of epochs included, the divergence counts ``min(1, t /
        kl_warmup)`` times. In validation it counts in full, so that epochs can be compared.
    n_draws : int
        Draws of z for each row.

    References
    ----------
    .. [1] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.
    """

    beta: float = 1.0
    kl_warmup: int = 0
    n_draws: int = 1

    @property
    def warmup_epochs(self):
        """Epochs that do not count when the best one is looked for."""
        return self.kl_warmup

    def before_step(self, module, n_epochs):
        """Set the weight of the divergence after so many epochs, such as 2.5."""
        if self.kl_warmup:
            module.kl_weight.fill_(min(1.0, n_epochs / self.kl_warmup))

    def __call__(self, module, x, y=None):
        mean, log_var = module.posterior(x)
        weight = self.beta * (module.kl_weight if module.training else 1.0)
        if self.n_draws == 1:
            nll = module.nll(x, module.output(draw(mean, log_var), y))
            return {"reconstruction": nll, "kl": weight * gaussian_kl(mean, log_var)}
        z, log_ratio = draw_many(mean, log_var, self.n_draws)
        y = None if y is None else y.repeat(self.n_draws)
        nll = module.nll(x.repeat(self.n_draws, 1), module.output(z, y)).view(self.n_draws, -1)
        log_weights = weight * log_ratio - nll
        bound = math.log(self.n_draws) - log_weights.logsumexp(dim=0)
        # The part of the rows, so that both parts are known; their sum is the bound.
        reconstruction = (log_weights.detach().softmax(dim=0) * nll).sum(dim=0)
        return {"reconstruction": reconstruction, "kl": bound - reconstruction}


def draw(mean, log_var):
    """A draw of each normal distribution that the gradient passes through."""
    return mean + torch.randn_like(mean) * (0.5 * log_var).exp()


def draw_many(mean, log_var, n_draws):
    """Several draws of each row, one after the other, and ``log(p(z) / q(z | x))`` of each.

    Returns
    -------
    z : tensor of shape (n_draws * batch, k)
    log_ratio : tensor of shape (n_draws, batch)
    """
    noise = torch.randn(n_draws, *mean.shape, device=mean.device, dtype=mean.dtype)
    z = mean + noise * (0.5 * log_var).exp()
    log_ratio = 0.5 * (noise.square() + log_var - z.square()).sum(dim=2)
    return z.flatten(0, 1), log_ratio


def importance_log_likelihood(module, x, noise, *told, n_rows=None):
    """Importance-weighted estimate of ``log p(x)`` in nats [1]_.

    ``log (1/L) sum_l p(x | z_l) p(z_l) / q(z_l | x)`` with ``z_l ~ q(z | x)``: a lower bound in
    expectation, the tighter the more draws.

    Parameters
    ----------
    module : VariationalAutoencoder
    x : tensor of shape (batch, n_features)
    noise : tensor of shape (n_draws, n_components)
        Standard normal draws. Every row uses the same ones, so that the estimate of a row does not
        depend on its neighbours.
    *told : tensor of shape (batch,)
        What else the module depends on, such as the class: the estimate is of ``log p(x | told)``.
    n_rows : int or None
        How many of the rows, the first, an estimate is wanted of; None means all.

    Returns
    -------
    tensor of shape (n_rows,)

    References
    ----------
    .. [1] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.
    """
    mean, log_var = (part[:n_rows] for part in module.posterior(x, *told))
    n_spare = len(x) - len(mean)
    x, told = x[:n_rows], [label[:n_rows] for label in told]
    log_weights = []
    for some in noise.split(max(1, ROWS_AT_ONCE // len(x))):  # few rows at a time take longer
        z = mean + some[:, None] * (0.5 * log_var).exp()
        repeated = (label.repeat(len(some)) for label in told)
        output = module.output(z.flatten(0, 1), *repeated)
        log_p_x = -module.nll(x.repeat(len(some), 1), output).view(len(some), -1)
        log_p_z = -0.5 * z.square().sum(dim=2)
        log_q_z = -0.5 * (some.square()[:, None] + log_var).sum(dim=2)
        log_weights.append(log_p_x + log_p_z - log_q_z)
    # Few columns would be summed in another order.
    log_weights = torch.constant_pad_nd(torch.cat(log_weights), (0, n_spare))
    return log_weights.logsumexp(dim=0)[:n_rows] - math.log(len(noise))
