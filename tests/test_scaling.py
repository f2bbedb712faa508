"""Column statistics against numpy's, and scaling there and back."""

import numpy as np
import pytest
import torch
from scipy import sparse

from skae._scaling import ColumnStatistics


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(5, 2, (3000, 4)).clip(3, None)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_statistics_are_numpys(X, container):
    found = ColumnStatistics.measure(container(X), np.arange(len(X)))
    np.testing.assert_allclose(found.mean, X.mean(0))
    np.testing.assert_allclose(found.variance, X.var(0))
    np.testing.assert_array_equal(found.low, X.min(0))
    np.testing.assert_allclose(found.low_share, (X == 3).mean(0))
    np.testing.assert_allclose(found.high_share, 1 / len(X))


def test_weights_count_as_repeated_rows_and_a_subset_is_all_that_is_read(X):
    times = np.random.default_rng(1).integers(0, 3, len(X))
    subset = np.flatnonzero(times)
    weighted = ColumnStatistics.measure(X, subset, times.astype(float))
    repeated = np.repeat(X, times, axis=0)
    np.testing.assert_allclose(weighted.mean, repeated.mean(0))
    np.testing.assert_allclose(weighted.variance, repeated.var(0))


def test_scaling_gives_a_mean_variance_of_one_and_goes_back(X):
    X = 1e9 + 1e3 * X  # float32 alone would keep nothing of this
    scaling = ColumnStatistics.measure(X, np.arange(len(X))).scaling()
    scaled = scaling(torch.from_numpy(X))
    assert scaled.dtype == torch.float32
    assert scaled.mean(0).abs().max() < 1e-5
    assert scaled.var(0, correction=0).mean().item() == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(scaling.inverse(scaled.double()), X, atol=1e-2)


def test_only_values_that_many_rows_share_are_bounds(X):
    low, high = ColumnStatistics.measure(X, np.arange(len(X))).bounds(0.05)
    np.testing.assert_array_equal(low, 3)
    assert np.isinf(high).all()


def test_a_variance_that_overflows_is_refused():
    X = np.array([[1e200], [-1e200]])
    with pytest.raises(ValueError, match="too large: they reach 1e"):
        ColumnStatistics.measure(X, np.arange(2)).scaling()
