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
# Beyond so many deviations from their mean logarithms of exposures are further apart, by 1 for each
# deviation: rows that are counted much further than those of training do occur.
FAR = 3.0
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
        latents, labels, n_effective = self._latents_given(X, n_samples, random_state, y)
        is_odd = self._odd_rows(X, latents, labels, random_state)
        least = max(MIN_EFFECTIVE, MIN_EFFECTIVE_SHARE * n_samples)
        _warn(is_odd, (n_effective < least) & ~is_odd, n_effective)
        given = np.repeat(X, n_samples, axis=0)
        rows = self._rows_of(given, latents, labels, random_state, noise)
        given = given.astype(rows.dtype)
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

    def _latents_given(self, X, n_draws, random_state, y=None):
        """Latents by their posterior given the values of checked rows that are not NaN.

        They are codes, and behind these how much was counted, where the decoder is told that: see
        `_Known`.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        n_draws : int
        random_state : RandomState
        y : array-like of shape (n_samples,) or None
            Classes or numbers; None draws these too, where the decoder is told some.

        Returns
        -------
        latents : ndarray of shape (n_samples * n_draws, n_latents)
        labels : ndarray of shape (n_samples * n_draws,) or None
        n_effective : ndarray of shape (n_samples,)
        """
        told = () if y is None else self._tell(X, y)
        module, seed = self.module_, int(random_state.randint(np.iinfo(np.int32).max))
        known = _Known(module, self._exposure_prior(), draws_told=len(told) == 0)
        found = []
        with plain_torch(grad=True), torch.no_grad(), forked_seed(torch.device("cpu"), seed):
            x = self.scaling_(torch.from_numpy(np.array(X)))
            numbers = torch.from_numpy(told[0]) if told else torch.full((len(x),), -1)
            n_latents = self._n_features_out + (known.prior is not None)
            per_row = max(MOST_STARTS, len(known.log_shares)) * (1 + n_latents)
            size = max(1, min(ROWS_AT_ONCE, _n_at_once(x) // per_row))
            for part, number in zip(x.split(size), numbers.split(size), strict=True):
                found.append(known.codes(part, number, n_draws))
        z, y_drawn, n_effective = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
        latents = z.reshape(-1, n_latents).astype(self._start.dtype)
        if y is not None:
            return latents, np.repeat(np.asarray(y), n_draws), n_effective
        return latents, self._labels_of(known, y_drawn.ravel()), n_effective

    def _labels_of(self, known, drawn):
        """Classes or numbers, as they are given to verbs, of what was drawn of alternatives."""
        if known.told is None:
            return None
        told = known.told.numpy()[drawn]
        if self.module_.numbers is None:
            return self._told_classes()[told]
        return self._known_numbers.in_units(told)

    def _rows_of(self, X, latents, labels, random_state, noise):
        """Rows for latents; how much was counted is what the known values X say, where they do."""
        codes, exposures = latents[:, : self._n_features_out], None
        if self.module_.exposure is not None:
            found = self._by_parts(_Known.log_exposure, X, latents, labels)
            exposures = found[:, 0].numpy()
        if noise:
            return self._draw_rows(codes, labels, random_state, exposures)
        return self._mean_rows(codes, labels, exposures)

    def _odd_rows(self, X, latents, labels, random_state):
        """Of which rows the model itself would hardly ever draw what is known."""
        own_labels = self._draw_labels(N_OWN, random_state)
        drawn = self._draw_codes(N_OWN, random_state, own_labels)
        if self.module_.exposure is not None:
            drawn = np.column_stack([drawn, random_state.standard_normal(N_OWN)])
        drawn = drawn.astype(self._start.dtype)
        nothing = np.full((N_OWN, X.shape[1]), np.nan)
        own = self._rows_of(nothing, drawn, own_labels, random_state, True)
        found = self._energy(np.repeat(X, len(latents) // len(X), axis=0), latents, labels)
        found, is_odd = found.reshape(len(X), -1).mean(axis=1), np.zeros(len(X), dtype=bool)
        masks, of_mask = np.unique(~np.isnan(X), axis=0, return_inverse=True)
        for number, mask in enumerate(masks):
            usual = self._energy(np.where(mask, own, np.nan), drawn, own_labels)
            is_odd |= (of_mask.ravel() == number) & (found > usual.max())
        return is_odd

    def _energy(self, X, latents, labels):
        """How unlikely rows and latents are together, in nats."""
        return self._by_parts(_Known.energy, X, latents, labels).numpy()

    def _by_parts(self, method, X, latents, labels):
        """What a method of `_Known` gives of rows, latents and labels."""
        told = self._tell(latents, labels)
        with plain_torch(grad=False):
            known = _Known(self.module_, self._exposure_prior())
            x = self.scaling_(torch.from_numpy(X))
            y = torch.from_numpy(told[0]) if told else torch.full((len(x),), -1)
            tables = (x, torch.from_numpy(latents), y)
            parts = zip(*(t.split(CODES_AT_ONCE) for t in tables), strict=True)
            return torch.cat([method(known, *part).cpu() for part in parts])

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


def _log_exposure_of(latent, mean, deviation):
    return mean + deviation * latent + (latent.abs() - FAR).relu() * latent.sign()


def _latent_of(log_exposure, mean, deviation):
    """The opposite, but no further than there are any."""
    away = log_exposure - mean
    near = (away / deviation).clamp(-FAR, FAR)
    return (near + (away - deviation * near) / (1 + deviation)).clamp(-2 * FAR, 2 * FAR)


class _Known:
    """What is asked of a module about rows of which some values are known.

    Latents are codes. Where the module is told exposures, one more stands behind these, standard
    normal as they are, for the logarithm of the exposure. It counts where the known values leave
    that open.

    Parameters
    ----------
    module : VariationalAutoencoder
    prior : array of shape (n_classes + 1, 2) or None
        Means and deviations of the logarithms of exposures: of each class, and last of all.
    draws_told : bool
        Whether classes or numbers are drawn as well, where the decoder is told any.
    """

    def __init__(self, module, prior=None, draws_told=False):
        self.module, self.device = module, device_of(module)
        self.prior = None if prior is None else torch.from_numpy(prior).float().to(self.device)
        self.link = copy.deepcopy(module.link)
        for part in self.link.modules():
            if hasattr(part, "allow_nan"):
                part.allow_nan = True
        alternatives = (module.alternatives() if draws_told else None) or (None, torch.zeros(1))
        self.told, self.log_shares = (None if part is None else part.cpu() for part in alternatives)

    def log_exposure(self, x, z, y):
        """What the values of a row that are not NaN say, or else its latent, ``(batch, 1)``."""
        x, exposure = x.to(self.device), self.module.exposure
        mean, deviation = self._moments(y).unbind(1)
        drawn = _log_exposure_of(z[:, -1].float().to(self.device), mean, deviation)
        return torch.where(exposure.is_known(x), exposure(x), drawn[:, None])

    def _moments(self, y):
        groups = y if self.module.n_classes else torch.full((len(y),), -1)
        return self.prior[groups.to(self.device)]  # of a row without a class those of all

    def log_likelihood(self, x, z, y):
        """``log p(x | z, y)`` of the values of each row that are not NaN, ``(batch,)``."""
        x, codes, told = x.to(self.device), z, [y.to(self.device)]
        if self.prior is not None:
            codes = z[:, :-1]
            told.append(self.log_exposure(x, z, y))
        output = self.module.output(codes.float().to(self.device), *told)
        return -self.link.nll(x, output).cpu().double()

    def energy(self, x, z, y):
        """``-log p(x, z | y)``, but for a constant."""
        return 0.5 * z.double().square().sum(dim=1) - self.log_likelihood(x, z, y)

    def codes(self, x, y, n_draws):
        """Draws for each of the rows: see `posterior_codes`."""
        module, x = self.module, x.to(self.device)
        start = module.posterior(x if module.unobserved is not None else x.nan_to_num())[0]
        if self.prior is not None:
            start = torch.cat([start, _latent_of(module.exposure(x), *self.prior[-1])], dim=1)

        def log_likelihood(z, drawn, rows):
            found, flat = [], z.flatten(0, 1)
            for part in torch.arange(len(flat)).split(_n_at_once(x)):
                row = rows[part // z.shape[1]]
                told = y[row] if self.told is None else self.told[drawn.flatten()[part]]
                found.append(self.log_likelihood(x[row.to(self.device)], flat[part], told))
            return torch.cat(found).view(z.shape[:2])

        start, log_shares = start.cpu().double(), self.log_shares.double()
        return posterior_codes(log_likelihood, start, n_draws, log_shares)
