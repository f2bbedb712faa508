"""Values that were not observed."""

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from skae._base.applying import device_of
from skae._base.holes import Holes
from skae._rows.batches import CHUNK_ROWS, dense_block, standardized
from skae._rows.tensors import tensors_welcome
from skae.modules import FillMissing

# What holes are filled by is learned from so many values, or rows if they have more values.
MAX_FILL_VALUES, MIN_FILL_ROWS = 2**16, 1000
# Numbers of factors to try, the share of the values to try them on, and how often at least.
FACTORS, TRIED_SHARE, MIN_TRIED = (1, 2, 4, 8, 16, 32), 0.1, 1000
# More steps hardly change what is expected of holes, and begin to fit the noise. A few tell how
# many factors there are.
EM_STEPS, EM_STEPS_TO_TRY = 10, 4
# The noise of a feature has at least this share of its variance: no factor is a feature.
MIN_NOISE = 0.01


class MissingValuesMixin(Holes):
    """Adds `allow_nan`, with which NaN in X is "not observed", and `impute`, to an autoencoder."""

    _missing_constraints: dict = {"allow_nan": ["boolean"]}

    def _learn_to_fill(self, table, statistics, span):
        if not self.allow_nan:
            return None
        X, subset, weight = table.X, table.subset, table.weight
        return _learn_to_fill(X, subset, weight, self.scaling_, statistics, span)

    def _make_fill(self):
        fill = self._start.fill
        return None if fill is None else FillMissing(*map(torch.tensor, fill))

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        if self.allow_nan:
            seen, held_out = rows
            self._share = self._share_of_reconstructions(seen if held_out is None else held_out)

    def _share_of_reconstructions(self, rows):
        """How far to go from linear estimates to reconstructions to come nearest to hidden ones."""
        generator = torch.Generator().manual_seed(0)
        n_rows = max(1, MAX_FILL_VALUES // rows.n_features)
        kept = torch.randperm(len(rows), generator=generator)[:n_rows]
        n_times = 1 + int(MIN_TRIED / (TRIED_SHARE * len(kept) * rows.n_features))
        product = square = 0.0
        with torch.inference_mode():
            for part in kept.repeat(n_times).split(CHUNK_ROWS):
                x = rows[part.to(rows.device)][0].to(device_of(self.module_))
                hidden = torch.rand(x.shape, generator=generator).to(x.device) < TRIED_SHARE
                hidden &= x.isfinite()
                linear, found = self._estimates(torch.where(hidden, torch.nan, x))
                further = (found - linear)[hidden]
                product += (further @ (x - linear)[hidden]).item()
                square += (further @ further).item()
        return min(max(product / square, 0.0), 1.0) if square > 0 else 1.0

    def _estimates(self, x):
        """What the observed values lead to expect, by a linear model and by the network."""
        return self.module_.fill(x), self.module_.decode(self.module_.encode(x))

    def _expect(self, x):
        linear, found = self._estimates(x)
        return linear + self._share * (found - linear)

    @tensors_welcome
    def impute(self, X):
        """Fill in what was not observed.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, with NaN for values that were not observed.

        Returns
        -------
        X_filled : ndarray of shape (n_samples, n_features)
            X, with estimates in place of NaN, within the range that the feature had in `fit`. They
            are weighted means of the reconstructions and of what the encoder was given; the weight
            is what was best for values that were hidden to choose it, of held-out rows if there are
            any. Categories are probabilities. A feature that was never observed is 0.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the model was fitted with ``allow_nan=False`` or ``conditional=True``, or X is not as
            described.
        """
        check_is_fitted(self)
        if not self._start.params["allow_nan"]:
            raise ValueError(
                "impute needs a model that was fitted with allow_nan=True: others take NaN for an "
                "error."
            )
        if self._start.params.get("conditional", False):
            raise ValueError(
                "impute knows no classes, which a model with conditional=True needs to decode. Fit "
                "one with conditional=False, or give it the classes as columns of X."
            )
        X = self._validate(X, reset=False)
        filled = np.array(dense_block(X, slice(None)), dtype=np.result_type(X.dtype, np.float32))
        missing = np.isnan(filled)
        rows = np.flatnonzero(missing.any(axis=1))
        if len(rows):
            expected = torch.from_numpy(self._map_rows(filled[rows], self._expect))
            expected = self.scaling_.inverse(expected.double()).numpy().clip(*self._start.span)
            for name, columns in self._start.target.columns or ():
                if name == "categorical":  # one category, however little is known of which
                    block = filled[rows][:, columns]
                    expected[:, columns] = _one_category(expected[:, columns], block)
            filled[missing] = expected[missing[rows]]
        return filled

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.allow_nan)
        return tags


def _one_category(expected, given):
    """Probabilities of the categories that were not given: together what the others leave."""
    gaps, left = np.isnan(given), 1 - np.nansum(given, axis=1, keepdims=True)
    block = gaps * (expected + np.finfo(np.float32).tiny)  # if all are 0
    total = block.sum(axis=1, keepdims=True)
    return block / np.where(total > 0, total, 1) * left.clip(0, 1)


def _learn_to_fill(X, subset, weight, scaling, statistics, bounds):
    """The arguments of `FillMissing`: as many factors as fill hidden values best."""
    rng = np.random.default_rng(0)
    n_rows = max(MIN_FILL_ROWS, MAX_FILL_VALUES // X.shape[1])
    rows = np.sort(rng.permutation(subset)[:n_rows])
    x = standardized(X, rows, scaling).numpy().astype(np.float64)
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
        *_, expected = _factor_analysis(x, seen & ~hidden, weight, n_factors, EM_STEPS_TO_TRY)
        error = np.average(((x - expected) ** 2 * hidden).sum(axis=1), weights=weight)
        if not error < best[1]:
            break
        best = n_factors, error
    if best[0] is None:
        offset, loadings, noise = np.zeros_like(mean), np.zeros((len(mean), 0)), np.ones_like(mean)
    else:
        offset, loadings, noise, _ = _factor_analysis(x, seen, weight, best[0], EM_STEPS)
    return [value.astype(np.float32) for value in (mean + offset, loadings, 1 / noise, low, high)]


def _factor_analysis(x, seen, weight, n_factors, n_steps):
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
