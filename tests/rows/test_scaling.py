"""Scaling there and back."""

import numpy as np
import pytest
import torch

from skae._rows.scaling import Scaling
from skae._rows.statistics import ColumnStatistics


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(5, 2, (3000, 4)).clip(3, None)


def test_scaling_gives_a_mean_variance_of_one_and_goes_back(X):
    X = 1e9 + 1e3 * X  # float32 alone would keep nothing of this
    scaling = ColumnStatistics.measure(X, np.arange(len(X))).scaling()
    scaled = scaling(torch.from_numpy(X))
    assert scaled.dtype == torch.float32
    assert scaled.mean(0).abs().max() < 1e-5
    assert scaled.var(0, correction=0).mean().item() == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(scaling.inverse(scaled.double()), X, atol=1e-2)


@pytest.mark.parametrize("offset", [0, 50, 1e4])
@pytest.mark.parametrize("unit", [1e-37, 1e-3, 1e30])
def test_float32_is_scaled_as_float64_is(X, offset, unit):
    X = ((X + offset) * unit).astype(np.float32)
    scaling = ColumnStatistics.measure(X, np.arange(len(X))).scaling()
    single, double = (scaling(torch.from_numpy(X.astype(kind))) for kind in ("f4", "f8"))
    torch.testing.assert_close(single, double, rtol=0, atol=1e-5 + 1e-7 * offset)


@pytest.mark.parametrize("unit", [1e-300, 1e-40, 1e40, 1e140])
def test_squares_neither_vanish_nor_overflow(unit):
    X = unit * np.array([[1.0, 0], [-1, 0]])
    scaling = ColumnStatistics.measure(X, np.arange(2)).scaling()
    np.testing.assert_allclose(scaling(torch.from_numpy(X))[:, 0], [2**0.5, -(2**0.5)])


@pytest.mark.parametrize(
    ("mean", "scale", "is_far"),
    [
        ([0, 0], 1.9, False),
        ([0, 0], 2.1, True),
        ([0, 0], 0.49, True),
        ([1.3, 0], 1, False),  # a root mean square of 0.92
        ([1.3, 1], 1, True),
        ([1e7, 0], 1, False),  # an error
        ([0, 0], 1e-7, False),
        ([0, 0], [1, 3], True),
    ],
)
def test_what_is_another_scale(mean, scale, is_far):
    begun = Scaling(np.array([5.0, 5]), np.array([2.0, 2]))
    found = Scaling(np.array([5.0, 5]) + 2 * np.array(mean), 2 * np.broadcast_to(scale, 2))
    assert found.is_far_from(begun) is is_far
