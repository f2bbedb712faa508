"""Draws in place of what is missing, by the posterior given what was observed of a row."""

import numpy as np

from skae._base.missing import MissingValuesMixin, chosen_categories
from skae._base.posterior import KnownColumnsMixin
from skae._rows.source import chunks


class ImputationsMixin(KnownColumnsMixin, MissingValuesMixin):
    """Adds draws to `impute`."""

    def _draw_missing(self, source, n_draws, random_state):
        drawn = np.empty((n_draws, *source.shape), dtype=np.result_type(source.dtype, np.float32))
        for rows in chunks(len(source)):
            X = np.asarray(source.block(rows))
            drawn[:, rows] = X
            some = np.isnan(X).any(axis=1).nonzero()[0]
            if len(some):
                filled = self._filled(X[some], n_draws, random_state)
                drawn[:, rows.start + some] = filled.reshape(len(some), n_draws, -1).swapaxes(0, 1)
        return drawn

    def _filled(self, X, n_draws, random_state):
        """Rows with draws in place of NaN, those of a row together."""
        latents, labels, _ = self._latents_given(X, n_draws, random_state)
        given = np.repeat(X, n_draws, axis=0)
        rows = self._rows_of(given, latents, labels, random_state, True)
        for name, columns in self._start.target.columns or ():
            if name == "categorical":
                self._choose(rows, given, columns, latents, random_state)
        return np.where(np.isnan(given), rows, given)

    def _choose(self, rows, given, columns, latents, random_state):
        """One category among those that are possible, where some of a block are known."""
        block = given[:, columns]
        partly = np.flatnonzero(np.isnan(block).any(axis=1) & ~np.isnan(block).all(axis=1))
        if len(partly):
            codes = latents[partly, : self._n_features_out]
            means = self._mean_rows(codes)[:, columns]
            rows[np.ix_(partly, columns)] = chosen_categories(means, block[partly], random_state)
