"""Column statistics against numpy's, and scaling there and back."""

import numpy as np
import pytest
import torch
from scipy import sparse

from skae._rows.scaling import ColumnStatistics


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(5, 2, (3000, 4)).clip(3, None)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_statistics_are_numpys(X, container):
    found = ColumnStatistics.measure(container(X), np.arange(len(X)))
    np.testing.assert_allclose(found.mean, X.mean(0))
    np.testing.assert_allclose(found.deviation, X.std(0))
    np.testing.assert_array_equal(found.low, X.min(0))
    np.testing.assert_allclose(found.low_share, (X == 3).mean(0))
    np.testing.assert_allclose(found.high_share, 1 / len(X))


def test_weights_count_as_repeated_rows_and_a_subset_is_all_that_is_read(X):
    times = np.random.default_rng(1).integers(0, 3, len(X))
    subset = np.flatnonzero(times)
    weighted = ColumnStatistics.measure(X, subset, times.astype(float))
    repeated = np.repeat(X, times, axis=0)
    np.testing.assert_allclose(weighted.mean, repeated.mean(0))
    np.testing.assert_allclose(weighted.deviation, repeated.std(0))


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


def test_only_values_that_many_rows_share_are_bounds(X):
    low, high = ColumnStatistics.measure(X, np.arange(len(X))).bounds(0.05, 10)
    np.testing.assert_array_equal(low, 3)
    assert np.isinf(high).all()
    few = ColumnStatistics.measure(X[:9], np.arange(9)).bounds(0.05, 10)
    assert np.isinf(few).all()


def test_the_first_rows_of_a_stream_show_a_scale_but_no_bounds(X):
    statistics = ColumnStatistics.measure(X, np.arange(len(X)))
    stream = statistics.of_a_stream()
    assert np.isinf(stream.bounds(0.05, 10)).all()
    assert torch.equal(stream.scaling().scale, statistics.scaling().scale)
    with pytest.raises(ValueError, match="its 4 rows are all equal"):
        ColumnStatistics.measure(np.ones((4, 2)), np.arange(4)).of_a_stream()


@pytest.mark.parametrize("unit", [1e-300, 1e-40, 1e40, 1e140])
def test_squares_neither_vanish_nor_overflow(unit):
    X = unit * np.array([[1.0, 0], [-1, 0]])
    scaling = ColumnStatistics.measure(X, np.arange(2)).scaling()
    np.testing.assert_allclose(scaling(torch.from_numpy(X))[:, 0], [2**0.5, -(2**0.5)])


def test_the_first_rows_need_be_no_fair_sample():
    small_first = np.sort(10.0 ** np.random.default_rng(0).uniform(-300, 0, 2000))[:, None]
    zeros_first = np.r_[np.zeros(300), np.full(300, 1e-170)][:, None]
    for X in (small_first, zeros_first):
        found, other = (ColumnStatistics.measure(rows, np.arange(len(X))) for rows in (X, X[::-1]))
        assert found.deviation > 0
        np.testing.assert_allclose(found.deviation, other.deviation)


def test_a_bound_that_later_rows_break_is_none():
    X = np.r_[np.zeros(400), np.full(400, 2.0), -1, 3][:, None]
    low, high = ColumnStatistics.measure(X, np.arange(len(X))).bounds(0.05, 10)
    assert np.isinf(low)
    assert np.isinf(high)


def test_differences_that_overflow_are_refused():
    for largest in (1e200, 1.5e308):
        X = np.array([[largest], [-largest]])
        with pytest.raises(ValueError, match="too far apart"):
            ColumnStatistics.measure(X, np.arange(2)).scaling()


def test_an_outlier_of_no_weight_costs_no_digits(X):
    weight = np.ones(len(X))
    X[0], weight[0] = 1e12, 1e-30
    found = ColumnStatistics.measure(X, np.arange(len(X)), weight)
    np.testing.assert_allclose(found.deviation, X[1:].std(0))
