"""Penalties against closed forms."""

import math
from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from skae.penalties import (
    KERNEL_SCALES,
    activation_kl,
    categorical_kl,
    entropy,
    gaussian_kl,
    maximum_mean_discrepancy,
    mean_absolute,
    squared_jacobian_norm,
    virtual_adversarial,
)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


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


def test_weights_count_as_copies_in_the_mean_activation():
    z, weight = torch.rand(5, 3, dtype=torch.float64), torch.tensor([1, 2, 1, 3, 1])
    expected = activation_kl(z.repeat_interleave(weight, dim=0), 0.2)
    for unit in (1.0, 10.0):
        torch.testing.assert_close(activation_kl(z, 0.2, unit * weight.double()), expected[:5])


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


def kernel(a, b, unit):
    distance = sum((p - q) ** 2 for p, q in zip(a.tolist(), b.tolist(), strict=True))
    return sum(s * unit / (s * unit + distance) for s in KERNEL_SCALES)


def test_the_discrepancy_is_that_of_a_double_loop():
    z, drawn, unit = draw(5, 3), draw(5, 3, seed=1), 1.7
    total = 0
    for i in range(5):
        for j in range(5):
            if i != j:
                total += kernel(z[i], z[j], unit) + kernel(drawn[i], drawn[j], unit)
                total -= 2 * kernel(z[i], drawn[j], unit)
    parts = maximum_mean_discrepancy(z, drawn, unit)
    assert parts.shape == (5,)
    assert parts.mean().item() == pytest.approx(total / (5 * 4))


def test_the_discrepancy_weighs_the_rows_of_a_pair():
    z, drawn, w = draw(5, 3), draw(5, 3, seed=1), torch.tensor([1.0, 2, 1, 3, 0.5]).double()
    expected = []
    for i in range(5):
        total = 0
        for j in range(5):
            if i != j:
                pairs = kernel(z[i], z[j], 1.7) + kernel(drawn[i], drawn[j], 1.7)
                pairs -= kernel(z[i], drawn[j], 1.7) + kernel(z[j], drawn[i], 1.7)
                total += w[j] * pairs / (w.sum() - w[i])
        expected.append(float(total))
    for unit in (1, 10):
        parts = maximum_mean_discrepancy(z, drawn, 1.7, unit * w)
        assert parts.tolist() == pytest.approx(expected)
    even = maximum_mean_discrepancy(z, drawn, 1.7, torch.full((5,), 2.0).double())
    torch.testing.assert_close(even, maximum_mean_discrepancy(z, drawn, 1.7))


def test_the_part_of_a_row_is_that_of_its_pairs():
    """If its code is moved, its own part changes the most; other rows may stand in any order."""
    z, drawn = draw(6, 2), draw(6, 2, seed=1)
    parts = maximum_mean_discrepancy(z, drawn, 1.0)
    order = [3, 1, 5, 0, 2, 4]
    torch.testing.assert_close(maximum_mean_discrepancy(z[order], drawn[order], 1.0), parts[order])
    far = z.clone()
    far[2] += 100
    changes = (maximum_mean_discrepancy(far, drawn, 1.0) - parts).abs()
    assert changes.argmax() == 2


def estimates(shift, n_tries=1000, n_rows=4):
    both = draw(n_tries, 2, n_rows, 2)
    found = [maximum_mean_discrepancy(z + shift, drawn, 4.0).mean() for z, drawn in both]
    return torch.stack(found)


def test_the_discrepancy_is_zero_on_average_where_there_is_none():
    """However few rows there are; with the pairs of a row with itself it would be positive."""
    found = estimates(0.0)
    error = found.std() / len(found) ** 0.5
    assert found.mean().abs() < 3 * error < 0.1
    assert found.min() < 0


def test_the_discrepancy_grows_with_the_distance():
    means = [estimates(shift, 200, 16).mean() for shift in (0.0, 0.5, 1.0, 2.0, 8.0)]
    assert all(b > a + 0.1 for a, b in pairwise(means))


def test_the_discrepancy_has_no_units_and_no_origin():
    z, drawn = draw(20, 3), draw(20, 3, seed=1)
    expected = maximum_mean_discrepancy(z, drawn, 6.0)
    found = maximum_mean_discrepancy(1e3 * z, 1e3 * drawn, 6e6)
    torch.testing.assert_close(found, expected)
    origin = torch.tensor([1e3, -2e3, 0.0], dtype=torch.float64)  # another in each component
    far = maximum_mean_discrepancy((z + origin).float(), (drawn + origin).float(), 6.0)
    torch.testing.assert_close(far.double(), expected, rtol=1e-3, atol=1e-3)


def test_the_kernel_has_half_of_its_value_at_the_unit():
    z, drawn = torch.zeros(2, 1), torch.full((2, 1), 3.0)
    largest, at_unit = len(KERNEL_SCALES), len(KERNEL_SCALES) / 2
    expected = [2 * largest - 2 * at_unit] * 2
    assert maximum_mean_discrepancy(z, drawn, 9.0).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_equal_codes_and_a_row_alone_have_a_gradient(n_rows):
    """A square root of the distances, or a kernel that underflows, would have none there."""
    z = torch.zeros(n_rows, 2, requires_grad=True)
    parts = maximum_mean_discrepancy(z, draw(n_rows, 2).float(), 4e-30)
    parts.sum().backward()
    assert parts.isfinite().all()
    assert z.grad.isfinite().all()
    if n_rows == 1:
        assert parts.tolist() == [0]
        assert not z.grad.any()


def test_entropy_and_divergence_are_those_of_torch():
    log_p, log_q = draw(2, 6, 4).log_softmax(dim=2)
    p, q = (torch.distributions.Categorical(logits=each) for each in (log_p, log_q))
    torch.testing.assert_close(entropy(log_p), p.entropy())
    expected = torch.distributions.kl_divergence(p, q)
    torch.testing.assert_close(categorical_kl(log_p, log_q), expected)
    sure = torch.tensor([[0.0, -torch.inf]])
    assert entropy(sure).item() == 0
    assert categorical_kl(sure, torch.tensor([[0.5, 0.5]]).log()).item() == pytest.approx(
        math.log(2)
    )


def test_the_worst_direction_of_a_linear_prediction_is_that_of_its_weights():
    """Of two classes: along the weights, to the side of the random direction it begins with."""
    weight, x, radius = draw(5, 2), draw(30, 5, seed=1), torch.full((30, 1), 0.1).double()

    def predict(x):
        return (x @ weight).log_softmax(dim=1)

    log_p = predict(x)
    torch.manual_seed(0)
    found = virtual_adversarial(predict, x, log_p, radius)
    torch.manual_seed(0)
    steepest = functional.normalize(weight[:, 1] - weight[:, 0], dim=0)
    side = (torch.randn_like(x) @ steepest).sign()[:, None]
    expected = categorical_kl(log_p, predict(x + 0.1 * side * steepest))
    torch.testing.assert_close(found, expected)
    assert virtual_adversarial(predict, x, log_p, 0 * radius).abs().max() == 0


def test_a_flat_prediction_has_no_worst_direction():
    x = draw(3, 2).requires_grad_()
    scale = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    log_p = (x @ scale).log_softmax(dim=1)
    with torch.no_grad():
        found = virtual_adversarial(
            lambda x: (x @ scale).log_softmax(dim=1), x, log_p, torch.ones(3, 1).double()
        )
    assert found.tolist() == [0, 0, 0]
