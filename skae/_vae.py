"""The variational autoencoder."""

import copy
import math
from abc import abstractmethod
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._base.autoencoder import TORCH_DTYPES, BaseAutoencoder
from skae._base.conditional import ConditionalOnRequest
from skae._base.missing import MissingValuesMixin
from skae._documented import public
from skae._rows.columns import check_ranges, detect_columns, resolve_columns
from skae._rows.scaling import Scaling
from skae._rows.source import CHUNK_ROWS
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

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "likelihood": [StrOptions({*LIKELIHOODS, "mixed"}), list],
        "noise_variance": [Interval(Real, 0, None, closed="neither"), StrOptions({"mean"}), None],
        "n_score_samples": [Interval(Integral, 1, None, closed="left")],
    }

    _cost = "likelihood"

    @abstractmethod
    def __init__(self, n_components, *, likelihood, noise_variance, n_score_samples, **shared):
        super().__init__(n_components, **shared)
        self.likelihood = likelihood
        self.noise_variance = noise_variance
        self.n_score_samples = n_score_samples

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
    n_components : int, default=2
        Width of the code.
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    architecture : architecture, default=None
        An object of :mod:`skae.architectures`, or one of your own with the same two methods. If
        given, it replaces `hidden_layer_sizes` and `activation`.
    likelihood : str or list of (str, columns), default="gaussian"
        :math:`p(x | z)`, independent for each feature. "gaussian" and "laplace" have one variance
        for all features, see `noise_variance`; "bernoulli" needs X in [0, 1]; "poisson" and
        "negative_binomial", which learns a dispersion for each feature, need counts, X >= 0;
        "categorical" is that of one one-hot block. Pairs give each column a likelihood, as in
        ``[("gaussian", [0, 1]), ("categorical", [2, 3, 4]), ("poisson", ["visits"])]``, with a
        pair for each one-hot block; columns are numbers, names, a slice or a mask. "mixed" finds
        them in what encoders make of a table: neighbouring columns of zeros and ones, of which each
        row has exactly one 1, are "categorical", other columns of zeros and ones "bernoulli", all
        else "gaussian" (`partial_fit` looks at the rows of its first call). With pairs or "mixed",
        each column is standardized on its own inside, and has a variance of its own.
    allow_nan : bool, default=False
        Whether NaN in X is taken for "not observed": the encoder is given what a linear model (of
        factors) expects there, and the likelihood is that of the observed values. `impute` then
        fills in the others.
    noise_variance : float, "mean" or None, default=None
        The variance of the Gaussian and Laplace likelihoods in squared units of X. None learns it
        [3]_, so that the reconstruction and the divergence are in balance whatever the units of X.
        "mean" is the mean variance of the features (of mixed columns the variance of each): codes
        then tell only what varies more than an average feature does, and rows far from the others
        are unlikely however well they could be reproduced: `AutoencoderOutlierDetector` takes that.
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is what the likelihood needs; where all columns are "gaussian"
        or "laplace" the means, and draws, are clipped at the bounds that the data show: where at
        least 5 % of the training rows share the smallest (or the largest) value of a feature, that
        value is taken for its bound. "identity" clips nothing; "logistic" needs X in [0, 1].
    conditional : bool, default=False
        Whether `fit` needs y and the decoder is told the class: :math:`p(x | z, y)`. The code is
        then left with what the class does not say, and `sample` draws from the classes asked for.
        Rows without a class have y = -1.
    beta : float, default=1.0
        Weight of the divergence. Above 1 the code is simpler and closer to the prior, below 1 the
        reconstruction is sharper.
    kl_warmup : int, default=0
        The number of first epochs over which the weight of the divergence rises from 0 to `beta`.
        Use it where components collapse to the prior.
    n_importance_samples : int, default=1
        Draws of z for each row and step in training. More of them give a tighter bound, and take
        as many passes of the decoder; an encoder trained so is less exact a posterior.
    n_score_samples : int, default=64
        How many draws `score_samples` uses; they are made in `fit`.
    learning_rate : {"annealed", "constant"}, default="annealed"
        "annealed" rises to `learning_rate_init` in the first 5 % of the steps that `max_iter`
        allows and falls linearly to zero in the last 70 %. "constant" stays.
    learning_rate_init : float, default=0.003
        Peak learning rate of Adam.
    batch_size : int or "auto", default="auto"
        Rows in a batch. "auto" makes about 25 batches an epoch, of 16 to 128 rows.
    max_iter : int, default=50
        Epochs, at most.
    early_stopping : bool, default=True
        Whether to hold out rows, keep the epoch that is best on them (the start included) and stop
        after `n_iter_no_change` epochs without progress. Otherwise the last epoch is kept.
    validation_fraction : float, default=0.1
        The share of the rows to hold out; at least two, if two are left to learn from.
    n_iter_no_change : int or inf, default=10
        Epochs without progress after which training stops early.
    tol : float, default=1e-4
        What counts as progress, as a share of the best validation loss.
    warm_start : bool, default=False
        Whether `fit` goes on from the last solution.
    device : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", "mps", ... "auto" takes a GPU if there is one.
    callbacks : list of skorch callbacks, default=None
        Called during training.
    checkpoint : str or path-like, default=None
        A folder in which `fit` keeps its state after each epoch, until it ends. If it is killed,
        the same `fit` goes on from there.
    net_params : dict, default=None
        Merged last into the settings of the skorch net, such as
        ``{"optimizer__weight_decay": 1e-3, "compile": True}``.
    random_state : int, RandomState instance or None, default=None
        Determines the start, the batches, the held-out rows and all noise; read when a model is
        started, so not on a warm start. The global random state
        of torch is never touched; that of numpy only by None, as everywhere in scikit-learn.
    verbose : int, default=0
        Whether to show progress: a bar in a terminal or a notebook, else a line for each epoch.

    Attributes
    ----------
    net_ : ObjectiveNet
        The skorch net; ``net_.history`` has every term of the objective in every epoch.
    module_ : torch.nn.Module
        The torch module: ``decode(encode(scaling_(x)))`` is the standardized reconstruction.
    scaling_ : torch.nn.Module
        Standardizes rows, and back with its ``inverse``.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        Training loss of each epoch, of standardized rows: nats.
    validation_scores_ : list of float or None
        Minus the loss on held-out rows after each epoch.
    best_loss_ : float
        The loss of the kept epoch, on held-out rows if there are any.
    reconstruction_err_ : float
        The expected negative log-likelihood of the kept epoch in nats per row, on held-out rows if
        there are any.
    classes_ : ndarray of shape (n_classes,)
        The labels, without -1; only with `conditional`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.

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
        **VariationalBase._parameter_constraints,
        **ConditionalOnRequest._conditional_constraints,
        **MissingValuesMixin._missing_constraints,
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
        super().__init__(
            n_components,
            likelihood=likelihood,
            noise_variance=noise_variance,
            n_score_samples=n_score_samples,
            conditional=conditional,
            allow_nan=allow_nan,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            architecture=architecture,
            output_activation=output_activation,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            device=device,
            callbacks=callbacks,
            checkpoint=checkpoint,
            net_params=net_params,
            random_state=random_state,
            verbose=verbose,
        )
        self.beta = beta
        self.kl_warmup = kl_warmup
        self.n_importance_samples = n_importance_samples

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
