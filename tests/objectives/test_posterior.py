"""Draws of codes against posteriors in closed form."""

import math

import pytest
import torch

from skae.objectives import posterior_codes
from skae.objectives._posterior import Proposal, effective_size, tempered

NO_CLASSES = torch.zeros(1, dtype=torch.float64)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize(
    ("k", "n_known", "noise", "far"),
    [(1, 1, 0.3, 1.0), (3, 1, 0.05, 1.0), (3, 8, 0.3, 4.0), (10, 4, 0.1, 1.0), (20, 30, 0.05, 1.0)],
)
def test_the_posterior_of_a_linear_model(k, n_known, noise, far):
    """Mean and covariance, in units of its own deviations, from a guess that is wrong."""
    weight, x = normal(n_known, k) / math.sqrt(k), far * normal(3, n_known)
    precision = torch.eye(k) + weight.T @ weight / noise**2
    mean = x @ weight / noise**2 @ precision.inverse()

    def log_likelihood(z, y, rows):
        return -0.5 * ((x[rows][:, None] - z @ weight.T) / noise).square().sum(dim=2)

    z, _, n_effective = posterior_codes(log_likelihood, normal(3, 1, k), 2000, NO_CLASSES)
    units = (z - mean[:, None]) @ torch.linalg.cholesky(precision)
    assert units.mean(dim=1).abs().max() < 0.12
    covariance = torch.einsum("bni,bnj->bij", units, units) / 2000
    assert (covariance - torch.eye(k)).abs().max() < 0.2
    assert (n_effective > 4000).all()


def test_a_posterior_with_two_modes_of_unequal_weight():
    """``x = z^2 + z / 2``, known with little noise: against a fine grid."""
    grid = torch.linspace(-6, 6, 200_001, dtype=torch.float64)

    def log_likelihood(z, y=None, rows=None):
        return -0.5 * ((2.0 - z**2 - z / 2) / 0.1).square().sum(dim=-1)

    density = (log_likelihood(grid[:, None]) - grid**2 / 2).softmax(dim=0)
    share, mean = density[grid > 0].sum(), (density * grid).sum()
    z, _, _ = posterior_codes(log_likelihood, normal(1, 1, 1) * 0 + 1.2, 20_000, NO_CLASSES)
    assert share.item() == pytest.approx((z > 0).double().mean().item(), abs=0.02)
    assert mean.item() == pytest.approx(z.mean().item(), abs=0.04)


def test_a_curved_posterior_is_found_by_adapting():
    """Codes on a ring: its radius is known, nothing else, so all directions are as likely."""

    def log_likelihood(z, y, rows):
        return -0.5 * ((z.square().sum(dim=2).sqrt() - 1.5) / 0.05).square()

    z, _, n_effective = posterior_codes(log_likelihood, normal(1, 1, 2) * 0, 4000, NO_CLASSES)
    angle = torch.atan2(z[0, :, 1], z[0, :, 0])
    quarters = torch.histc(angle, 4, -math.pi, math.pi) / 4000
    assert (quarters - 0.25).abs().max() < 0.05
    assert z.norm(dim=2).mean().item() == pytest.approx(1.5, abs=0.01)
    assert n_effective.item() > 1000


def test_classes_are_drawn_by_their_posterior():
    """``x = 2 y + z + noise``: p(x | y) is normal with variance 1 + 0.25."""
    log_shares, x = (
        torch.tensor([0.6, 0.35, 0.05]).double().log(),
        torch.tensor([0.7, 3.1]).double(),
    )

    def log_likelihood(z, y, rows):
        return -0.5 * ((x[rows][:, None] - 2 * y - z[..., 0]) / 0.5).square()

    z, y, _ = posterior_codes(log_likelihood, normal(2, 3, 1), 20_000, log_shares)
    means = 2 * torch.arange(3)
    exact = (log_shares - 0.5 * (x[:, None] - means).square() / 1.25).softmax(dim=1)
    found = torch.stack([(y == number).double().mean(dim=1) for number in range(3)], dim=1)
    torch.testing.assert_close(found, exact, atol=0.015, rtol=0)
    of_first = z[0][y[0] == 0].mean().item()
    assert of_first == pytest.approx(0.7 / 1.25, abs=0.03)


def test_nothing_known_gives_the_prior():
    z, _, n_effective = posterior_codes(
        lambda z, y, rows: z[..., 0] * 0, normal(1, 1, 4), 5000, NO_CLASSES
    )
    assert z.mean(dim=1).abs().max() < 0.06
    assert (z.var(dim=1) - 1).abs().max() < 0.1
    assert n_effective.item() > 10_000


def test_a_likelihood_that_is_nowhere_is_told_by_few_effective_draws():
    def log_likelihood(z, y, rows):
        return torch.where(z.norm(dim=2) < 1e-9, 0.0, -math.inf).double() + 0 * z.sum(dim=2)

    z, _, n_effective = posterior_codes(log_likelihood, normal(1, 1, 3), 100, NO_CLASSES)
    assert z.isfinite().all()
    assert n_effective.isfinite().all()


def test_the_density_of_a_proposal_is_one():
    means, factors = normal(1, 3, 2), torch.eye(2).double().expand(1, 3, 2, 2) * 0.3
    shares = torch.tensor([[0.5, 0.3, 0.2]]).double().log()
    proposal = Proposal(shares, means, factors, torch.zeros(1, 3, dtype=torch.int64))
    side = torch.linspace(-8, 8, 801, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)[None]
    density = proposal.log_density(grid, torch.zeros(1, grid.shape[1]).long(), NO_CLASSES).exp()
    assert (density.sum() * 0.02**2 / (2 * math.pi)).item() == pytest.approx(1, abs=1e-3)


def test_effective_sizes_and_tempered_weights():
    even, one = torch.zeros(1, 50).double(), torch.full((1, 50), -1e3).double()
    one[0, 7] = 0
    assert effective_size(even).item() == pytest.approx(50)
    assert effective_size(one).item() == pytest.approx(1)
    uneven = 10 * normal(2, 500)
    assert (effective_size(uneven) < 20).all()
    torch.testing.assert_close(
        effective_size(tempered(uneven, 100)), torch.full((2,), 100.0).double(), rtol=1e-3, atol=0
    )
    torch.testing.assert_close(tempered(even, 40), even)
