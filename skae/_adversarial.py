"""The adversarial autoencoder."""

from skae._base.adversarial import AdversarialBase
from skae._base.conditional import ConditionalOnRequest
from skae._documented import public
from skae.modules import AdversarialModule
from skae.objectives import Adversarial


@public
class AdversarialAutoencoder(ConditionalOnRequest, AdversarialBase):
    r"""Adversarial autoencoder: its codes follow a prior of your choice.

    A discriminator D learns to tell codes :math:`z = f(x)` from draws of the prior
    :math:`z \sim p(z)`, and the encoder learns to pass for the prior [1]_. Each batch takes three
    steps, each with an optimizer of its own and for the networks named below the minimum only:

    .. math::

        \min_{f, g} \mathrm{loss}(x, g(f(x))) \qquad
        \min_D -\log D(z) - \log(1 - D(f(x))) \qquad
        \min_f -\log D(f(x))

    so that the codes fill the prior, without holes, and any code decodes to something like data.

    With `conditional` both g and D are told the class y beside the code: the codes of each class
    are to follow the prior, :math:`p(z | y) = p(z)`, so they can not tell the class and are left
    with the style: what the same digit may look like, say. (In [1]_ the decoder alone is told;
    then nothing but the width of the code keeps the class out of it.)

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
        given, it replaces `hidden_layer_sizes` and, for the encoder and the decoder, `activation`.
    prior : {"normal", "mixture", "swiss_roll"}, callable or density, default="normal"
        What codes are to follow. "normal" has independent components; "mixture" is ten petals in
        the first two components, "swiss_roll" a spiral there, and both are normal in further ones.
        A callable is given ``(n_samples, random_state)`` and returns codes of shape (n_samples,
        n_components); a density is a fitted one with `sample`, such as scikit-learn has them, best
        in a `sklearn.frozen.FrozenEstimator`, which stays fitted in clones.
    prior_scale : float, default=1.0
        The factor by which a prior that is given by its name is enlarged.
    conditional : bool, default=False
        Whether `fit` needs y, and the decoder and the discriminator are told the class.
    discriminator_layer_sizes : tuple of int, default=(256, 128)
        Widths of the discriminator's hidden layers.
    loss : {"squared_error", "absolute_error", "log_loss"}, default="squared_error"
        What a reconstruction costs. "log_loss" needs X in [0, 1].
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic for "log_loss"; otherwise outputs are clipped at
        the bounds that the data show: where at least 5 % of the training rows share the smallest
        (or the largest) value of a feature, that value is taken for its bound. "identity" clips
        nothing; "logistic" needs X in [0, 1].
    learning_rate : {"annealed", "constant"}, default="annealed"
        "annealed" rises to `learning_rate_init` in the first 5 % of the steps that `max_iter`
        allows and falls linearly to zero in the last 70 %. "constant" stays.
    learning_rate_init : float, default=0.001
        Peak learning rate of Adam, in all three steps.
    batch_size : int or "auto", default="auto"
        Rows in a batch. "auto" makes about 25 batches an epoch, of 16 to 128 rows.
    max_iter : int, default=100
        Epochs, at most.
    early_stopping : bool, default=False
        Whether to hold out rows, keep the epoch that reconstructs them best and stop after
        `n_iter_no_change` epochs without progress. How well codes follow the prior does not count.
    validation_fraction : float, default=0.1
        The share of the rows to hold out.
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
        Merged last into the settings of the skorch net.
    random_state : int, RandomState instance or None, default=None
        Determines the start, the batches, the held-out rows and the draws of the prior. The global
        random state of torch is never touched; that of numpy only by None, as everywhere in
        scikit-learn.
    verbose : int, default=0
        Whether to show progress: a bar in a terminal or a notebook, else a line for each epoch.

    Attributes
    ----------
    net_ : ObjectiveNet
        The skorch net; ``net_.history`` has every term of the objective in every epoch.
    module_ : torch.nn.Module
        The torch module; it works on standardized rows.
    scaling_ : torch.nn.Module
        Standardizes rows, and back with its ``inverse``.
    classes_ : ndarray of shape (n_classes,)
        The labels, without -1; only with `conditional`.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        The sum of all terms in each epoch; see ``net_.history`` for each.
    validation_scores_ : list of float or None
        Minus the reconstruction loss on held-out rows after each epoch.
    best_loss_ : float
        The reconstruction loss of the kept epoch on held-out rows, or the sum of all terms of the
        last one.
    reconstruction_err_ : float
        The reconstruction loss in units of X, on held-out rows if there are any.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    VAETransformer : Codes near a normal prior by a penalty, with a likelihood.
    AutoencoderTransformer : Better reconstructions, codes that follow no prior.

    Notes
    -----
    `score_samples` is minus the reconstruction loss of each row, in units of X; with `conditional`
    that of the class which fits best.

    References
    ----------
    .. [1] Makhzani, Shlens, Jaitly, Goodfellow and Frey, "Adversarial autoencoders", 2015,
       arXiv:1511.05644.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AdversarialAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> model = AdversarialAutoencoder(2, conditional=True, max_iter=3, random_state=0).fit(X, y)
    >>> style = model.transform(X[:1])
    >>> model.inverse_transform(style.repeat(10, axis=0), range(10)).shape
    (10, 64)
    >>> model.sample(2, random_state=0, y=7).shape
    (2, 64)
    """

    _parameter_constraints: dict = {
        **AdversarialBase._parameter_constraints,
        **ConditionalOnRequest._conditional_constraints,
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        prior="normal",
        prior_scale=1.0,
        conditional=False,
        discriminator_layer_sizes=(256, 128),
        loss="squared_error",
        output_activation="auto",
        learning_rate="annealed",
        learning_rate_init=0.001,
        batch_size="auto",
        max_iter=100,
        early_stopping=False,
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
            prior=prior,
            prior_scale=prior_scale,
            discriminator_layer_sizes=discriminator_layer_sizes,
            conditional=conditional,
        )

    def _make_module(self, start):
        n_classes = self._n_told_classes()
        n_inputs = self.n_components + n_classes
        encoder, decoder, link = self._make_parts(self.n_components, n_inputs)
        discriminator, prior = self._make_discriminator(n_inputs), self._make_prior()
        return AdversarialModule(encoder, decoder, link, discriminator, prior, n_classes)

    def _make_objective(self):
        return Adversarial(self.loss)
