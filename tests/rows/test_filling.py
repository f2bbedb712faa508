"""Factor analysis of rows with holes."""

import numpy as np

from skae._rows.filling import factor_analysis


def test_a_weight_counts_as_repeating_the_row():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) + 0.5 * rng.normal(size=(300, 6))
    seen, weight = rng.uniform(size=X.shape) > 0.3, rng.integers(1, 4, 300)
    rows = np.repeat(np.arange(300), weight)
    weighted = factor_analysis(X, seen, weight, 2, 10)
    repeated = factor_analysis(X[rows], seen[rows], np.ones(len(rows)), 2, 10)
    for found, expected in zip(weighted[:3], repeated[:3], strict=True):
        np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-6)
