"""The variational autoencoder."""

import copy
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval

from skae._base.applying import TORCH_DTYPES
from skae._base.conditional import ConditionalOnRequest
from skae._base.missing import MissingValuesMixin
from skae._base.parameters import keep, public
from skae._base.variational import VariationalBase
from skae._training.device import forked_seed, plain_torch
from skae.modules import VariationalAutoencoder
from skae.objectives import NegativeELBO


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

    def _make_module(self, start):
        n_inputs = self.n_components + self._n_told_classes()
        parts, shares = self._make_parts(2 * self.n_components, n_inputs), None
        if self.conditional:
            shares = torch.from_numpy(self._known_labels.shares).float()
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
            Where the decoder is told the class, those of the rows; None draws them as often as
            they were given in training.
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
        return self._sample(n_samples, random_state, y, noise)

    def _draw_values(self, means, random_state):
        """Draws of the likelihood."""
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        with plain_torch(grad=False), forked_seed(torch.device("cpu"), seed):
            likelihood = copy.deepcopy(self.module_.link).cpu()
            drawn = likelihood.draw(self.scaling_(torch.from_numpy(means)))
            return self.scaling_.inverse(drawn.to(TORCH_DTYPES[means.dtype.name])).numpy()
