"""Values that were not observed."""

from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._base.applying import device_of
from skae._base.holes import Holes
from skae._base.writing import filled
from skae._rows.filling import (
    MAX_FILL_CELLS,
    MAX_FILL_VALUES,
    MIN_TRIED,
    TRIED_SHARE,
    learn_to_fill,
    n_rows_worth,
)
from skae._rows.source import CHUNK_ROWS, as_source
from skae._rows.tensors import tensors_welcome
from skae.modules import FillMissing, FillOnLogScale


class MissingValuesMixin(Holes):
    """Adds `allow_nan`, with which NaN in X is "not observed", and `impute`, to an autoencoder."""

    def _learn_to_fill(self, table, statistics, span):
        if not self.allow_nan:
            return None
        X, subset, weight, scaling = table.learned, table.subset, table.weight, self.scaling_
        log_scale = self._make_log_scale()
        if log_scale is not None:
            scaling = nn.Sequential(scaling, log_scale)
        return learn_to_fill(X, subset, weight, scaling, statistics, span)

    def _make_fill(self):
        if self._start.fill is None:
            return None
        fill, log_scale = FillMissing(*map(torch.tensor, self._start.fill)), self._make_log_scale()
        return fill if log_scale is None else FillOnLogScale(fill, log_scale)

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        if self.allow_nan:
            seen, held_out = rows
            self._share = self._share_of_reconstructions(seen if held_out is None else held_out)

    def _share_of_reconstructions(self, rows):
        """How far to go from linear estimates to reconstructions to come nearest to hidden ones."""
        n_full = max(1, MAX_FILL_VALUES // rows.n_features)
        kept, _ = _fair_sample(rows, n_full)
        seen = rows[kept.to(rows.device)][0].isfinite().cpu().numpy()
        kept, generator = _fair_sample(rows, n_rows_worth(n_full, seen))
        n_cells = len(kept) * rows.n_features
        n_times = 1 + int(MIN_TRIED / (TRIED_SHARE * max(1, seen.mean() * n_cells)))
        n_times = min(n_times, 1 + MAX_FILL_CELLS // n_cells)  # of rows of hardly anything
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
        linear, found = self.module_.fill(x), self._reconstruct(x)
        if isinstance(self.module_.fill, FillOnLogScale):
            # What is linear in logarithms is the median of an amount, not its mean.
            is_amount = self.module_.fill.log_scale.is_amount
            linear = torch.where(is_amount, found, linear)
        return linear, found

    def _expect(self, x):
        linear, found = self._estimates(x)
        return linear + self._share * (found - linear)

    @tensors_welcome
    def impute(self, X, *, out=None, n_draws=None, random_state=None):
        """Fill in what was not observed.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, with NaN for values that were not observed.
        out : object of shape (n_samples, n_features), default=None
            What to write the rows to, block by block, and return: see `transform`. It goes with
            expected values only.
        n_draws : int, default=None
            How many times to fill in values that are drawn, by a model with a likelihood, in place
            of those that are expected. What is computed of each filled table then varies as much as
            what is not known leaves it open [1]_.
        random_state : int, RandomState instance or None, default=None
            Determines the draws. Pass an int for the same ones at each call.

        Returns
        -------
        X_filled : ndarray of shape (n_samples, n_features)
            X, with estimates in place of NaN, within the range that the feature had in `fit`. They
            are weighted means of the reconstructions and of what the encoder was given; the weight
            is what was best for values that were hidden to choose it, of held-out rows if there are
            any. Categories are probabilities. A feature that was never observed is 0. Or `out`.

            With `n_draws` of shape (n_draws, n_samples, n_features), or as many frames in a list:
            values drawn from the likelihood, given a code that is drawn by its posterior given what
            was observed of the row. Of categories it is one. The mean of many is what the model
            itself expects, without the linear one that single estimates lean on.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the model was fitted with ``allow_nan=False`` or ``conditional=True``, if X is not as
            described, or if draws are asked of a model without a likelihood.
        TypeError
            As in `transform`.

        References
        ----------
        .. [1] Rubin, "Multiple imputation for nonresponse in surveys", Wiley 1987.
        """
        check_is_fitted(self)
        if not self._as_fitted("allow_nan"):
            raise ValueError(
                "impute needs a model that was fitted with allow_nan=True: others take NaN for an "
                "error."
            )
        if self._as_fitted("conditional", False):
            raise ValueError(
                "impute knows no classes, which a model with conditional=True needs to decode. Fit "
                "one with conditional=False, or give it the classes as columns of X."
            )
        if n_draws is not None:
            check_scalar(n_draws, "n_draws", Integral, min_val=1)
            if out is not None:
                raise ValueError("out is for expected values: leave out either it or n_draws.")
        source = as_source(self._validate(X, reset=False))
        if n_draws is not None:
            return self._draw_missing(source, n_draws, check_random_state(random_state))

        def fill(rows):
            return self._imputed(source.block(rows))

        return fill(slice(None)) if out is None else filled(out, fill, source.shape)

    def _draw_missing(self, source, n_draws, random_state):
        """Rows with draws in place of NaN, ``(n_draws, n_samples, n_features)``."""
        raise ValueError(
            f"n_draws={n_draws} needs a model with a likelihood to draw from, such as "
            f"VAETransformer; {type(self).__name__} knows expected values only."
        )

    def _imputed(self, values):
        """Checked rows with estimates in place of NaN."""
        full = np.array(values, dtype=np.result_type(values.dtype, np.float32))
        missing = np.isnan(full)
        rows = np.flatnonzero(missing.any(axis=1))
        if len(rows):
            expected = torch.from_numpy(self._map_rows(full[rows], self._expect))
            expected = self.scaling_.inverse(expected.double()).numpy().clip(*self._start.span)
            for name, columns in self._start.target.columns or ():
                if name == "categorical":  # one category, however little is known of which
                    block = full[rows][:, columns]
                    expected[:, columns] = _one_category(expected[:, columns], block)
            full[missing] = expected[missing[rows]]
        return full

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.allow_nan)
        return tags


def _fair_sample(rows, n_rows):
    """Some of the `Rows`, the same at each call, and a generator for what is drawn next."""
    generator = torch.Generator().manual_seed(0)
    return rows.fair_sample(n_rows, generator), generator


def _one_category(expected, given):
    """Probabilities of the categories that were not given: together what the others leave."""
    gaps, left = np.isnan(given), 1 - np.nansum(given, axis=1, keepdims=True)
    block = gaps * (expected + np.finfo(np.float32).tiny)  # if all are 0
    total = block.sum(axis=1, keepdims=True)
    return block / np.where(total > 0, total, 1) * left.clip(0, 1)


def chosen_categories(expected, given, random_state):
    """One category of those that were not given, by their probabilities."""
    shares = np.where(np.isnan(given), _one_category(expected, given), given).cumsum(axis=1)
    places = (shares <= random_state.uniform(0, shares[:, -1])[:, None]).sum(axis=1)
    return np.eye(given.shape[1])[places.clip(max=given.shape[1] - 1)]
