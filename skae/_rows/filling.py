"""What is expected of values that were not observed: factor analysis of rows with holes."""

import numpy as np
import torch
from scipy.linalg import eigh

from skae._rows.scaling import standardized
from skae._rows.source import as_source, chunks

# What holes are filled by is learned from so many observed values, or so many of each feature if
# they are more; and from so many cells, observed or not, which is what takes time and memory.
MAX_FILL_VALUES, FILL_VALUES_EACH, MAX_FILL_CELLS = 2**16, 1000, 2**22
# Numbers of factors to try, the share of the values to try them on, and how often at least.
FACTORS, TRIED_SHARE, MIN_TRIED = (1, 2, 4, 8, 16, 32), 0.1, 1000
# More steps hardly change what is expected of holes, and begin to fit the noise. A few tell how
# many factors there are.
EM_STEPS, EM_STEPS_TO_TRY = 10, 4
# The noise of a feature has at least this share of its variance: no factor is a feature.
MIN_NOISE = 0.01


def learn_to_fill(X, subset, weight, scaling, statistics, bounds):
    """The arguments of `FillMissing`: as many factors as fill hidden values best."""
    source, rng = as_source(X), np.random.default_rng(0)
    rows, x = _enough_rows(source, rng.permutation(subset), scaling)
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)[rows]
    seen = np.isfinite(x)
    if not seen.any():
        raise ValueError("X has nothing but NaN. Give rows of which something was observed.")
    hidden = seen & (rng.uniform(size=x.shape) < TRIED_SHARE)
    mean, low, high = (
        scaling(torch.from_numpy(value)).numpy().astype(np.float64)
        for value in (statistics.mean, *bounds)
    )
    x = np.where(seen, x - mean, 0)
    best = None, np.average((x**2 * hidden).sum(axis=1), weights=weight)
    for n_factors in FACTORS:
        if n_factors >= min(x.shape):
            break
        *_, expected = factor_analysis(x, seen & ~hidden, weight, n_factors, EM_STEPS_TO_TRY)
        error = np.average(((x - expected) ** 2 * hidden).sum(axis=1), weights=weight)
        if not error < best[1]:
            break
        best = n_factors, error
    if best[0] is None:
        # One factor that says nothing: an array without columns has other strides after pickling,
        # and with them another hash.
        offset, loadings, noise = np.zeros_like(mean), np.zeros((len(mean), 1)), np.ones_like(mean)
    else:
        offset, loadings, noise, _ = factor_analysis(x, seen, weight, best[0], EM_STEPS)
    return [value.astype(np.float32) for value in (mean + offset, loadings, 1 / noise, low, high)]


def _enough_rows(source, drawn, scaling):
    """The first of the rows that were drawn, in order: their numbers, and what they are."""

    def read(n_rows):
        rows = np.sort(drawn[:n_rows])
        return rows, standardized(source, rows, scaling).numpy().astype(np.float64)

    n_full = max(FILL_VALUES_EACH, MAX_FILL_VALUES // source.shape[1])
    rows, x = read(n_full)
    n_rows = min(len(drawn), n_rows_worth(n_full, np.isfinite(x)))
    return read(n_rows) if n_rows > len(rows) else (rows, x)


def n_rows_worth(n_full, seen):
    """How many rows show as much as so many full ones, if they have holes as these have."""
    n_rows, most = n_full / max(seen.mean(), 1 / seen.size), MAX_FILL_CELLS // seen.shape[1]
    return max(n_full, int(min(n_rows, most)))


def factor_analysis(x, seen, weight, n_factors, n_steps):
    """Maximum likelihood of ``x = offset + loadings z + noise`` where x was seen, by EM.

    Returns
    -------
    offset : array of shape (n_features,)
    loadings : array of shape (n_features, n_factors)
    noise : array of shape (n_features,)
        Variances.
    expected : array of shape (n_samples, n_features)
        x, given what was seen of it.
    """
    n_features, seen = x.shape[1], seen.astype(np.float64)
    x = seen * x
    total = np.maximum(weight @ seen, 1e-9 * weight.sum())
    squares = weight @ x**2
    variance = squares / total
    floor = MIN_NOISE * variance + 1e-6 * variance.mean() + 1e-12
    loadings = _principal_loadings(np.sqrt(weight / weight.sum())[:, None] * x, n_factors)
    noise, offset = np.maximum(variance - (loadings**2).sum(axis=1), floor), np.zeros(n_features)
    for _ in range(n_steps):
        products, gram = 0, 1e-6 * weight.sum() * np.eye(n_factors + 1)
        for part in chunks(len(x)):
            factors, covariance = _factors(x[part], seen[part], offset, loadings, noise)
            # Each feature is regressed on the factors and a constant, where it was seen.
            regressors = np.concatenate([factors, np.ones((len(factors), 1))], axis=1)
            moments = regressors[:, :, None] * regressors[:, None, :]
            moments[:, :n_factors, :n_factors] += covariance
            counted, size = weight[part, None] * seen[part], moments.shape[1:]
            products = products + (counted * x[part]).T @ regressors
            gram = gram + (counted.T @ moments.reshape(len(counted), -1)).reshape(-1, *size)
        found = np.linalg.solve(gram, products[:, :, None])[:, :, 0]
        loadings, offset = found[:, :-1], found[:, -1]
        unexplained = (squares - (found * products).sum(axis=1)) / total
        noise = np.maximum(unexplained, floor)
    expected = np.empty_like(x)
    for part in chunks(len(x)):
        factors, _ = _factors(x[part], seen[part], offset, loadings, noise)
        expected[part] = factors @ loadings.T + offset
    return offset, loadings, noise, expected


def _principal_loadings(x, n_factors):
    """Principal axes of rows that are scaled by the roots of their shares, as long as x varies."""
    wide = x.shape[0] < x.shape[1]
    size = min(x.shape)
    squares, axes = eigh(x @ x.T if wide else x.T @ x, subset_by_index=(size - n_factors, size - 1))
    return x.T @ axes if wide else axes * np.sqrt(np.maximum(squares, 0))


def _factors(x, seen, offset, loadings, noise):
    """Means ``(n_samples, n_factors)`` and covariances of the factors, given what was seen."""
    n_features, n_factors = loadings.shape
    scaled = loadings / noise[:, None]
    pairs = (loadings[:, :, None] * scaled[:, None, :]).reshape(n_features, -1)
    precision = (seen @ pairs).reshape(-1, n_factors, n_factors) + np.eye(n_factors)
    covariance = np.linalg.inv(precision)
    return np.einsum("nkl,nl->nk", covariance, (seen * (x - offset)) @ scaled), covariance
