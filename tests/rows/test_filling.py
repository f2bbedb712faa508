"""Factor analysis of rows with holes."""

import numpy as np
import pytest

from skae._rows.filling import (
    FILL_VALUES_EACH,
    MAX_FILL_CELLS,
    MAX_FILL_VALUES,
    _enough_rows,
    factor_analysis,
)
from skae._rows.scaling import Scaling
from skae._rows.source import as_source


def test_a_weight_counts_as_repeating_the_row():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) + 0.5 * rng.normal(size=(300, 6))
    seen, weight = rng.uniform(size=X.shape) > 0.3, rng.integers(1, 4, 300)
    rows = np.repeat(np.arange(300), weight)
    weighted = factor_analysis(X, seen, weight, 2, 10)
    repeated = factor_analysis(X[rows], seen[rows], np.ones(len(rows)), 2, 10)
    for found, expected in zip(weighted[:3], repeated[:3], strict=True):
        np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-6)


@pytest.mark.parametrize("shape", [(2500, 4), (30, 50)], ids=["tall", "wide"])
def test_full_rows_have_the_factors_that_they_were_made_of(shape):
    rng = np.random.default_rng(0)
    loadings = 3 * rng.normal(size=(shape[1], 2))
    X = rng.normal(size=(shape[0], 2)) @ loadings.T + 0.01 * rng.normal(size=shape)
    X -= X.mean(axis=0)
    offset, found, _, expected = factor_analysis(X, X == X, np.ones(len(X)), 2, 10)
    np.testing.assert_allclose(found @ found.T, X.T @ X / len(X), atol=0.05 * X.var(axis=0).max())
    np.testing.assert_allclose(expected, X, atol=0.2)
    np.testing.assert_allclose(offset, 0, atol=0.05)


@pytest.mark.parametrize(
    ("shape", "one_in", "n_expected"),
    [
        ((3000, 200), 1, FILL_VALUES_EACH),
        ((3000, 200), 2, 2 * FILL_VALUES_EACH),
        ((3000, 200), 10, 3000),
        ((9000, 8), 1, MAX_FILL_VALUES // 8),
        ((3000, 2000), 10, MAX_FILL_CELLS // 2000),
    ],
    ids=["full", "half full", "hardly full", "narrow", "too wide for all"],
)
def test_it_is_learned_from_so_many_observed_values_however_many_cells(shape, one_in, n_expected):
    X = np.full(shape, np.nan, dtype=np.float32)
    X[np.arange(shape[0])[:, None], np.arange(0, shape[1], one_in)] = 1
    drawn = np.random.default_rng(0).permutation(len(X))
    rows, x = _enough_rows(as_source(X), drawn, Scaling(np.zeros(shape[1]), 1.0))
    np.testing.assert_array_equal(rows, np.sort(drawn[:n_expected]))
    np.testing.assert_array_equal(x, X[rows])
