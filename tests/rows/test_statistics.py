"""Column statistics against numpy's."""

import warnings

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from skae._rows.statistics import ColumnStatistics


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


def test_statistics_of_observed_values():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(3, 2, (700, 4)), rng.uniform(size=700)
    X[:, 3] = np.minimum(X[:, 3], 3)
    rows = np.arange(0, 700, 2)
    whole = ColumnStatistics.measure(X, rows, weight)
    found = ColumnStatistics.measure_observed(X, rows, weight)
    for name in ("mean", "deviation", "low", "high", "low_share", "high_share"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), err_msg=name)
    holes = X.copy()
    holes[::4, 0] = np.nan
    holes[:, 2] = np.nan
    found = ColumnStatistics.measure_observed(holes, rows, weight)
    left = np.setdiff1d(rows, np.arange(0, 700, 4))
    assert found.mean[0] == pytest.approx(np.average(X[left, 0], weights=weight[left]))
    assert (found.mean[2], found.deviation[2]) == (0, 0)


@pytest.mark.parametrize("factor", [1e-170, 1e150])
def test_statistics_do_not_depend_on_the_unit(factor):
    rng = np.random.default_rng(0)
    X = np.where(rng.uniform(size=(50, 3)) < 0.2, np.nan, rng.normal(size=(50, 3)))
    plain = ColumnStatistics.measure_observed(X, np.arange(50))
    found = ColumnStatistics.measure_observed(factor * X, np.arange(50))
    np.testing.assert_allclose(found.deviation, factor * plain.deviation)


def skewed(rng, n):
    return np.exp(1.5 * rng.normal(size=(n, 6)))


def rare(rng, n):
    return (rng.uniform(size=(n, 300)) < 0.01) * rng.uniform(1, 9, size=(n, 300))


def of_units(rng, n):
    return rng.normal(size=(n, 5)) * [1e-6, 1, 1e3, 1, 0] + [5, 0, 1e5, 1, 3]


@pytest.mark.parametrize("draw", [skewed, rare, of_units])
@pytest.mark.parametrize("n_rows", [2, 50, 100])
def test_rows_of_one_distribution_are_on_one_scale(draw, n_rows):
    rng = np.random.default_rng(0)
    X = draw(rng, 500)
    statistics = ColumnStatistics.measure(X, np.arange(500))
    with warnings.catch_warnings(action="error"):
        for _ in range(20):
            statistics.warn_if_far(draw(rng, n_rows))
        outlier = draw(rng, n_rows)
        outlier[-1, 0] = 1e9
        statistics.warn_if_far(outlier)


@pytest.mark.parametrize("factor", [100, -1000])
@pytest.mark.parametrize("columns", [[1, 2], [5]])
def test_columns_of_other_units_are_named(factor, columns):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    statistics = ColumnStatistics.measure(X, np.arange(300))
    X_val = np.where(rng.uniform(size=(80, 6)) < 0.1, np.nan, rng.normal(size=(80, 6)))
    with warnings.catch_warnings(action="error"):
        statistics.warn_if_far(X_val, allow_nan=True)
    X_val[:, columns] *= factor
    with pytest.warns(UserWarning, match=rf"in columns \{columns}: .*, those of X from -"):
        statistics.warn_if_far(X_val, allow_nan=True)


def test_one_group_of_several_is_on_the_scale_of_all():
    """Even if it is narrow, or does not vary, or is rare in some columns."""
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(500, 6)), rng.normal(size=(500, 6)) + 8
    flags = np.repeat(np.eye(5), [6900, 1000, 1000, 1000, 100], axis=0)
    noise = rng.normal(size=(10000, 2))
    for X, X_val in [
        (np.concatenate([near, far]), far),
        (flags, flags[-100:]),
        (np.hstack([flags, noise]), np.hstack([flags, noise])[-100:]),
    ]:
        statistics = ColumnStatistics.measure(X, np.arange(len(X)))
        with warnings.catch_warnings(action="error"):
            statistics.warn_if_far(X_val)


@pytest.mark.parametrize("draw", [skewed, rare, of_units])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler()], ids=repr)
def test_rows_of_which_only_one_part_is_scaled_are_far(draw, container, scaler):
    rng = np.random.default_rng(0)
    X, X_val = 100 * draw(rng, 500), 100 * draw(rng, 200)
    scaled, scaled_val = scaler.fit_transform(X), scaler.transform(X_val)
    for learned, judged in ((scaled, X_val), (X, scaled_val)):
        statistics = ColumnStatistics.measure(learned, np.arange(500))
        with pytest.warns(UserWarning, match="X_val is on another scale than X"):
            statistics.warn_if_far(container(judged))
    with warnings.catch_warnings(action="error"):
        statistics.warn_if_far(container(X_val))
