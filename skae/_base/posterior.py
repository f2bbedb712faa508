"""Rows drawn given the values of some of their columns."""

from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted

from skae._base.conditional import ConditionalMixin
from skae._base.frames import framed
from skae._base.known import known_rows, whole_categories
from skae._base.latents import CODES_AT_ONCE, Latents, n_at_once
from skae._rows.checks import warn_user
from skae._rows.frames.layouts import index_of
from skae._training.device import forked_seed, plain_torch
from skae.objectives import MOST_STARTS

# Rows whose codes are looked for together, at most.
ROWS_AT_ONCE = 512
# Of so many rows that the model draws one should be as unlikely as what is asked for.
N_OWN = 1000
# Below it, and below a share of the draws, candidates are too few to stand for the posterior.
MIN_EFFECTIVE, MIN_EFFECTIVE_SHARE = 10, 0.05


class KnownColumnsMixin(ConditionalMixin):
    """Draws codes by their posterior given what is known of rows, and with these what is not.

    It stands before the trait of exposures.
    """

    def sample(
        self,
        n_samples=1,
        random_state=None,
        y=None,
        *,
        noise=False,
        exposure=None,
        conditions=None,
        return_ess=False,
    ):
        r"""Draw new rows: decode draws of the prior, of a class, or given what is known.

        With `conditions` codes are drawn from :math:`p(z | x_K) \propto p(z)\, p(x_K | z)`, where K
        are the columns that are known, and the other columns given the code. It is importance
        sampling, by normal distributions at the modes of the posterior that then adapt to it [1]_.
        Where the decoder is told the class, :math:`p(z | y)` is in the place of :math:`p(z)`: the
        normal distribution with the mean and the covariance of what is drawn for the class without
        conditions.

        Parameters
        ----------
        n_samples : int, default=1
            How many. With `conditions`, for each row of them.
        random_state : int, RandomState instance or None, default=None
            Determines the draw. Pass an int for the same rows at each call.
        y : array-like of shape (n_samples,) or a label, default=None
            Where the decoder is told the class, those of the rows, or of the rows of `conditions`.
            None draws them as often as they were given in training, or by their posterior given
            what is known. Codes are drawn as those of training rows of the class lie, and not of
            the prior, from which codes of one class may be far. Where it is told a number, the same
            holds for rows with nearly that number; numbers beyond those of training are warned of.
        noise : bool, default=False
            Whether rows are drawn from the likelihood, such as whole counts and one category of
            each block. Otherwise they are its means, such as the probabilities of categories.
            Either lie within the range of the training rows, and draws are whole numbers where
            all values of a column were.
        exposure : float or array-like of shape (n_samples,), default=None
            Where the decoder is told how much was counted of each row (see the parameter), that of
            the rows, such as the sum of their counts, up to exp(30); of 0, which goes where no
            column says it, counts are nearly 0, and draws of them 0. None draws it as it was in
            training, of the rows of their class where the decoder is told that, whatever the code.
            Of sums it is the rates behind them that are drawn: with ``noise=True`` sums of drawn
            rows vary as those of training.
            With `conditions` it is drawn with the code, given the counts that are known, by a
            normal prior of its logarithm that is as wide as in training; where all counts are
            known it is their sum, and the column that says it may be given.
        conditions : dict or {array, frame} of shape (n_rows, n_features), default=None
            What is known: values of columns, by their names or numbers, or rows with NaN where a
            value is to be drawn. A frame may leave columns out. Of one-hot columns give the one
            that is 1.
        return_ess : bool, default=False
            Whether to return the effective sample size as well.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            New rows, in the units and the floating dtype of the training data. With `conditions` of
            shape (n_rows * n_samples, n_features), those of one row together, with the values that
            were asked for.
        ess : ndarray of shape (n_rows,)
            If `return_ess`. How many independent draws the weighted candidates, from which those of
            a row are taken, are worth: :math:`(\sum w)^2 / \sum w^2`. It may be larger than
            `n_samples`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `n_samples` is below 1, or if y, an exposure or `conditions` are not as described:
            columns that there are not, values that a likelihood can not have, or a row with all
            values known.

        Warns
        -----
        UserWarning
            If the effective sample size of a row is below 10, or a twentieth of `n_samples`, or if
            its values are less likely, with their codes, than those of 1000 rows that the model
            draws: then it finds them hardly possible together.

        References
        ----------
        .. [1] Cappé, Douc, Guillin, Marin and Robert, "Adaptive importance sampling in general
           mixture classes", Statistics and Computing 18, 2008.
        """
        if conditions is None:
            if return_ess:
                raise ValueError("return_ess=True is for draws with conditions.")
            return self._sample(n_samples, random_state, y, noise, exposure)
        if exposure is not None:
            raise ValueError(
                "With conditions how much was counted is drawn, given the values that are known: "
                "leave out exposure, or give the column that says it among the conditions."
            )
        rows, ess = self._sample_given(conditions, n_samples, random_state, y, noise)
        return (rows, ess) if return_ess else rows

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
        `Latents`.

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
        seed, found = int(random_state.randint(np.iinfo(np.int32).max)), []
        asked = self._asked(draws_told=len(told) == 0)
        with plain_torch(grad=True), torch.no_grad(), forked_seed(torch.device("cpu"), seed):
            x = self.scaling_(torch.from_numpy(np.array(X)))
            numbers = torch.from_numpy(told[0]) if told else torch.full((len(x),), -1)
            n_latents = self._n_features_out + (asked.exposures is not None)
            per_row = max(MOST_STARTS, len(asked.log_shares)) * (1 + n_latents)
            size = max(1, min(ROWS_AT_ONCE, n_at_once(x) // per_row))
            for part, number in zip(x.split(size), numbers.split(size), strict=True):
                found.append(asked.codes(part, number, n_draws))
        z, y_drawn, n_effective = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
        latents = z.reshape(-1, n_latents).astype(self._start.dtype)
        if y is not None:
            return latents, np.repeat(np.asarray(y), n_draws), n_effective
        return latents, self._labels_of(asked, y_drawn.ravel()), n_effective

    def _asked(self, draws_told=False):
        """What the module is asked about rows of which some values are known."""
        if self._is_conditional():
            self._see_classes()
        of_classes = getattr(self, "_class_codes", None)
        return Latents(self.module_, self._exposure_prior(), of_classes, draws_told)

    def _labels_of(self, asked, drawn):
        """Classes or numbers, as they are given to verbs, of what was drawn of alternatives."""
        if asked.told is None:
            return None
        told = asked.told.numpy()[drawn]
        if self.module_.numbers is None:
            return self._told_classes()[told]
        return self._known_numbers.in_units(told)

    def _rows_of(self, X, latents, labels, random_state, noise):
        """Rows for latents; how much was counted is what the known values X say, where they do."""
        codes, exposures = latents[:, : self._n_features_out], None
        if self.module_.exposure is not None:
            found = self._by_parts(Latents.log_exposure, X, latents, labels)
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
        return self._by_parts(Latents.energy, X, latents, labels).numpy()

    def _by_parts(self, method, X, latents, labels):
        """What a method of `Latents` gives of rows, latents and labels."""
        told = self._tell(latents, labels)
        with plain_torch(grad=False):
            asked = self._asked()
            x = self.scaling_(torch.from_numpy(X))
            y = torch.from_numpy(told[0]) if told else torch.full((len(x),), -1)
            tables = (x, torch.from_numpy(latents), y)
            parts = zip(*(t.split(CODES_AT_ONCE) for t in tables), strict=True)
            return torch.cat([method(asked, *part).cpu() for part in parts])


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
