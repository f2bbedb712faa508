"""The contractive autoencoder."""

from numbers import Real

from sklearn.utils._param_validation import Interval, StrOptions

from skae._base.parameters import keep, public
from skae._base.reconstruction import DensityAutoencoder, tie
from skae.architectures._activations import make_activation
from skae.modules import ContractiveModule
from skae.objectives import ContractiveReconstruction


@public
class ContractiveAutoencoder(DensityAutoencoder):
    r"""Autoencoder whose codes hardly move where rows move in directions that they do not vary in.

    With an encoder f and a decoder g it minimizes

    .. math:: \frac{1}{n} \sum_i L(x_i, g(f(x_i)))
        + \frac{\alpha}{p} \left\| \frac{\partial f}{\partial x}(x_i) \right\|_F^2

    for p features: where L is a squared error, the objective of [1]_ divided by p. What is needed
    to tell the rows apart resists the penalty, all else gives way to it. The norm of the Jacobian
    is exact where the encoder is one layer, as it is by default; with hidden layers or an
    `architecture` it is estimated without bias, from one random direction of the code for each row
    and step.

    Parameters
    ----------
    n_components
        Width of the code, which may be more than there are features.
    code_activation : {"logistic", "tanh", "identity"}, default="logistic"
        What ends the encoder. Codes of "identity" are uncorrelated, and there is an
        `explained_variance_ratio_` as in `AutoencoderTransformer`.
    tied_weights
        .. shared::
        If they do not, unlike in [1]_, large weights of the decoder make up for small codes, which
        the penalty favours.
    alpha : float, default=1.0
        Weight of the penalty.
    .. shared::

    Attributes
    ----------
    .. shared::

    See Also
    --------
    DenoisingAutoencoder : Resists noise of a kind that you choose.
    SparseAutoencoder : Wide codes of which each row uses little.

    Notes
    -----
    `score_samples` is minus the loss of each row, in units of X, without the penalty. The penalty
    is that of rows that are centred and divided by one number, see `scaling_`.

    References
    ----------
    .. [1] Rifai, Vincent, Muller, Glorot and Bengio, "Contractive auto-encoders: explicit
       invariance during feature extraction", ICML 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ContractiveAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = ContractiveAutoencoder(100, max_iter=10, random_state=0)
    >>> model.fit_transform(X).shape
    (1797, 100)
    """

    _parameter_constraints: dict = {
        "code_activation": [StrOptions({"identity", "logistic", "tanh"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=256,
        *,
        hidden_layer_sizes=(),
        activation="silu",
        architecture=None,
        code_activation="logistic",
        tied_weights="auto",
        alpha=1.0,
        loss="squared_error",
        output_activation="auto",
        latent_density=None,
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
        encoder, decoder, link = self._make_parts(self.n_components, self.n_components)
        tie(encoder, decoder, self.tied_weights)
        return ContractiveModule(encoder, make_activation(self.code_activation), decoder, link)

    def _make_objective(self):
        return ContractiveReconstruction(self.loss, alpha=self.alpha)
