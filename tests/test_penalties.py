"""Penalties against closed forms."""

import math

import pytest
import torch

from skae.penalties import activation_kl, gaussian_kl, mean_absolute, squared_jacobian_norm


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_gaussian_kl_is_that_of_torch():
    mean, log_var = draw(2, 4, 3)
    posterior = torch.distributions.Normal(mean, (0.5 * log_var).exp())
    prior = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(posterior, prior).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_var), expected)


def test_activation_kl_is_that_of_the_mean_of_each_unit():
    z = torch.tensor([[0.1, 0.5], [0.3, 0.7]], dtype=torch.float64)
    of_units = [
        0.2 * math.log(0.2 / mean) + 0.8 * math.log(0.8 / (1 - mean)) for mean in (0.2, 0.6)
    ]
    expected = torch.full((2,), sum(of_units) / 2, dtype=torch.float64)
    torch.testing.assert_close(activation_kl(z, 0.2), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_units_that_always_say_the_same_cost_a_finite_price(value):
    """As if a millionth of the rows were otherwise."""
    z = torch.full((3, 2), value, dtype=torch.float64)
    target = 0.3 if value else 0.7  # the share of the rows that should be otherwise is 0.7
    expected = 0.3 * math.log(0.3 / (1 - 1e-6)) + 0.7 * math.log(0.7 / 1e-6)
    assert activation_kl(z, target).tolist() == pytest.approx([expected] * 3)


def test_mean_absolute_is_that_of_each_row():
    assert mean_absolute(torch.tensor([[1.0, -3.0], [0.0, 0.0]])).tolist() == [2.0, 0.0]


def test_the_jacobian_of_one_code_needs_no_luck():
    """The sign of the only code does not matter; |d (w x)^2 / dx|^2 = (2 w x)^2 |w|^2."""
    weight, x = draw(3), draw(5, 3)
    z, norm = squared_jacobian_norm(lambda x: (x @ weight).square()[:, None], x)
    torch.testing.assert_close(z[:, 0], (x @ weight).square())
    torch.testing.assert_close(norm, 4 * (x @ weight).square() * weight.square().sum())
    assert not x.requires_grad


def test_the_estimate_has_the_norm_as_mean_and_works_without_gradients():
    """Of codes that share features the signs matter: (a + b)^2 and (a - b)^2 in turn."""
    torch.manual_seed(0)
    with torch.no_grad():
        x = torch.zeros(1000, 1)
        _, norm = squared_jacobian_norm(lambda x: torch.cat([x, 2 * x], dim=1), x)
    assert set(norm.tolist()) == {1.0, 9.0}
    assert norm.mean().item() == pytest.approx(5, abs=0.5)
