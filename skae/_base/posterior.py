"""Rows drawn given the values of some of their columns."""

import copy
from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted

from skae._base.applying import device_of
from skae._base.conditional import ConditionalMixin
from skae._base.frames import framed
from skae._base.known import known_rows, whole_categories
from skae._base.missing import MissingValuesMixin, chosen_categories
from skae._rows.checks import warn_user
from skae._rows.frames.layouts import index_of
from skae._rows.source import chunks
from skae._training.device import forked_seed, plain_torch
from skae.objectives import MOST_STARTS, posterior_codes

# Rows whose codes are looked for together, at most, and values that are decoded at a time.
ROWS_AT_ONCE, CODES_AT_ONCE, VALUES_AT_ONCE = 512, 2**14, 2**23
# Of so many rows that the model draws one should be as unlikely as what is asked for.
N_OWN = 1000
# Below it, and below a share of the draws, candidates are too few to stand for the posterior.
MIN_EFFECTIVE, MIN_EFFECTIVE_SHARE = 10, 0.05


class KnownColumnsMixin(MissingValuesMixin, ConditionalMixin):
    """Draws codes by their posterior given what is known of rows, and with these what is not."""

    def _sample_given(self, conditions, n_samples, random_state, y, noise):
        """Rows with the values that are known, and the effective sample size of each of these."""
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        random_state, names = check_random_state(random_state), self._column_names()
        X = self._validate_known(known_rows(conditions, names))
        if y is not None:
            y = [y] * len(X) if np.ndim(y) == 0 else y
            if len(y) != len(X):
                raise ValueError(
                    f"y has {len(y)} values for {len(X)} row(s) of conditions. Give one for each "
                    "of these, which all draws given it have, or one for all."
                )
        codes, labels, n_effective = self._codes_given(X, n_samples, random_state, y)
        is_odd = self._odd_rows(X, codes, labels, random_state)
        least = max(MIN_EFFECTIVE, MIN_EFFECTIVE_SHARE * n_samples)
        _warn(is_odd, (n_effective < least) & ~is_odd, n_effective)
        exposures = self._exposures_given(X, n_samples)
        rows = self._rows_of(codes, labels, random_state, noise, exposures)
        given = np.repeat(X, n_samples, axis=0).astype(rows.dtype)
        known = ~np.isnan(given)
        rows[known] = given[known]
        if index_of(conditions) is not None:
            like = conditions.take(np.repeat(np.arange(len(X)), n_samples))
        else:
            like = None
        return framed(self, rows, like), n_effective

    def _column_names(self):
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        return list(names)

    def _validate_known(self, X):
        """Rows of which some values are known, in the ranges of their likelihoods."""
        for name, columns in self._start.target.columns or ():
            if name == "categorical":
                of_block = [self._column_names()[column] for column in columns]
                X[:, columns] = whole_categories(X[:, columns], of_block)
        if not np.isnan(X).any(axis=1).all():
            raise ValueError(
                "conditions has a row of which all values are known: nothing is left to draw. "
                "Leave out a column, or give NaN there."
            )
        self._start.target.check_asked(X)
        return X

    def _codes_given(self, X, n_draws, random_state, y=None):
        """Codes by their posterior given the values of checked rows that are not NaN.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        n_draws : int
        random_state : RandomState
        y : array-like of shape (n_samples,) or None
            Classes or numbers; None draws these too, where the decoder is told some.

        Returns
        -------
        codes : ndarray of shape (n_samples * n_draws, n_components)
        labels : ndarray of shape (n_samples * n_draws,) or None
        n_effective : ndarray of shape (n_samples,)
        """
        told = () if y is None else self._tell(X, y)
        module, seed = self.module_, int(random_state.randint(np.iinfo(np.int32).max))
        known = _Known(module, draws_told=len(told) == 0)
        found = []
        with plain_torch(grad=True), torch.no_grad(), forked_seed(torch.device("cpu"), seed):
            x = self.scaling_(torch.from_numpy(np.array(X)))
            numbers = torch.from_numpy(told[0]) if told else torch.full((len(x),), -1)
            per_row = max(MOST_STARTS, len(known.log_shares)) * (1 + self._n_features_out)
            size = max(1, min(ROWS_AT_ONCE, _n_at_once(x) // per_row))
            for part, number in zip(x.split(size), numbers.split(size), strict=True):
                found.append(known.codes(part, number, n_draws))
        z, y_drawn, n_effective = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
        codes = z.reshape(-1, z.shape[2]).astype(self._start.dtype)
        if y is not None:
            return codes, np.repeat(np.asarray(y), n_draws), n_effective
        return codes, self._labels_of(known, y_drawn.ravel()), n_effective

    def _labels_of(self, known, drawn):
        """Classes or numbers, as they are given to verbs, of what was drawn of alternatives."""
        if known.told is None:
            return None
        told = known.told.numpy()[drawn]
        if self.module_.numbers is None:
            return self._told_classes()[told]
        return self._known_numbers.in_units(told)

    def _exposures_given(self, X, n_draws):
        """Logarithms of how much was counted over the mean, as the values that are known say."""
        known = self.module_.exposure
        if known is None:
            return None
        x = self.scaling_(torch.from_numpy(np.array(X))).to(device_of(self.module_))
        return np.repeat(known(x)[:, 0].cpu().numpy(), n_draws)

    def _rows_of(self, codes, labels, random_state, noise, exposures=None):
        if noise:
            return self._draw_rows(codes, labels, random_state, exposures)
        return self._mean_rows(codes, labels, exposures)

    def _odd_rows(self, X, codes, labels, random_state):
        """Of which rows the model itself would hardly ever draw what is known."""
        own_labels = self._draw_labels(N_OWN, random_state)
        own_codes = self._draw_codes(N_OWN, random_state, own_labels).astype(self._start.dtype)
        own = self._draw_rows(own_codes, own_labels, random_state)
        found = self._energy(np.repeat(X, len(codes) // len(X), axis=0), codes, labels)
        found, is_odd = found.reshape(len(X), -1).mean(axis=1), np.zeros(len(X), dtype=bool)
        masks, of_mask = np.unique(~np.isnan(X), axis=0, return_inverse=True)
        for number, mask in enumerate(masks):
            usual = self._energy(np.where(mask, own, np.nan), own_codes, own_labels)
            is_odd |= (of_mask.ravel() == number) & (found > usual.max())
        return is_odd

    def _energy(self, X, codes, labels):
        """How unlikely rows and codes are together, in nats."""
        told = self._tell(codes, labels)
        with plain_torch(grad=False):
            x, known = self.scaling_(torch.from_numpy(X)), _Known(self.module_)
            y = torch.from_numpy(told[0]) if told else torch.full((len(x),), -1)
            tables = (x, torch.from_numpy(codes), y)
            parts = zip(*(t.split(CODES_AT_ONCE) for t in tables), strict=True)
            return torch.cat([known.energy(*part) for part in parts]).numpy()

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
        codes, labels, _ = self._codes_given(X, n_draws, random_state)
        exposures = self._exposures_given(X, n_draws)
        rows = self._rows_of(codes, labels, random_state, True, exposures)
        given = np.repeat(X, n_draws, axis=0)
        for name, columns in self._start.target.columns or ():
            if name == "categorical":
                self._choose(rows, given, columns, codes, random_state)
        return np.where(np.isnan(given), rows, given)

    def _choose(self, rows, given, columns, codes, random_state):
        """One category among those that are possible, where some of a block are known."""
        block = given[:, columns]
        partly = np.flatnonzero(np.isnan(block).any(axis=1) & ~np.isnan(block).all(axis=1))
        if len(partly):
            means = self._mean_rows(codes[partly])[:, columns]
            rows[np.ix_(partly, columns)] = chosen_categories(means, block[partly], random_state)


def _warn(is_odd, is_few, n_effective):
    """Of rows that are odd, and of others whose draws stand for few."""
    for rows, what in (
        (
            is_odd,
            f"have values that the model finds hardly possible: of {N_OWN} rows that it draws "
            "none is as unlikely. What is drawn given these goes beyond what it has learned.",
        ),
        (
            is_few,
            "have draws that are worth few independent ones: the model hardly knows such "
            "values together. Ask for fewer values, or for others.",
        ),
    ):
        if rows.any():
            first = np.flatnonzero(rows)[0]
            warn_user(
                f"{rows.sum()} of {len(rows)} rows of conditions, such as row {first} with an "
                f"effective sample size of {n_effective[first]:.1f}, {what}"
            )


def _n_at_once(x):
    """How many codes are decoded at a time."""
    return max(1, min(CODES_AT_ONCE, VALUES_AT_ONCE // x.shape[1]))


class _Known:
    """What is asked of a module about rows of which some values are known.

    Parameters
    ----------
    module : VariationalAutoencoder
    draws_told : bool
        Whether classes or numbers are drawn as well, where the decoder is told any.
    """

    def __init__(self, module, draws_told=False):
        self.module, self.device = module, device_of(module)
        self.link = copy.deepcopy(module.link)
        for part in self.link.modules():
            if hasattr(part, "allow_nan"):
                part.allow_nan = True
        alternatives = (module.alternatives() if draws_told else None) or (None, torch.zeros(1))
        self.told, self.log_shares = (None if part is None else part.cpu() for part in alternatives)

    def log_likelihood(self, x, z, y):
        """``log p(x | z, y)`` of the values of each row that are not NaN, ``(batch,)``."""
        x, exposure = x.to(self.device), self.module.exposure
        told = y.to(self.device), None if exposure is None else exposure(x)
        output = self.module.output(z.float().to(self.device), *told)
        return -self.link.nll(x, output).cpu().double()

    def energy(self, x, z, y):
        """``-log p(x, z | y)``, but for a constant."""
        return 0.5 * z.double().square().sum(dim=1) - self.log_likelihood(x, z, y)

    def codes(self, x, y, n_draws):
        """Draws for each of the rows: see `posterior_codes`."""
        module, x = self.module, x.to(self.device)
        start = module.posterior(x if module.unobserved is not None else x.nan_to_num())[0]

        def log_likelihood(z, drawn, rows):
            found, flat = [], z.flatten(0, 1)
            for part in torch.arange(len(flat)).split(_n_at_once(x)):
                row = rows[part // z.shape[1]]
                told = y[row] if self.told is None else self.told[drawn.flatten()[part]]
                found.append(self.log_likelihood(x[row.to(self.device)], flat[part], told))
            return torch.cat(found).view(z.shape[:2])

        start, log_shares = start.cpu().double(), self.log_shares.double()
        return posterior_codes(log_likelihood, start, n_draws, log_shares)
