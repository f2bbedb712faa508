"""The objective of a variational autoencoder, and the likelihood that it bounds."""

import math
from dataclasses import dataclass

import torch

from skae.losses import LIKELIHOODS
from skae.penalties import gaussian_kl


@dataclass(frozen=True)
class NegativeELBO:
    """``-E_q[log p(x | z)] + beta * KL(q(z | x) || N(0, I))``, in nats per row.

    Parameters
    ----------
    likelihood : str
        A name in `skae.losses.LIKELIHOODS`.
    beta : float
        Weight of the divergence.
    kl_warmup : int
        After ``t`` epochs of training, parts of epochs included, the divergence counts ``min(1, t /
        kl_warmup)`` times. In validation it counts in full, so that epochs can be compared.
    """

    likelihood: str = "gaussian"
    beta: float = 1.0
    kl_warmup: int = 0

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
        z = draw(mean, log_var)
        nll = LIKELIHOODS[self.likelihood](x, module.output(z), module.log_variance)
        kl = self.beta * gaussian_kl(mean, log_var)
        return {"reconstruction": nll, "kl": module.kl_weight * kl if module.training else kl}


def draw(mean, log_var):
    """A draw of each normal distribution that the gradient passes through."""
    return mean + torch.randn_like(mean) * (0.5 * log_var).exp()


def importance_log_likelihood(module, x, noise, likelihood, *told):
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
    likelihood : str
        A name in `skae.losses.LIKELIHOODS`.
    *told : tensor of shape (batch,)
        What else the module depends on, such as the class: the estimate is of ``log p(x | told)``.

    Returns
    -------
    tensor of shape (batch,)

    References
    ----------
    .. [1] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.
    """
    mean, log_var = module.posterior(x, *told)
    log_weights = []
    for epsilon in noise:
        z = mean + epsilon * (0.5 * log_var).exp()
        log_p_x = -LIKELIHOODS[likelihood](x, module.output(z, *told), module.log_variance)
        log_p_z = -0.5 * z.square().sum(dim=1)
        log_q_z = -0.5 * (epsilon.square() + log_var).sum(dim=1)
        log_weights.append(log_p_x + log_p_z - log_q_z)
    return torch.stack(log_weights).logsumexp(dim=0) - math.log(len(noise))
