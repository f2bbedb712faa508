"""Losses, penalties and objectives against closed forms."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from skae.losses import LOSSES, SCALE_DEGREE, bernoulli_nll, gaussian_nll, log_loss
from skae.modules import VariationalAutoencoder
from skae.objectives import NegativeELBO, importance_log_likelihood
from skae.penalties import gaussian_kl


def test_gaussian_nll_is_that_of_scipy():
    x, mean = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = -stats.norm(mean, np.exp(0.35)).logpdf(x).sum(axis=1)
    np.testing.assert_allclose(gaussian_nll(x, mean, torch.tensor(0.7)), expected)


def test_bernoulli_nll_is_that_of_scipy_and_finite_at_extreme_logits():
    x = torch.tensor([[0.0, 1.0, 1.0]], dtype=torch.float64)
    logits = torch.tensor([[0.3, -0.2, 2.0]], dtype=torch.float64)
    expected = -stats.bernoulli(torch.sigmoid(logits)).logpmf(x).sum(axis=1)
    np.testing.assert_allclose(bernoulli_nll(x, logits), expected)
    np.testing.assert_allclose(3 * log_loss(x, logits), expected)
    assert bernoulli_nll(x, -1e4 * (2 * x - 1)).item() == pytest.approx(3e4)


@pytest.mark.parametrize("name", SCALE_DEGREE)
def test_losses_scale_by_their_degree(name):
    x, output = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        LOSSES[name](10 * x, 10 * output), 10 ** SCALE_DEGREE[name] * LOSSES[name](x, output)
    )


def test_gaussian_kl_is_that_of_torch():
    mean, log_var = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    posterior = torch.distributions.Normal(mean, (0.5 * log_var).exp())
    prior = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(posterior, prior).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_var), expected)


def make_vae():
    torch.manual_seed(0)
    return VariationalAutoencoder(nn.Linear(3, 4), nn.Linear(2, 3))


def test_elbo_weighs_the_divergence_by_beta_and_warm_up():
    module, x = make_vae(), torch.randn(6, 3)
    kl = gaussian_kl(*module.posterior(x))
    objective = NegativeELBO(beta=3.0, kl_warmup=3)
    objective.begin_epoch(module, 0)
    torch.testing.assert_close(objective(module.train(), x)["kl"], 0.25 * 3 * kl)
    torch.testing.assert_close(objective(module.eval(), x)["kl"], 3 * kl)
    objective.begin_epoch(module, 10)
    torch.testing.assert_close(objective(module.train(), x)["kl"], 3 * kl)


def test_importance_sampling_finds_the_exact_likelihood_of_a_linear_model():
    module, x = make_vae().double(), 0.3 * torch.randn(5, 3, dtype=torch.float64)
    weight, bias = module.decoder.weight.detach(), module.decoder.bias.detach()
    covariance = (weight @ weight.T + torch.eye(3)).numpy()
    exact = stats.multivariate_normal(bias.numpy(), covariance).logpdf(x)
    noise = torch.randn(20_000, 2, dtype=torch.float64)
    with torch.no_grad():
        estimate = importance_log_likelihood(module, x, noise, "gaussian")
    np.testing.assert_allclose(estimate, exact, atol=0.05)
