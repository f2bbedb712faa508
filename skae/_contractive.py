"""The contractive autoencoder."""

from numbers import Real

from sklearn.utils._param_validation import Interval, StrOptions

from skae._base.reconstruction import TIED_WEIGHTS, DensityAutoencoder, tie
from skae._documented import public
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
    n_components : int, default=256
        Width of the code, which may be more than there are features.
    hidden_layer_sizes : tuple of int, default=()
        Widths of the encoder's hidden layers; the decoder mirrors them.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    architecture : architecture, default=None
        An object of :mod:`skae.architectures`, or one of your own with the same two methods. If
        given, it replaces `hidden_layer_sizes` and `activation`.
    code_activation : {"logistic", "tanh", "identity"}, default="logistic"
        What ends the encoder.
    tied_weights : bool or "auto", default="auto"
        Whether the decoder's layers have the transposed weights of the encoder's, as in [1]_.
        Otherwise large weights of the decoder make up for small codes, which the penalty favours.
        "auto" ties them where both are dense and mirror each other, as those of `MLP` do.
    alpha : float, default=1.0
        Weight of the penalty.
    loss : {"squared_error", "absolute_error", "log_loss"}, default="squared_error"
        What the reconstruction costs. "log_loss", the binary cross-entropy, needs X in [0, 1].
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic where the loss needs it; otherwise outputs are
        clipped at the bounds that the data show: where at least 5 % of the training rows share the
        smallest (or the largest) value of a feature, that value is taken for its bound, such as 0
        for counts and 0 and 1 for pixels. "identity" clips nothing; "logistic" needs X in [0, 1].
    latent_density : estimator with `fit` and `sample`, default=None
        What `sample` draws codes from, fitted to (at most 10 000) training codes when first needed.
        None is a Gaussian mixture.
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
        Training loss of each epoch, penalty included, of rows as the module sees them.
    validation_scores_ : list of float or None
        Minus the loss on held-out rows after each epoch.
    best_loss_ : float
        The loss of the kept epoch, on held-out rows if there are any.
    reconstruction_err_ : float
        The reconstruction loss of the kept epoch in units of X, on held-out rows if there are any.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.
    latent_density_ : estimator
        The density that `sample` draws codes from.

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
        **DensityAutoencoder._parameter_constraints,
        "code_activation": [StrOptions({"identity", "logistic", "tanh"})],
        "tied_weights": TIED_WEIGHTS,
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
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            architecture=architecture,
            loss=loss,
            output_activation=output_activation,
            latent_density=latent_density,
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
        self.code_activation = code_activation
        self.tied_weights = tied_weights
        self.alpha = alpha

    def _make_module(self, start):
        encoder, decoder, link = self._make_parts(self.n_components, self.n_components)
        tie(encoder, decoder, self.tied_weights)
        return ContractiveModule(encoder, make_activation(self.code_activation), decoder, link)

    def _make_objective(self):
        return ContractiveReconstruction(self.loss, alpha=self.alpha)
