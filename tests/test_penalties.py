"""Penalties against closed forms."""

import torch

from skae.penalties import gaussian_kl


def test_gaussian_kl_is_that_of_torch():
    mean, log_var = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    posterior = torch.distributions.Normal(mean, (0.5 * log_var).exp())
    prior = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(posterior, prior).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_var), expected)
