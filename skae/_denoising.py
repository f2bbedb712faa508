"""The denoising autoencoder."""

from skae._base.corruption import CorruptionMixin
from skae._base.missing import MissingValuesMixin
from skae._base.pca_start import PCAStartAutoencoder
from skae._documented import public
from skae.modules import CorruptedAutoencoder


@public
class DenoisingAutoencoder(MissingValuesMixin, CorruptionMixin, PCAStartAutoencoder):
    r"""Autoencoder that learns to undo a corruption of its input.

    With an encoder f, a decoder g and a random corruption c, drawn anew for each batch, it
    minimizes

    .. math:: \frac{1}{n} \sum_i \mathbb{E}_c\, L(x_i, g(f(c(x_i)))),

    so that reconstructions of noisy rows come out clean, and codes hold what survives the noise
    [1]_. Fit it on clean rows.

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
    noise : {"gaussian", "masking", "salt_and_pepper"}, default="gaussian"
        The corruption: add normal noise; set values to 0; set values to the smallest or the largest
        value of their feature in the training rows, by a fair coin.
    noise_level : float, default=0.3
        For "gaussian" the standard deviation, in units of X. Otherwise the share of the values that
        is replaced, in [0, 1].
    clip : bool or (float, float), default=False
        Whether corrupted values are clipped, as a camera would: True to the range of each feature
        in the training rows, a pair to that range for all features. The pair is also what salt and
        pepper put.
    allow_nan : bool, default=False
        Whether NaN in X is taken for "not observed": the encoder is given what a linear model (of
        factors) expects there, and the loss is that of the observed values. `impute` then fills
        in the others. Masked values are then taken for missing ones, not for 0.
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
        The same in units of X, of corrupted rows against clean ones. Too small where the principal
        components of all rows were kept and there are more features than rows.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.
    latent_density_ : estimator
        The density that `sample` draws codes from.

    See Also
    --------
    AutoencoderTransformer : Without a corruption.

    Notes
    -----
    `transform`, `inverse_transform` and `score_samples` corrupt nothing. `score_samples` is minus
    the loss of each row, in units of X. The validation rows are corrupted alike in each epoch, so
    that epochs can be compared.

    References
    ----------
    .. [1] Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising autoencoders", JMLR
       11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> dae = DenoisingAutoencoder(32, noise_level=4.0, max_iter=10, random_state=0).fit(X)
    >>> dae.denoise(X).shape
    (1797, 64)
    """

    _parameter_constraints: dict = {
        **PCAStartAutoencoder._parameter_constraints,
        **CorruptionMixin._corruption_constraints,
        **MissingValuesMixin._missing_constraints,
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        noise="gaussian",
        noise_level=0.3,
        clip=False,
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
            noise=noise,
            noise_level=noise_level,
            clip=clip,
            allow_nan=allow_nan,
        )

    def _assemble_parts(self, encoder, decoder, link):
        return CorruptedAutoencoder(encoder, decoder, link, self._make_corruption())
