"""What the models with a likelihood share, whose codes have a normal prior."""

import math
from functools import partial
from numbers import Integral

import numpy as np
import torch
from scipy import special
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._base.applying import MIN_ROWS, padded
from skae._base.drawing import DrawingAutoencoder
from skae._base.exposure import ExposureAutoencoder
from skae._rows.amounts import AMOUNTS, log_moments, log_scale
from skae._rows.columns import EXPOSURE, detect_columns, resolve_columns
from skae._rows.scaling import Scaling
from skae._rows.source import CHUNK_ROWS
from skae.losses import LIKELIHOODS
from skae.modules import (
    Likelihood,
    LogAmounts,
    LogCounts,
    MixedLikelihood,
    Offset,
    Told,
    n_outputs_of,
)
from skae.objectives import importance_log_likelihood
from skae.penalties import gaussian_kl

# Beyond this the likelihood overflows in float32.
MAX_ABS_LOG_VARIANCE = 60.0
# Probabilities and means of the start are at least so large, for their logarithms to be finite.
MIN_START = 1e-3
CONTINUOUS = ("gaussian", "laplace")


class VariationalBase(DrawingAutoencoder, ExposureAutoencoder):
    """Base class of the models with a likelihood, and a normal prior of the codes."""

    _cost = "likelihood"
    _pads_scores = True
    _has_normal_prior = True

    # Which column has which likelihood.

    def _is_one(self):
        """Whether one likelihood is that of all columns."""
        named = isinstance(self.likelihood, str) and self.likelihood != "mixed"
        return named and not self._is_told_exposures()

    def _find_columns(self, X):
        aside = self._exposure_column(X)
        told = [(EXPOSURE, aside)] if len(aside) else []
        if isinstance(self.likelihood, str):
            everywhere = [(self.likelihood, np.arange(X.shape[1]))]
            parts = detect_columns(X) if self.likelihood == "mixed" else everywhere
            parts = [(name, columns[~np.isin(columns, aside)]) for name, columns in parts]
            parts = [(name, columns) for name, columns in parts if len(columns)]
        else:
            names = getattr(self, "feature_names_in_", None)
            parts = resolve_columns(self.likelihood, LIKELIHOODS, X.shape[1], names, aside)
        self._check_exposure(parts)
        return parts + told

    def _needs_unit_interval(self):
        if self._is_one() and (self.likelihood in CONTINUOUS or self.likelihood == "bernoulli"):
            return super()._needs_unit_interval()
        if self.output_activation == "logistic":
            raise ValueError(
                f"output_activation='logistic' does not go with likelihood={self.likelihood!r}, "
                "which says itself what outputs are. Use 'auto'."
            )
        return None

    def _make_scaling(self, statistics, target):
        if self._is_one() and self.likelihood in CONTINUOUS:
            return super()._make_scaling(statistics, target)
        # Each column on its own, since their likelihoods have parameters of their own.
        mean, scale = np.zeros_like(statistics.mean), np.ones_like(statistics.mean)
        highest = np.full_like(mean, np.inf)
        for name, columns in target.columns:
            if name in CONTINUOUS:
                deviation = statistics.deviation[columns]
                mean[columns] = statistics.mean[columns]
                scale[columns] = np.where(deviation > 0, deviation, 1.0)
            elif name in AMOUNTS:  # whose 0 stays where it is
                size = np.hypot(statistics.mean[columns], statistics.deviation[columns])
                scale[columns] = np.where(size > 0, size, 1.0)
                # The mean of a wide lognormal distribution may be anything.
                highest[columns] = statistics.high[columns]
        has_bounds = np.isfinite(highest).any() and not statistics.is_of_a_stream
        bounds = np.stack([np.full_like(mean, -np.inf), highest]) if has_bounds else None
        return Scaling(mean, 1.0 if (scale == 1).all() else scale, bounds)

    def _amounts(self):
        """The columns that are amounts."""
        parts = [columns for name, columns in self._start.target.columns if name in AMOUNTS]
        return np.concatenate([np.empty(0, dtype=int), *parts])

    def _measure_logs(self, table):
        named = [columns for name, columns in table.target.columns if name in AMOUNTS]
        if not named:
            return None
        return log_moments(table.learned, table.subset, table.weight, np.concatenate(named))

    def _scaled_logs(self):
        """The moments of the logarithms of standardized rows."""
        mean, deviation, zero_share = self._start.logs
        scale = np.broadcast_to(self.scaling_.scale.numpy(), mean.shape)
        return mean - np.log(scale), deviation, zero_share

    # The networks.

    def _make_parts(self, n_outputs, n_inputs):
        encoder, decoder, likelihood = super()._make_parts(n_outputs, n_inputs)
        return self._on_logs(encoder), decoder, likelihood

    def _on_logs(self, network, of_counts=True):
        """A network of rows, given logarithms of their amounts, and of their counts.

        The latter apart from how much was counted.
        """
        log_scale, counts = self._make_log_scale(), self._counts()
        scales = [] if log_scale is None else [log_scale]
        if of_counts and counts is not None:
            scales.append(LogCounts(*counts, self._make_exposure()))
        return nn.Sequential(*scales, network) if scales else network

    def _make_log_scale(self):
        if self._start.logs is None:
            return None
        is_amount = torch.zeros(self.n_features_in_, dtype=torch.bool)
        is_amount[self._amounts()] = True
        parts = [torch.from_numpy(part).float() for part in log_scale(*self._scaled_logs())]
        return LogAmounts(is_amount, *parts)

    def _n_raw_outputs(self):
        sizes = [len(c) * n_outputs_of(name) for name, c in self._start.target.columns]
        if sum(sizes) > self.n_features_in_ and hasattr(self.architecture, "image_shape"):
            raise ValueError(
                "likelihood='hurdle_lognormal' needs two outputs for each feature, but "
                f"{type(self.architecture).__name__} makes images, which have one. Choose "
                "'gaussian', or an architecture such as MLP."
            )
        return sum(sizes)

    def _make_outputs(self):
        likelihood, means = self._make_likelihood(), self._start.statistics.mean
        if self._is_one() and self.likelihood in (*CONTINUOUS, "bernoulli"):
            return super()._make_outputs()[0], likelihood
        offset, scale, of_zeros = np.zeros_like(means), np.ones_like(means), []
        for name, columns in self._start.target.columns:
            mean = np.maximum(means[columns], MIN_START)
            if name == "bernoulli":
                mean = np.minimum(mean, 1 - MIN_START)
                offset[columns] = special.logit(mean)
            elif name in AMOUNTS:
                logs, spread, zero_share = (part[columns] for part in self._scaled_logs())
                offset[columns], scale[columns] = logs, spread
                if n_outputs_of(name) > 1:
                    of_zeros.append(special.logit(zero_share.clip(MIN_START, 1 - MIN_START)))
            elif name not in CONTINUOUS:
                offset[columns] = np.log(mean)
            if name == EXPOSURE:  # it is not the decoder that says it
                offset[columns], scale[columns] = np.log(means[columns]), 0.0
        offset = np.concatenate([offset, *of_zeros])
        scale = np.concatenate([scale, np.ones(len(offset) - len(scale))])
        return Offset(*(torch.from_numpy(part).float() for part in (offset, scale))), likelihood

    def _make_likelihood(self):
        parts, allow_nan = [], self._as_fitted("allow_nan", False)
        for name, columns in self._start.target.columns:
            parameter, learned, high = None, True, None
            if name in CONTINUOUS and self.noise_variance is not None:
                parameter, learned = self._log_noise_variance(columns), False
            elif name == "negative_binomial" or (name in CONTINUOUS and not self._is_one()):
                parameter = torch.zeros(len(columns))
            elif name in AMOUNTS:
                spread = torch.from_numpy(self._start.logs[1][columns])
                parameter = 2 * spread.log().float()
                learned = self.noise_variance != "mean"
                if self.scaling_.bounds is not None:
                    high = self.scaling_(torch.from_numpy(self.scaling_.bounds[1]))[columns]
            known = name == EXPOSURE
            likelihood = Told() if known else Likelihood(name, parameter, learned, allow_nan, high)
            if name in AMOUNTS and learned:
                likelihood.begin_at(spread**2)
            parts.append((likelihood, torch.from_numpy(columns)))
        return parts[0][0] if self._is_one() else MixedLikelihood(parts)

    def _log_noise_variance(self, columns):
        """Logarithm of the noise variance for standardized rows."""
        scale = self.scaling_.scale
        if self.noise_variance == "mean":
            if scale.ndim:  # columns are standardized on their own
                return torch.zeros(len(columns))
            return 2 * (self._start.statistics.scaling().scale / scale).log().float()
        log_variance = math.log(self.noise_variance) - 2 * scale.log()
        if scale.ndim:
            log_variance = log_variance[columns]
        if (log_variance.abs() > MAX_ABS_LOG_VARIANCE).any():
            largest = log_variance.flatten()[log_variance.abs().argmax()].clamp(max=700)
            raise ValueError(
                f"noise_variance={self.noise_variance} is {largest.exp():.1g} "
                "times the variance of X: no float32 can weigh the two. Give it in squared units "
                "of X, or None to learn it."
            )
        return log_variance.float()

    def _reconstruct(self, x):
        if self._start.logs is None:
            return super()._reconstruct(x)
        # The mean of an amount is that over its codes: at their mean it is smaller.
        module = self.module_
        mean, log_var = module.posterior(x)
        deviation, noise = (0.5 * log_var).exp(), torch.from_numpy(self._score_noise).to(mean)
        told = None, None if module.exposure is None else module.exposure(x)
        return sum(module.decode(mean + deviation * draw, *told) for draw in noise) / len(noise)

    # Scores.

    def _row_scores(self, module, x):
        return self._log_likelihoods(torch.from_numpy(self._score_noise), module, x)

    def _quick_scores(self, module, x):
        """The bound of the likelihood that the posterior mean gives, without a draw."""
        mean, log_var = module.posterior(x)
        bound = -module.nll(x, module.output(mean)) - gaussian_kl(mean, log_var)
        return bound - self._log_volume(x).to(bound)

    def _estimate_log_likelihoods(self, X, n_samples, random_state):
        """Estimates with draws of their own, for `skae.metrics.log_likelihood`."""
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        noise = check_random_state(random_state).standard_normal((n_samples, self._n_features_out))
        return self._score_rows(X, partial(self._log_likelihoods, torch.from_numpy(noise)))

    def _log_likelihoods(self, noise, module, x):
        """Estimates of log p(x) in units of X; of all that may be told together."""
        noise, n_rows = noise.to(x), len(x)
        if n_rows < MIN_ROWS:
            x = padded(x)
            if n_rows * len(noise) < MIN_ROWS:  # else the decoder has enough rows with these alone
                n_rows = MIN_ROWS
        estimate = partial(importance_log_likelihood, module, x, noise, n_rows=n_rows)
        alternatives = module.alternatives()
        if alternatives is None:
            scores = estimate()
        else:
            values, log_shares = alternatives
            scores = torch.stack([estimate(value.expand(len(x))) for value in values])
            scores = (scores + log_shares[:, None]).logsumexp(dim=0)
        return scores - self._log_volume(x)[:n_rows].to(scores)

    def _log_volume(self, x):
        """Logarithm of the volume that scaling divides by: densities are per unit of X.

        Of the values that were observed, in each row; a 0 with a probability of its own has none.
        """
        of_each = self.scaling_.scale.cpu().double().log().expand(x.shape[1])
        has_density = ~x.isnan()
        for columns in self._columns_with_zeros():
            has_density[:, columns] &= x[:, columns] != 0
        return has_density.cpu().double() @ of_each

    def _columns_with_zeros(self):
        parts = self._start.target.columns
        return [columns for name, columns in parts if name == "hurdle_lognormal"]

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        rows = rows[0] if rows[1] is None else rows[1]  # those that the terms are of
        # Where nothing is missing, or has no density, it is that of any row.
        differ = self._as_fitted("allow_nan", False) or self._columns_with_zeros()
        n_rows = len(rows) if differ else 1
        some = torch.arange(n_rows, device=rows.device)
        volumes = torch.cat([self._log_volume(rows[part][0]) for part in some.split(CHUNK_ROWS)])
        weight = None if rows.weight is None else rows.weight[:n_rows].cpu()
        volume = np.average(volumes, weights=weight)
        self.reconstruction_err_ = float(terms["reconstruction"] + volume)
        shape = (self.n_score_samples, self._n_features_out)
        self._score_noise = self._rng.standard_normal(shape)

    def _draw_codes(self, n_samples, random_state, y=None):
        return random_state.standard_normal((n_samples, self._n_features_out))
