"""The adversarial autoencoder that classifies from few labels."""

from skae._base.adversarial import AdversarialClassesBase
from skae._base.classifier import SemiSupervisedClassifier
from skae._documented import public
from skae.objectives import AdversarialClassification


@public
class AdversarialAutoencoderClassifier(SemiSupervisedClassifier, AdversarialClassesBase):
    r"""Adversarial autoencoder with two codes: the class, from few labels, and the style.

    The encoder gives class probabilities :math:`q(x)` and a style :math:`f(x)`. Two discriminators
    hold them against a one-hot code of a class, drawn as often as the labels have it, and a draw of
    the prior of styles, so that the class code decides for one class and the style can not tell it
    [1]_. Each batch takes four steps, each with an optimizer of its own and for the networks named
    below the minimum only; c is one-hot, z a style, :math:`\sigma` the sum over both codes:

    .. math::

        \min_{f, q, g} \mathrm{loss}(x, g(f(x), q(x))) \qquad
        \min_D \sigma[-\log D(c, z) - \log(1 - D(q(x), f(x)))] \qquad
        \min_{f, q} \sigma[-\log D(q(x), f(x))] \qquad
        \min_q -\log q_y(x)

    the last for the labelled rows.

    Parameters
    ----------
    n_components : int, default=10
        Width of the style.
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    architecture : architecture, default=None
        An object of :mod:`skae.architectures`, or one of your own with the same two methods. If
        given, it replaces `hidden_layer_sizes` and, for the encoder and the decoder, `activation`.
    prior : {"normal", "mixture", "swiss_roll"}, callable or density, default="normal"
        What styles are to follow. "normal" has independent components; "mixture" is ten petals in
        the first two components, "swiss_roll" a spiral there, and both are normal in further ones.
        A callable is given ``(n_samples, random_state)`` and returns codes of shape (n_samples,
        n_components); a density is a fitted one with `sample`, such as scikit-learn has them.
    prior_scale : float, default=1.0
        The factor by which a prior that is given by its name is enlarged.
    discriminator_layer_sizes : tuple of int, default=(256, 128)
        Widths of the hidden layers of both discriminators.
    noise_level : float, default=1.0
        Standard deviation of the normal noise that the encoder is given in training; its unit is
        the root mean variance of the features.
    labelled_batch_size : int or "auto", default="auto"
        Labelled rows in each batch, beside `batch_size` others. "auto" takes 100, or all if there
        are fewer. Each batch has of each class what its share of the labelled rows is.
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
    learning_rate_init : float, default=0.003
        Peak learning rate of Adam, in all three steps.
    batch_size : int or "auto", default="auto"
        Rows in a batch. "auto" makes about 25 batches an epoch, of 16 to 128 rows.
    max_iter : int, default=100
        Epochs, at most.
    early_stopping : bool, default=False
        Whether to hold out rows of each class and without, keep the epoch that classifies those
        with a label best, by cross-entropy, and stop after `n_iter_no_change` epochs without
        progress. With few labels it costs more than it gives.
    validation_fraction : float, default=0.1
        The share of the rows to hold out, of each class that has two at least one.
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
        The labels, without -1.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        The sum of all terms in each epoch; see ``net_.history`` for each.
    validation_scores_ : list of float or None
        Minus the cross-entropy of the held-out labelled rows after each epoch, in nats.
    best_loss_ : float
        That cross-entropy in the kept epoch, or the sum of all terms of the last one.
    reconstruction_err_ : float
        The reconstruction loss in units of X, on held-out rows if there are any.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    LadderClassifier : Classifies only; has neither styles nor samples.
    AdversarialAutoencoder : Style and class where all rows have a label.

    Notes
    -----
    `transform` gives the style. `score` is the accuracy, `score_samples` minus the reconstruction
    loss of each row as the class that fits best, in units of X.

    References
    ----------
    .. [1] Makhzani, Shlens, Jaitly, Goodfellow and Frey, "Adversarial autoencoders", 2015,
       arXiv:1511.05644, section 5.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import AdversarialAutoencoderClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> some = np.where(np.arange(len(y)) < 200, y, -1)
    >>> model = AdversarialAutoencoderClassifier(max_iter=10, random_state=0).fit(X, some)
    >>> model.score(X[200:], y[200:]) > 0.8
    True
    >>> model.inverse_transform(model.transform(X[:1]), 7).shape
    (1, 64)
    """

    _parameter_constraints: dict = {
        **AdversarialClassesBase._parameter_constraints,
        **SemiSupervisedClassifier._parameter_constraints,
    }

    def __init__(
        self,
        n_components=10,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        prior="normal",
        prior_scale=1.0,
        discriminator_layer_sizes=(256, 128),
        noise_level=1.0,
        labelled_batch_size="auto",
        loss="squared_error",
        output_activation="auto",
        learning_rate="annealed",
        learning_rate_init=0.003,
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
            n_components=n_components,
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
            noise_level=noise_level,
            labelled_batch_size=labelled_batch_size,
        )

    def _make_objective(self):
        return AdversarialClassification(self.loss)
