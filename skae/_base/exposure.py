"""How much was counted of each row: taken out of the codes, told to the decoder."""

import math
from numbers import Real

import numpy as np
import torch
from sklearn.utils.validation import check_array, check_is_fitted

from skae._base.applying import device_of
from skae._base.autoencoder import BaseAutoencoder
from skae._base.class_codes import encoded
from skae._base.holes import Holes
from skae._rows.columns import COUNTS, EXPOSURE, MIN_SUMMED, check_exposures, column_numbers
from skae._rows.source import shape_of
from skae._rows.tensors import tensors_welcome
from skae._training.device import plain_torch
from skae.modules import LEAST_EXPOSURE, MAX_LOG_MEAN, Exposure

# Of so many rows, at most, exposures are noted, as so many quantiles of their logarithms.
MAX_NOTED, N_QUANTILES = 10_000, 129
# The deviation of the logarithms of exposures, at least.
LEAST_SPREAD = 0.02
# Rates behind sums of counts are found for so many quantiles of the sums, in so many steps. A row
# of which nothing was counted may have this one; a sum is at least a little wider than a Poisson's.
N_SUMS, N_STEPS, LEAST_RATE, LEAST_DISPERSION = 512, 100, 0.1, 1e-9


class ExposureAutoencoder(BaseAutoencoder):
    """Base class of those with counts among their columns."""

    # Of models from before it was a parameter.
    exposure = None

    def _is_told_exposures(self):
        """Whether a column says how much was counted of each row."""
        return self.exposure not in (None, "auto", "sum")

    def _exposure_column(self, X):
        """The column that says it, as an array that is empty if there is none."""
        if isinstance(self.exposure, bool):
            raise ValueError(
                f"exposure={self.exposure} is neither a column nor a word. Give 'sum' for the sum "
                "of the counts, the column that says how much was counted, or None."
            )
        if not self._is_told_exposures():
            return np.empty(0, dtype=int)
        names = getattr(self, "feature_names_in_", None)
        return column_numbers(self.exposure, X.shape[1], names, "exposure")

    def _check_exposure(self, parts):
        """Refuse an exposure of nothing."""
        if self.exposure not in (None, "auto") and not {name for name, _ in parts} & {*COUNTS}:
            raise ValueError(
                f"exposure={self.exposure!r} is how much was counted, but no column has a "
                f"likelihood of counts, {' or '.join(COUNTS)}. Give counts one, or leave it out."
            )

    def _columns_of(self, *names):
        """The columns that have one of these likelihoods."""
        parts = [columns for name, columns in self._start.target.columns if name in names]
        return np.concatenate([np.empty(0, dtype=int), *parts])

    def _counts(self):
        """Which columns are counts, and the means of all; or None."""
        counts = self._columns_of(*COUNTS)
        if not len(counts):
            return None
        mean = torch.from_numpy(self._start.statistics.mean).float()
        is_count = torch.zeros(len(mean), dtype=torch.bool)
        is_count[counts] = True
        return is_count, mean

    def _make_exposure(self):
        """What knows how much was counted of each row, or None."""
        counts, told = self._counts(), self._columns_of(EXPOSURE)
        if counts is None or self.exposure is None:
            return None
        if self.exposure == "auto" and counts[0].sum() < max(MIN_SUMMED, len(counts[0])):
            return None
        return Exposure(*counts, int(told[0]) if len(told) else None)

    def _validate(self, X, *, reset, **settings):
        X = super()._validate(X, reset=reset, **settings)
        if not reset and hasattr(self, "net_"):
            check_exposures(X, self._start.target.columns)
        return X

    # What is drawn.

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        self._exposures = None
        if self.module_.exposure is not None:
            rehearses = stream and hasattr(self, "_reservoir")
            self._exposures = self._quantiles(self._rehearsed_rows() if rehearses else rows[0])

    def _quantiles(self, rows):
        """Those of the logarithms of exposures: of the rows of each class, and last of all.

        Of sums they are those of the rates behind them: what a sum of counts varies by around its
        rate, by chance, is there once more where counts are drawn.
        """
        kept, module = rows.fair_sample(MAX_NOTED, torch.Generator().manual_seed(0)), self.module_
        labels = None if rows.labels is None else rows.labels.cpu()[kept]
        is_wide = len(self._columns_of("negative_binomial")) and not self._is_told_by_column()
        found, start = [], 0
        with plain_torch(grad=False):
            for x in rows.chunks_of(kept):
                part, x = slice(start, start + len(x)), x.to(device_of(module))
                log_exposure = module.exposure(x).squeeze(1)
                dispersion = torch.zeros_like(log_exposure)
                if is_wide:
                    known = None if labels is None else labels[part].to(x.device)
                    dispersion = module.sum_dispersion(*encoded(module, x, known)[:2])
                found.append(torch.stack([log_exposure, dispersion]).cpu())
                start += len(x)
        found = torch.cat(found, dim=1).double().numpy()
        groups = [labels.numpy() == number for number in range(module.n_classes)]
        parts = [found[:, group] if group.any() else found for group in groups]
        return np.stack([self._quantiles_of(*part) for part in (*parts, found)])

    def _quantiles_of(self, logs, dispersions):
        levels = np.linspace(0, 1, N_QUANTILES)
        if self._is_told_by_column():
            return np.quantile(logs, levels)
        total = self.module_.exposure.total.item()
        rates, shares = rates_of(np.exp(logs) * total, dispersions.mean())
        # Beyond these no sum tells of rates.
        levels = levels.clip(0.5 / N_SUMS, 1 - 0.5 / N_SUMS)
        return np.interp(levels, shares.cumsum() - shares / 2, np.log(rates / total))

    def _exposure_prior(self):
        """Means and deviations of the logarithms of exposures, ``(n_classes + 1, 2)``; or None."""
        if self.module_.exposure is None:
            return None
        logs = (self._exposures[:, 1:] + self._exposures[:, :-1]) / 2
        return np.column_stack([logs.mean(axis=1), logs.std(axis=1).clip(LEAST_SPREAD)])

    def _is_told_by_column(self):
        return bool(self.module_.exposure.is_told.any())

    def _exposures_of(self, codes, y, exposure, random_state):
        if exposure is not None:
            return self._log_exposures(exposure, shape_of(codes)[0])
        quantiles = getattr(self, "_exposures", None)
        if quantiles is None:
            return None
        told = self._tell(codes, y) if self.module_.n_classes else ()
        places = (N_QUANTILES - 1) * random_state.uniform(size=len(codes))
        below = np.minimum(places.astype(int), N_QUANTILES - 2)
        group = told[0] if told else -1  # as that of rows without a class
        low, high = quantiles[group, below], quantiles[group, below + 1]
        return low + (places - below) * (high - low)

    def _log_exposures(self, exposure, n_samples):
        """The logarithms of given exposures over the mean, ``(n_samples,)``."""
        known = self.module_.exposure
        if known is None:
            raise ValueError(
                "exposure is for models of counts that were made with one. Fit with exposure='sum' "
                "or with the column that says how much was counted."
            )
        if np.asarray(exposure).dtype.kind == "b":
            raise ValueError(
                f"exposure={exposure!r} is no number. Give how much was counted, such as the sum "
                "of the counts of a row; None draws it, or takes that of the mean row."
            )
        if isinstance(exposure, Real):
            exposure = np.full(n_samples, exposure, dtype=np.float64)
        exposure = check_array(exposure, ensure_2d=False, dtype=np.float64, input_name="exposure")
        exposure = exposure.reshape(-1)
        if len(exposure) != n_samples:
            raise ValueError(
                f"exposure has {len(exposure)} values for {n_samples} rows. Give one for each, or "
                "one number for all."
            )
        if (exposure < 0).any():
            raise ValueError(f"exposure must not be negative, but has {exposure.min():.6g}.")
        if known.is_told.any() and (exposure == 0).any():
            raise ValueError(
                "exposure must be positive where a column of X says it, as in fit, but has 0."
            )
        is_count, mean = self._counts()
        most = known.total.item() / max(mean[is_count].sum().item(), 1e-9) * math.exp(MAX_LOG_MEAN)
        if (exposure > most).any():
            raise ValueError(
                f"exposure has {exposure.max():.6g}, but at most {most:.3g} may be counted of a "
                "row: rates beyond are none that were learned. Give what was counted of a row."
            )
        return np.log(np.maximum(exposure / known.total.item(), LEAST_EXPOSURE))

    def _exposures_in(self, X):
        """How much was counted of each of the rows X, ``(n_samples,)``; None where nobody asks."""
        known = self.module_.exposure
        if known is None:
            return None
        logs = self._map_rows(self._validate(X, reset=False), known)
        return np.exp(logs[:, 0].astype(np.float64)) * known.total.item()


