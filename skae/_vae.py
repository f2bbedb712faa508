"""The variational autoencoder."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from skae._base.conditional import ConditionalOnRequest
from skae._base.exposure import ExposureMixin
from skae._base.imputations import ImputationsMixin
from skae._base.parameters import keep, public
from skae._base.pca_start import (
    MAX_ROWS_TO_TRY_BOTH,
    MAX_START_VALUES,
    LinearMapsMixin,
    principal_components,
)
from skae._base.variational import VariationalBase
from skae._rows.checks import warn_user
from skae.modules import Unobserved, VariationalAutoencoder
from skae.objectives import NegativeELBO

# What "auto" is: epochs over which the divergence rises, at most and as a share of all; draws for
# each row and step, where there are few enough rows for that to be affordable.
WARMUP_EPOCHS, WARMUP_SHARE = 10, 5
N_DRAWS = 5
# Where the code says less than this, in nats a row, it is not used; so many epochs it may take.
MIN_DIVERGENCE, MIN_EPOCHS = 0.01, 10


@public
class VAETransformer(
    ImputationsMixin, LinearMapsMixin, ExposureMixin, ConditionalOnRequest, VariationalBase
):
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
        The likelihood is then :math:`p(x | z, y)`. `score_samples`, and `sample` given `conditions`
        but not y, take 16 numbers, which divide those of training into equal shares, for all.
    beta : float, default=1.0
        Weight of the divergence. Above 1 the code is simpler and closer to the prior, below 1 the
        reconstruction is sharper.
    kl_warmup : int or "auto", default="auto"
        The number of first epochs over which the weight of the divergence rises from 0 to `beta`.
        Without any, what the code says of the rows may be lost before the decoder has learned to
        use it. "auto" is a fifth of `max_iter`, at most 10, and 0 for what `partial_fit` began.
    n_importance_samples : int or "auto", default="auto"
        Draws of z for each row and step in training. More of them give a tighter bound, and take
        as many passes of the decoder; an encoder trained so is less exact a posterior. "auto" is
        5, and 1 where there are more than 10 000 rows, or an `exposure`.
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

    With an `exposure` the likelihood is :math:`p(x | z, e)` for what was counted of the row, e, and
    the rate of column j is :math:`e / \bar e \cdot \exp f_j(z)` with the mean :math:`\bar e` of the
    training rows, as in [7]_; the encoder is given :math:`\log(1 + x \bar e / e)`. `score_samples`
    is then :math:`\log p(x | e)`, which says nothing of e itself and is not to be compared with a
    likelihood without; `sample` draws e as it was in training, whatever the code; and
    `inverse_transform` decodes for the mean, unless it is given the exposures of the rows.

    Codes still tell a little of the class, which the encoder is not told. So with `conditional`
    `sample` draws codes of a class from the mean of the posteriors of its training rows (at most
    10 000 in all), the best of all priors for them [6]_, where `score_samples` has N(0, I). After
    `fit` a Gaussian likelihood has means of the classes that are those of their rows: what they
    were missed by is added to what is decoded, but in columns with bounds. Of a class of n rows
    that are learned from it is n / (n + 1/2) of that: of one or two a third or a fifth stays, and
    draws lie so much nearer to the other classes, for such rows say little of the mean of theirs.

    With a Gaussian likelihood, outputs that are not logistic, and neither `architecture` nor
    `conditional`, the model is never worse than probabilistic PCA of the rows that it learns from
    [5]_, on those that it holds out: where no epoch is better, that is the model, its networks zero
    beside linear maps.

    With `allow_nan` each value that was not observed widens the posterior, by what such a value
    would have told; that of a row without any is the prior.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014.
    .. [2] Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational
       framework", ICLR 2017.
    .. [3] Rybkin, Daniilidis and Levine, "Simple and effective VAE training with calibrated
       decoders", ICML 2021.
    .. [4] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.
    .. [5] Tipping and Bishop, "Probabilistic principal component analysis", Journal of the Royal
       Statistical Society B 61, 1999.
    .. [6] Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018.
    .. [7] Lopez et al., "Deep generative modeling for single-cell transcriptomics", Nature Methods
       15, 2018.

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
        "n_importance_samples": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "beta": [Interval(Real, 0, None, closed="left")],
        "kl_warmup": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
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
        exposure="auto",
        beta=1.0,
        kl_warmup="auto",
        n_importance_samples="auto",
        n_score_samples=64,
        learning_rate="annealed",
        learning_rate_init=0.003,
        batch_size="auto",
        max_iter="auto",
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        n_rehearsed="auto",
        device="auto",
        precision="float32",
        callbacks=None,
        checkpoint=None,
        net_params=None,
        random_state=None,
        verbose=0,
    ):
        keep(self, locals())

    def _make_module(self, start):
        n_outputs, n_inputs = 2 * self.n_components, self.n_components + self._n_told()
        unobserved = Unobserved(self.n_features_in_, self.n_components) if self.allow_nan else None
        if start == "floor":
            encoder, decoder = self._make_linear_networks(n_outputs, n_inputs)
            output, link = self._make_outputs()
            decoder = decoder if output is None else nn.Sequential(decoder, output)
            return VariationalAutoencoder(encoder, decoder, link, None, unobserved)
        parts, shares = self._make_parts(n_outputs, n_inputs), None
        if self._n_told_classes():
            shares = torch.from_numpy(self._known_labels.shares).float()
        known = self._make_exposure(), self._scored_numbers()
        return VariationalAutoencoder(*parts, shares, unobserved, *known)

    def _make_objective(self):
        warmup, n_draws = self.kl_warmup, self.n_importance_samples
        if warmup == "auto":  # nobody knows how long a stream is
            streams = self._start.statistics.is_of_a_stream
            warmup = 0 if streams else min(WARMUP_EPOCHS, self._max_epochs // WARMUP_SHARE)
        if n_draws == "auto":
            # Of counts the bound hardly gains by more, and codes lose: kinds of cells lie apart
            # less clearly, as their posteriors are less exact.
            is_worth_it = self._start.statistics.n_rows <= MAX_ROWS_TO_TRY_BOTH
            n_draws = N_DRAWS if is_worth_it and self._make_exposure() is None else 1
        return NegativeELBO(self.beta, warmup, n_draws)

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        learned = self.n_iter_ >= MIN_EPOCHS and self._start.statistics.deviation.any()
        if not stream and learned and terms["kl"] < MIN_DIVERGENCE * self.beta:
            warn_user(
                "The code is not used: whatever the row, its posterior is the prior, and all rows "
                "are taken for draws of one distribution. Where they are more than that, try a "
                "larger kl_warmup, a smaller beta, more epochs or another likelihood.",
                ConvergenceWarning,
            )

    # What is kept where training finds nothing better: probabilistic PCA.

    _floor_knows_held_out = False

    def _has_floor(self, starts):
        plain = self.architecture is None and not self.conditional
        return plain and self.likelihood == "gaussian" and self._needs_unit_interval() is None

    def _before_training(self, start, module, rows, trainer):
        if start != "floor":
            return
        n_codes, n_features = self.n_components, rows.n_features
        # With as many components as features nothing would be left for the noise.
        n_found = max(1, min(n_codes, n_features - 1))
        found = principal_components(
            rows, module.fill, n_found, self.random_state, MAX_START_VALUES
        )
        likelihood = module.link
        if self.noise_variance is None:
            left = (found.variance - found.variances.sum()) / max(1, n_features - n_found)
            likelihood.begin_at(left)
        noise = likelihood.parameter.exp().item()
        weight, log_var = np.zeros((2 * n_codes, n_features)), np.zeros(2 * n_codes)
        variances = np.maximum(found.variances, noise)
        scales = np.sqrt(variances - noise)
        weight[:n_found] = (scales / variances)[:, None] * found.vectors
        log_var[n_codes : n_codes + n_found] = np.log(noise / variances)
        loadings = np.zeros((n_features, n_codes))
        loadings[:, :n_found] = found.vectors.T * scales
        if module.unobserved is not None:
            module.unobserved.begin_at(torch.from_numpy(loadings**2 / noise))
        self._begin_at(module, (weight, log_var - weight @ found.mean), (loadings, found.mean))
