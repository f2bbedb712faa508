"""Penalties on codes, as pure functions of tensors with one value per row."""

__all__ = ["gaussian_kl"]


def gaussian_kl(mean, log_var):
    """``KL(N(mean, diag(exp(log_var))) || N(0, I))`` in nats, ``(batch, k) -> (batch,)``."""
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(dim=1)
