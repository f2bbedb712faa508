"""The variational autoencoder."""

import copy
import math
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._base.autoencoder import TORCH_DTYPES, BaseAutoencoder
from skae._base.conditional import ConditionalOnRequest
from skae._base.missing import MissingValuesMixin
from skae._base.parameters import keep, public
from skae._rows.batches import CHUNK_ROWS
from skae._rows.columns import check_ranges, detect_columns, resolve_columns
from skae._rows.scaling import Scaling
from skae._training.device import forked_seed, plain_torch
from skae.losses import LIKELIHOODS
from skae.modules import (
    COUNTS,
    Likelihood,
    LogCounts,
    MixedLikelihood,
    Offset,
    VariationalAutoencoder,
)
from skae.objectives import NegativeELBO, importance_log_likelihood

# Beyond this the likelihood overflows in float32.
MAX_ABS_LOG_VARIANCE = 60.0
# Probabilities and means of the start are at least so large, for their logarithms to be finite.
MIN_START = 1e-3
CONTINUOUS = ("gaussian", "laplace")


class VariationalBase(BaseAutoencoder):
    """Base class of the models with a likelihood, and a normal prior of the codes."""

    _cost = "likelihood"

    # Which column has which likelihood.

    def _is_one(self):
        """Whether one likelihood is that of all columns."""
        return isinstance(self.likelihood, str) and self.likelihood != "mixed"

    def _check_target(self, X, *, fresh):
        if fresh:
            self._parts = self._find_parts(X)
        super()._check_target(X, fresh=fresh)
        if self._needs_unit_interval() is None:
            check_ranges(X, self._parts)

    def _find_parts(self, X):
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

    def _make_scaling(self, statistics):
        if self._is_one() and self.likelihood in CONTINUOUS:
            return super()._make_scaling(statistics)
        # Each column on its own, since their likelihoods have parameters of their own.
        mean, scale = np.zeros_like(statistics.mean), np.ones_like(statistics.mean)
        for name, columns in self._parts:
            if name in CONTINUOUS:
                deviation = statistics.deviation[columns]
                mean[columns] = statistics.mean[columns]
                scale[columns] = np.where(deviation > 0, deviation, 1.0)
        return Scaling(mean, 1.0 if (scale == 1).all() else scale)

    # The networks.

    def _make_parts(self, n_outputs, n_inputs, statistics):
        encoder, decoder, likelihood = super()._make_parts(n_outputs, n_inputs, statistics)
        counts = [columns for name, columns in self._parts if name in COUNTS]
        if counts:
            is_count = torch.zeros(len(statistics.mean), dtype=torch.bool)
            is_count[np.concatenate(counts)] = True
            encoder = nn.Sequential(LogCounts(is_count, _tensor(statistics.mean)), encoder)
        return encoder, decoder, likelihood

    def _make_outputs(self, statistics):
        likelihood = self._make_likelihood(statistics)
        if self._is_one() and self.likelihood in CONTINUOUS:
            return super()._make_outputs(statistics)[0], likelihood
        if self.likelihood == "bernoulli":
            return super()._make_outputs(statistics)[0], likelihood
        offset = np.zeros_like(statistics.mean)
        for name, columns in self._parts:
            mean = np.maximum(statistics.mean[columns], MIN_START)
            if name == "bernoulli":
                mean = np.minimum(mean, 1 - MIN_START)
                offset[columns] = np.log(mean) - np.log1p(-mean)
            elif name not in CONTINUOUS:
                offset[columns] = np.log(mean)
        return Offset(_tensor(offset)), likelihood

    def _make_likelihood(self, statistics):
        parts = []
        for name, columns in self._parts:
            parameter, learned = None, True
            if name in CONTINUOUS and self.noise_variance is not None:
                parameter, learned = self._log_noise_variance(columns, statistics), False
            elif name == "negative_binomial" or (name in CONTINUOUS and not self._is_one()):
                parameter = torch.zeros(len(columns))
            likelihood = Likelihood(name, parameter, learned, self.allow_nan)
            parts.append((likelihood, torch.from_numpy(columns)))
        return parts[0][0] if self._is_one() else MixedLikelihood(parts)

    def _log_noise_variance(self, columns, statistics):
        """Logarithm of the noise variance for standardized rows."""
        scale = self.scaling_.scale
        if self.noise_variance == "mean":
            if scale.ndim:  # columns are standardized on their own
                return torch.zeros(len(columns))
            return 2 * (statistics.scaling().scale / scale).log().float()
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
        """Estimates of log p(x) in units of X; where there are classes, of all of them together."""
        noise = noise.to(x)
        if module.log_shares is None:
            scores = importance_log_likelihood(module, x, noise)
        else:
            told = (torch.full((len(x),), k, device=x.device) for k in range(module.n_classes))
            scores = torch.stack([importance_log_likelihood(module, x, noise, y) for y in told])
            scores = (scores + module.log_shares[:, None]).logsumexp(dim=0)
        return scores - self._log_volume(x).to(scores)

    def _log_volume(self, x):
        """Logarithm of the volume that scaling divides by: densities are per unit of X.

        Of the values that were observed, in each row.
        """
        of_each = self.scaling_.scale.cpu().double().log().expand(x.shape[1])
        return (~x.isnan()).cpu().double() @ of_each

    def _describe_training(self, rows, terms):
        # Where nothing is missing it is that of any row.
        some = torch.arange(len(rows) if self.allow_nan else 1, device=rows.device)
        volumes = torch.cat([self._log_volume(rows[part][0]) for part in some.split(CHUNK_ROWS)])
        self.reconstruction_err_ = terms["reconstruction"] + volumes.mean().item()
        shape = (self.n_score_samples, self._n_features_out)
        self._score_noise = self._rng.standard_normal(shape)

    def _draw_codes(self, n_samples, random_state):
        return random_state.standard_normal((n_samples, self._n_features_out))