def rates_of(sums, dispersion):
    """Rates that sums of counts were drawn around, and their shares: the likeliest ones [1]_.

    Parameters
    ----------
    sums : array of shape (n_rows,)
    dispersion : float
        The variance of a sum around its rate is ``rate + dispersion * rate**2``, as of the negative
        binomial distribution.

    Returns
    -------
    rates, shares : array of shape (n_rates,)

    References
    ----------
    .. [1] Laird, "Nonparametric maximum likelihood estimation of a mixing distribution", Journal of
       the American Statistical Association 73, 1978.
    """
    some = np.quantile(sums, (np.arange(N_SUMS) + 0.5) / N_SUMS)[:, None]
    lowest, highest = np.maximum([sums.min(), sums.max()], LEAST_RATE)
    rates = np.quantile(sums, np.linspace(0, 1, N_QUANTILES)).clip(lowest)
    rates = np.unique(np.r_[rates, np.geomspace(lowest, highest, N_QUANTILES)])
    size = 1 / max(dispersion, LEAST_DISPERSION)
    around = np.log1p(rates / size)
    log_density = some * (np.log(rates) - around) - size * around
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    shares = np.full(len(rates), 1 / len(rates))
    for _ in range(N_STEPS):
        shares *= (density / (density @ shares)[:, None]).mean(axis=0)
    return rates, shares


class ExposureMixin(Holes):
    """Decoding for an exposure: stands before the trait that is told the class."""

    @tensors_welcome
    def inverse_transform(self, X, y=None, *, exposure=None, out=None):
        """Decode codes, as rows of given classes and of given exposures where it is told those.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, such as `transform` gives.
        y : array-like of shape (n_samples,) or a label, default=None
            Labels of `classes_`, needed where the decoder is told the class: with `conditional` and
            in classifiers. With `conditional` also -1, no class, if there were such rows in
            training.
        exposure : float or array-like of shape (n_samples,), default=None
            Where the decoder is told how much was counted of each row (see the parameter), that of
            the rows: of rows X it is ``X.sum(axis=1)`` where all columns are counts. None is that
            of the mean row of training. 0 gives counts of nearly 0, where no column says it; rates
            are learned up to exp(30).
        out : object of shape (n_samples, n_features), default=None
            What to write the rows to, block by block, and return: see `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Rows, in the units of the training data and the floating dtype of the codes; or `out`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another number of columns, NaN or infinity, or if y or an exposure is not as
            described.
        TypeError
            As in `transform`.
        """
        check_is_fitted(self)
        if exposure is not None:
            exposure = self._exposures_of(X, y, exposure, None)
        return self._decode(X, y, out, exposure)
