"""The variational autoencoder."""

import math
from abc import abstractmethod
from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from skae._base import BaseAutoencoder
from skae.losses import LIKELIHOODS
from skae.modules import VariationalAutoencoder
from skae.objectives import NegativeELBO, importance_log_likelihood

# Beyond this the likelihood overflows in float32.
MAX_ABS_LOG_VARIANCE = 60.0


class VariationalBase(BaseAutoencoder):
    """Base class of the models with a likelihood, and a normal prior of the codes."""

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "likelihood": [StrOptions(set(LIKELIHOODS))],
        "noise_variance": [Interval(Real, 0, None, closed="neither"), None],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    _cost = "likelihood"

    @abstractmethod
    def __init__(self, n_components, *, likelihood, noise_variance, n_importance_samples, **shared):
        super().__init__(n_components, **shared)
        self.likelihood = likelihood
        self.noise_variance = noise_variance
        self.n_importance_samples = n_importance_samples

    def _log_noise_variance(self):
        """Logarithm of the noise variance for standardized rows, or None if it is learned."""
        if self.likelihood != "gaussian":
            return 0.0
        if self.noise_variance is None:
            return None
        log_variance = math.log(self.noise_variance) - 2 * math.log(self.scaling_.scale.item())
        if abs(log_variance) > MAX_ABS_LOG_VARIANCE:
            raise ValueError(
                f"noise_variance={self.noise_variance} is {math.exp(min(log_variance, 700)):.1g} "
                "times the variance of X: no float32 can weigh the two. Give it in squared units "
                "of X, or None to learn it."
            )
        return log_variance

    def _row_scores(self, module, x):
        noise = torch.from_numpy(self._score_noise).to(x)
        likelihood = self.net_.module_.objective.likelihood
        scores = importance_log_likelihood(module, x, noise, likelihood)
        return scores - self._log_volume()

    def _log_volume(self):
        """Logarithm of the volume that scaling divides by: densities are per unit of X."""
        return self.n_features_in_ * math.log(self.scaling_.scale.item())

    def _describe_training(self, rows, terms):
        self.reconstruction_err_ = terms["reconstruction"] + self._log_volume()
        shape = (self.n_importance_samples, self._n_features_out)
        self._score_noise = self._rng.standard_normal(shape)

    def _draw_codes(self, n_samples, random_state):
        return random_state.standard_normal((n_samples, self._n_features_out))


class VAETransformer(VariationalBase):
    r"""Variational autoencoder: a generative model with a low-dimensional code.

    For the posterior :math:`q(z | x) = N(\mu(x), \mathrm{diag}(\sigma^2(x)))` of the encoder and
    the prior :math:`p(z) = N(0, I)` it minimizes the negative evidence lower bound, in nats per row

    .. math:: -\mathbb{E}_{q(z|x)}[\log p(x | z)] + \beta\, \mathrm{KL}(q(z | x) \| p(z))

    with one draw of z per row and step [1]_; :math:`\beta \neq 1` gives the beta-VAE [2]_.

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
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        :math:`p(x | z)`. "gaussian" has one variance for all features, see `noise_variance`;
        "bernoulli" needs X in [0, 1].
    noise_variance : float or None, default=None
        The variance of the Gaussian likelihood in squared units of X. None learns it [3]_, so that
        the reconstruction and the divergence are in balance whatever the units of X.
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic for the Bernoulli likelihood; otherwise means are
        clipped at the bounds that the data show: where at least 5 % of the training rows share the
        smallest (or the largest) value of a feature, that value is taken for its bound. "identity"
        clips nothing; "logistic" needs X in [0, 1].
    beta : float, default=1.0
        Weight of the divergence. Above 1 the code is simpler and closer to the prior, below 1 the
        reconstruction is sharper.
    kl_warmup : int, default=0
        The number of first epochs over which the weight of the divergence rises from 0 to `beta`.
        Use it where components collapse to the prior.
    n_importance_samples : int, default=64
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
    net_params : dict, default=None
        Merged last into the settings of the skorch net, such as
        ``{"optimizer__weight_decay": 1e-3, "compile": True}``.
    random_state : int, RandomState instance or None, default=None
        Determines the start, the batches, the held-out rows and all noise; read when a model is
        started, so not on a warm start. The global random state
        of torch is never touched; that of numpy only by None, as everywhere in scikit-learn.
    verbose : int, default=0
        Whether to print a line for each epoch.

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
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    AutoencoderTransformer : Better reconstructions, without a likelihood.
    sklearn.decomposition.FactorAnalysis : The linear Gaussian model.

    Notes
    -----
    `transform` gives the posterior mean. `sample` decodes draws from the prior and gives the mean
    of the likelihood, without its noise. `score_samples` is an importance-weighted estimate of
    :math:`\log p(x)` in nats, a lower bound in expectation, the same at each call [4]_.

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
        noise_variance=None,
        output_activation="auto",
        beta=1.0,
        kl_warmup=0,
        n_importance_samples=64,
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
        net_params=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            n_components,
            likelihood=likelihood,
            noise_variance=noise_variance,
            n_importance_samples=n_importance_samples,
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
            net_params=net_params,
            random_state=random_state,
            verbose=verbose,
        )
        self.beta = beta
        self.kl_warmup = kl_warmup

    def _make_module(self, rows, statistics, start):
        n_outputs = 2 * self.n_components
        encoder, decoder, link = self._make_parts(n_outputs, self.n_components, statistics)
        return VariationalAutoencoder(encoder, decoder, link, self._log_noise_variance())

    def _make_objective(self):
        return NegativeELBO(self.likelihood, self.beta, self.kl_warmup)
