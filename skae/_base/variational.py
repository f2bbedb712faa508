"""What the models with a likelihood share, whose codes have a normal prior."""

import math
from functools import partial
from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._base.applying import MIN_ROWS, padded
from skae._base.autoencoder import BaseAutoencoder
from skae._rows.columns import detect_columns, resolve_columns
from skae._rows.scaling import Scaling
from skae._rows.source import CHUNK_ROWS
from skae.losses import LIKELIHOODS
from skae.modules import COUNTS, Likelihood, LogCounts, MixedLikelihood, Offset
from skae.objectives import importance_log_likelihood

# Beyond this the likelihood overflows in float32.
MAX_ABS_LOG_VARIANCE = 60.0
# Probabilities and means of the start are at least so large, for their logarithms to be finite.
MIN_START = 1e-3
CONTINUOUS = ("gaussian", "laplace")


class VariationalBase(BaseAutoencoder):
    """Base class of the models with a likelihood, and a normal prior of the codes."""

    _cost = "likelihood"
    _pads_scores = True
    _has_normal_prior = True

    # Which column has which likelihood.

    def _is_one(self):
        """Whether one likelihood is that of all columns."""
        return isinstance(self.likelihood, str) and self.likelihood != "mixed"

    def _find_columns(self, X):
        if self._is_one():
            return [(self.likelihood, np.arange(X.shape[1]))]
        if self.likelihood == "mixed":
            return detect_columns(X)
        names = getattr(self, "feature_names_in_", None)
        return resolve_columns(self.likelihood, LIKELIHOODS, X.shape[1], names)

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
        for name, columns in target.columns:
            if name in CONTINUOUS:
                deviation = statistics.deviation[columns]
                mean[columns] = statistics.mean[columns]
                scale[columns] = np.where(deviation > 0, deviation, 1.0)
        return Scaling(mean, 1.0 if (scale == 1).all() else scale)

    # The networks.

    def _make_parts(self, n_outputs, n_inputs):
        encoder, decoder, likelihood = super()._make_parts(n_outputs, n_inputs)
        counts = [columns for name, columns in self._start.target.columns if name in COUNTS]
        if counts:
            mean = torch.from_numpy(self._start.statistics.mean).float()
            is_count = torch.zeros(len(mean), dtype=torch.bool)
            is_count[np.concatenate(counts)] = True
            encoder = nn.Sequential(LogCounts(is_count, mean), encoder)
        return encoder, decoder, likelihood

    def _make_outputs(self):
        likelihood, means = self._make_likelihood(), self._start.statistics.mean
        if self._is_one() and self.likelihood in (*CONTINUOUS, "bernoulli"):
            return super()._make_outputs()[0], likelihood
        offset = np.zeros_like(means)
        for name, columns in self._start.target.columns:
            mean = np.maximum(means[columns], MIN_START)
            if name == "bernoulli":
                mean = np.minimum(mean, 1 - MIN_START)
                offset[columns] = np.log(mean) - np.log1p(-mean)
            elif name not in CONTINUOUS:
                offset[columns] = np.log(mean)
        return Offset(torch.from_numpy(offset).float()), likelihood

    def _make_likelihood(self):
        parts, allow_nan = [], self._as_fitted("allow_nan", False)
        for name, columns in self._start.target.columns:
            parameter, learned = None, True
            if name in CONTINUOUS and self.noise_variance is not None:
                parameter, learned = self._log_noise_variance(columns), False
            elif name == "negative_binomial" or (name in CONTINUOUS and not self._is_one()):
                parameter = torch.zeros(len(columns))
            likelihood = Likelihood(name, parameter, learned, allow_nan)
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

    # Scores.

    def _row_scores(self, module, x):
        return self._log_likelihoods(torch.from_numpy(self._score_noise), module, x)

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

        Of the values that were observed, in each row.
        """
        of_each = self.scaling_.scale.cpu().double().log().expand(x.shape[1])
        return (~x.isnan()).cpu().double() @ of_each

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        rows = rows[0] if rows[1] is None else rows[1]  # those that the terms are of
        # Where nothing is missing it is that of any row.
        n_rows = len(rows) if self._as_fitted("allow_nan", False) else 1
        some = torch.arange(n_rows, device=rows.device)
        volumes = torch.cat([self._log_volume(rows[part][0]) for part in some.split(CHUNK_ROWS)])
        weight = None if rows.weight is None else rows.weight[:n_rows].cpu()
        volume = np.average(volumes, weights=weight)
        self.reconstruction_err_ = float(terms["reconstruction"] + volume)
        shape = (self.n_score_samples, self._n_features_out)
        self._score_noise = self._rng.standard_normal(shape)

    def _draw_codes(self, n_samples, random_state, y=None):
        return random_state.standard_normal((n_samples, self._n_features_out))
