"""The plain autoencoder."""

from skae._base.missing import MissingValuesMixin
from skae._base.pca_start import PCAStartAutoencoder
from skae._documented import public
from skae.modules import Autoencoder
from skae.objectives import Reconstruction


@public
class AutoencoderTransformer(MissingValuesMixin, PCAStartAutoencoder):
    r"""Nonlinear dimensionality reduction by an autoencoder.

    The neural counterpart of :class:`~sklearn.decomposition.PCA`. With an encoder f and a decoder g
    it minimizes

    .. math:: \frac{1}{n} \sum_i L(x_i, g(f(x_i))),

    where L is the mean over the features of the squared error, or another `loss` [1]_. By default f
    and g are each a linear map plus a network; the linear maps start at the principal components
    and the networks at zero, so training starts as PCA and the best epoch on held-out rows is kept.
    Small data are also trained on from random weights, which is sometimes better (see `init`).

    X is centred and divided by one number inside, so its units do not matter. The relative scales
    of the features do, as for PCA: standardize features that are not comparable.

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
    allow_nan : bool, default=False
        Whether NaN in X is taken for "not observed": the encoder is given what a linear model (of
        factors) expects there, and the loss is that of the observed values. `impute` then fills
        in the others.
    loss : {"squared_error", "absolute_error", "log_loss"}, default="squared_error"
        What the reconstruction costs. "log_loss", the binary cross-entropy, needs X in [0, 1].
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic where the loss needs it; otherwise outputs are
        clipped at the bounds that the data show: where at least 5 % of the training rows share the
        smallest (or the largest) value of a feature, that value is taken for its bound, such as 0
        for counts and 0 and 1 for pixels. "identity" clips nothing; "logistic" needs X in [0, 1].
    init : {"auto", "pca", "random"}, default="auto"
        "pca" starts at the principal components: encoder and decoder are a linear map plus a
        network that is zero at first; the encoder's linear map stays as it is. The components are
        those of a sample where there are more than 1000 rows and more than 2**23 values. "random"
        starts from random weights and has no linear maps. "auto" is "random" with an `architecture`
        and where outputs are logistic, "pca" otherwise; and where that is affordable and can be
        judged, with held-out rows, at most 10 000 rows and no `callbacks`, it trains from both and
        keeps what is better on the held-out rows.
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
        Whether to hold out rows, keep the epoch that is best on them and stop after
        `n_iter_no_change` epochs without progress; otherwise the last epoch is kept. Where a
        start at PCA was tried, the principal components of all rows, those held out included, are
        kept if no epoch is better by more than half the standard error of the difference, and more
        than that where few rows are held out. (They too are of a sample, beyond 2**26 values, or
        2**23 in a file.) A held-out row of which a component is mostly made, such as the only one
        with a value in some column, does not judge then. The scale is that of all rows.
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
        Training loss of each epoch, of rows as the module sees them: for a squared error of centred
        and scaled rows the share of the variance that is not explained.
    validation_scores_ : list of float or None
        Minus the loss on held-out rows after each epoch.
    best_loss_ : float
        The loss of the kept epoch, on held-out rows if there are any; of the principal components
        of all rows where those were kept.
    reconstruction_err_ : float
        The same in units of X. Too small where the principal components of all rows were kept and
        there are more features than rows.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.
    latent_density_ : estimator
        The density that `sample` draws codes from.

    See Also
    --------
    DenoisingAutoencoder : Learns to remove noise.
    VAETransformer : A generative model, with a likelihood.
    sklearn.decomposition.PCA : The linear, exact and much faster method.

    Notes
    -----
    `score_samples` is minus the loss of each row, in units of X.

    References
    ----------
    .. [1] Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks",
       Science 313, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(n_components=8, max_iter=10, random_state=0).fit(X)
    >>> ae.transform(X).shape
    (1797, 8)
    >>> ae.inverse_transform(ae.transform(X)).shape
    (1797, 64)
    >>> ae.sample(3, random_state=0).shape
    (3, 64)
    """

    _parameter_constraints: dict = {
        **PCAStartAutoencoder._parameter_constraints,
        **MissingValuesMixin._missing_constraints,
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        allow_nan=False,
        loss="squared_error",
        output_activation="auto",
        init="auto",
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
            loss=loss,
            output_activation=output_activation,
            init=init,
            latent_density=latent_density,
            allow_nan=allow_nan,
        )

    def _assemble_parts(self, encoder, decoder, link):
        return Autoencoder(encoder, decoder, link)

    def _make_objective(self):
        return Reconstruction(self.loss, self.allow_nan)
