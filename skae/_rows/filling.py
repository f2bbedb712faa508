"""What is expected of values that were not observed: factor analysis of rows with holes."""

import numpy as np
import torch

from skae._rows.scaling import standardized
from skae._rows.source import as_source

# What holes are filled by is learned from so many values, or rows if they have more values.
MAX_FILL_VALUES, MIN_FILL_ROWS = 2**16, 1000
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
    n_rows = max(MIN_FILL_ROWS, MAX_FILL_VALUES // source.shape[1])
    rows = np.sort(rng.permutation(subset)[:n_rows])
    x = standardized(source, rows, scaling).numpy().astype(np.float64)
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
        offset, loadings, noise = np.zeros_like(mean), np.zeros((len(mean), 0)), np.ones_like(mean)
    else:
        offset, loadings, noise, _ = factor_analysis(x, seen, weight, best[0], EM_STEPS)
    return [value.astype(np.float32) for value in (mean + offset, loadings, 1 / noise, low, high)]


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
    n_rows, n_features = x.shape
    seen = seen.astype(np.float64)
    x, counted = seen * x, weight[:, None] * seen
    total = np.maximum(counted.sum(axis=0), 1e-9 * weight.sum())
    variance = (weight @ x**2) / total
    floor = MIN_NOISE * variance + 1e-6 * variance.mean() + 1e-12
    _, deviations, components = np.linalg.svd(
        np.sqrt(weight / weight.sum())[:, None] * x, full_matrices=False
    )
    loadings = (deviations[:n_factors, None] * components[:n_factors]).T
    noise, offset = np.maximum(variance - (loadings**2).sum(axis=1), floor), np.zeros(n_features)
    ones = np.ones((n_rows, 1))
    for step in range(n_steps + 1):
        scaled = loadings / noise[:, None]
        pairs = (loadings[:, :, None] * scaled[:, None, :]).reshape(n_features, -1)
        precision = (seen @ pairs).reshape(n_rows, n_factors, n_factors) + np.eye(n_factors)
        covariance = np.linalg.inv(precision)
        factors = np.einsum("nkl,nl->nk", covariance, (seen * (x - offset)) @ scaled)
        if step == n_steps:
            break
        # Each feature is regressed on the factors and a constant, over the rows where it was seen.
        regressors = np.concatenate([factors, ones], axis=1)
        moments = regressors[:, :, None] * regressors[:, None, :]
        moments[:, :n_factors, :n_factors] += covariance
        products = (counted * x).T @ regressors
        gram = (counted.T @ moments.reshape(n_rows, -1)).reshape(n_features, *moments.shape[1:])
        gram += 1e-6 * weight.sum() * np.eye(n_factors + 1)
        found = np.linalg.solve(gram, products[:, :, None])[:, :, 0]
        loadings, offset = found[:, :-1], found[:, -1]
        unexplained = (weight @ x**2 - (found * products).sum(axis=1)) / total
        noise = np.maximum(unexplained, floor)
    return offset, loadings, noise, factors @ loadings.T + offset