def _tensor(values):
    return torch.from_numpy(values).float()


@public
class VAETransformer(MissingValuesMixin, ConditionalOnRequest, VariationalBase):
    r"""Variational autoencoder: a generative model with a low-dimensional code.

    For the posterior :math:`q(z | x) = N(\mu(x), \mathrm{diag}(\sigma^2(x)))` of the encoder and
    the prior :math:`p(z) = N(0, I)` it minimizes the negative evidence lower bound, in nats per row

    .. math:: -\mathbb{E}_{q(z|x)}[\log p(x | z)] + \beta\, \mathrm{KL}(q(z | x) \| p(z))

    with one draw of z per row and step [1]_; :math:`\beta \neq 1` gives the beta-VAE [2]_. With
    :math:`L > 1` draws it minimizes the tighter importance-weighted bound [4]_

    .. math:: -\mathbb{E}\left[\log \frac{1}{L} \sum_{l=1}^L p(x | z_l)
        \left(\frac{p(z_l)}{q(z_l | x)}\right)^\beta\right].

    Parameters
    ----------
    noise_variance
        .. shared::
        The variance is learned as in [3]_.
    conditional
        .. shared::
        The likelihood is then :math:`p(x | z, y)`.
    beta : float, default=1.0
        Weight of the divergence. Above 1 the code is simpler and closer to the prior, below 1 the
        reconstruction is sharper.
    kl_warmup : int, default=0
        The number of first epochs over which the weight of the divergence rises from 0 to `beta`.
        Use it where components collapse to the prior.
    n_importance_samples : int, default=1
        Draws of z for each row and step in training. More of them give a tighter bound, and take
        as many passes of the decoder; an encoder trained so is less exact a posterior.
    .. shared:: likelihood

    Attributes
    ----------
    .. shared:: likelihood

    See Also
    --------
    AutoencoderTransformer : Better reconstructions, without a likelihood.
    sklearn.decomposition.FactorAnalysis : The linear Gaussian model.

    Notes
    -----
    `transform` gives the posterior mean. `sample` decodes draws from the prior and gives the mean
    of the likelihood, or with ``noise=True`` draws from it. `score_samples` is an
    importance-weighted estimate of :math:`\log p(x)` in nats, a lower bound in expectation, the
    same at each call [4]_; with `conditional` :math:`p(x) = \sum_y p(y) p(x | y)`. See also
    :func:`skae.metrics.log_likelihood`.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014.
    .. [2] Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational
       framework", ICLR 2017.
    .. [3] Rybkin, Daniilidis and Levine, "Simple and effective VAE training with calibrated
       decoders", ICML 2021.
    .. [4] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import VAETransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> vae = VAETransformer(n_components=4, max_iter=10, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (1797, 4)
    >>> vae.sample(5, random_state=0).shape
    (5, 64)
    """

    _parameter_constraints: dict = {
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "kl_warmup": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        likelihood="gaussian",
        allow_nan=False,
        noise_variance=None,
        output_activation="auto",
        conditional=False,
        beta=1.0,
        kl_warmup=0,
        n_importance_samples=1,
        n_score_samples=64,
        learning_rate="annealed",
        learning_rate_init=0.003,
        batch_size="auto",
        max_iter=50,
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        device="auto",
        callbacks=None,
        checkpoint=None,
        net_params=None,
        random_state=None,
        verbose=0,
    ):
        keep(self, locals())

    def _make_module(self, rows, statistics, start):
        n_inputs = self.n_components + self._n_told_classes()
        parts = self._make_parts(2 * self.n_components, n_inputs, statistics)
        shares = _tensor(self._class_shares) if self.conditional else None
        return VariationalAutoencoder(*parts, shares)

    def _make_objective(self):
        return NegativeELBO(self.beta, self.kl_warmup, self.n_importance_samples)

    def sample(self, n_samples=1, random_state=None, y=None, *, noise=False):
        """Draw new rows: decode draws of the prior.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            Determines the draw. Pass an int for the same rows at each call.
        y : array-like of shape (n_samples,) or a label, default=None
            With `conditional`, the labels of the rows; None draws them as often as they were given
            in training.
        noise : bool, default=False
            Whether rows are drawn from the likelihood, such as whole counts and one category of
            each block. Otherwise they are its means, such as the probabilities of categories.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            New rows, in the units and the floating dtype of the training data.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `n_samples` is below 1, or if y is not as described.
        """
        random_state = check_random_state(random_state)
        means = super().sample(n_samples, random_state, y)
        if not noise:
            return means
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        with plain_torch(grad=False), forked_seed(torch.device("cpu"), seed):
            likelihood = copy.deepcopy(self.module_.link).cpu()
            drawn = likelihood.draw(self.scaling_(torch.from_numpy(means)))
            return self.scaling_.inverse(drawn.to(TORCH_DTYPES[means.dtype.name])).numpy()
