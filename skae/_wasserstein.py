"""The Wasserstein autoencoder."""

from skae._base.parameters import keep, public
from skae._base.prior import PriorMixin
from skae._base.reconstruction import ReconstructionAutoencoder
from skae._base.shared import NOT_NEGATIVE
from skae.modules import Autoencoder
from skae.objectives import WassersteinReconstruction


@public
class WassersteinAutoencoder(PriorMixin, ReconstructionAutoencoder):
    r"""Wasserstein autoencoder: its codes follow a prior of your choice, without a game.

    With an encoder f, a decoder g and draws :math:`\tilde z` of the prior p it minimizes

    .. math:: \frac{1}{n} \sum_i L(x_i, g(f(x_i)))
        + \alpha\, \mathrm{MMD}(\{f(x_i)\}, \{\tilde z_i\})

    with the maximum mean discrepancy between the codes of a batch and as many draws,

    .. math:: \mathrm{MMD} = \frac{1}{n (n - 1)} \sum_{i \neq j}
        k(z_i, z_j) + k(\tilde z_i, \tilde z_j) - 2 k(z_i, \tilde z_j), \quad
        k(a, b) = \sum_s \frac{s c}{s c + \|a - b\|^2},

    where c is the mean squared distance of two draws, and s from 0.1 to 10 [1]_. All codes together
    are drawn to the prior, not each of them as in a `VAETransformer`, so that reconstructions stay
    nearly as good as those of a plain autoencoder.

    Parameters
    ----------
    alpha : float, default=0.3
        Weight of the discrepancy, which is 14 at most. More of it brings codes nearer to
        the prior; less reconstructs better.
    .. shared::

    Attributes
    ----------
    .. shared::

    See Also
    --------
    AdversarialAutoencoder : Holds codes against the prior by a game; may be told the class.
    VAETransformer : Draws the code of each row to a normal prior, with a likelihood.

    Notes
    -----
    `score_samples` is minus the reconstruction loss of each row, in units of X. The discrepancy is
    estimated on each batch, without bias: with few rows and many components it is mostly chance.
    Weights of rows weigh their parts of it. Codes begin around 0: a prior that is further from
    there than it is wide is followed badly.

    References
    ----------
    .. [1] Tolstikhin, Bousquet, Gelly and Scholkopf, "Wasserstein auto-encoders", ICLR 2018,
       arXiv:1711.01558.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import WassersteinAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = WassersteinAutoencoder(8, max_iter=10, random_state=0).fit(X)
    >>> bool(abs(model.transform(X).std() - 1) < 0.2)  # as the normal prior has it
    True
    >>> model.sample(2, random_state=0).shape
    (2, 64)
    """

    _parameter_constraints: dict = {"alpha": [NOT_NEGATIVE]}

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        prior="normal",
        prior_scale=1.0,
        alpha=0.3,
        loss="squared_error",
        output_activation="auto",
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
        return Autoencoder(*self._make_parts(self.n_components, self.n_components))

    def _make_objective(self):
        prior = self._make_prior()
        return WassersteinReconstruction(
            self.loss, alpha=self.alpha, prior=prior, unit=self._spread(prior)
        )
