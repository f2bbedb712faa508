"""The variational autoencoder that classifies from few labels."""

from numbers import Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval

from skae._base.classifier import SemiSupervisedClassifier
from skae._base.conditional import ConditionalMixin
from skae._base.variational import VariationalBase
from skae._documented import public
from skae.modules import VariationalClassifier
from skae.objectives import SemiSupervisedELBO


@public
class VAEClassifier(SemiSupervisedClassifier, ConditionalMixin, VariationalBase):
    r"""Variational autoencoder with a class: a generative model that classifies from few labels.

    A row is drawn from :math:`p(x | y, z)`, given its class y and a style z from :math:`N(0, I)`.
    The class of a row without a label is summed out under the classifier :math:`q(y | x)` that is
    learned with it: the model M2 of [1]_. With

    .. math::
        L(x, y) = -\mathbb{E}_{q(z | x, y)}[\log p(x | y, z)]
        + \mathrm{KL}(q(z | x, y) \| p(z)) - \log p(y)

    it minimizes, over all rows and over the labelled ones, in nats

    .. math::
        \mathbb{E}_x \sum_y q(y | x) [L(x, y) + \log q(y | x)]
        + \mathbb{E}_{x, y}[\rho L(x, y) - \alpha \log q(y | x)]

    where p(y) is as often as the labels have each class, and :math:`\rho` is the share of the
    labelled rows. The mean and the logarithmic variance of :math:`q(z | x, y)` are those of a
    network of x, plus a constant of each class, so that one pass serves all classes; [1]_ has
    networks of both.

    Parameters
    ----------
    n_components : int, default=10
        Width of the code, which holds the style.
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Widths of the hidden layers of the classifier and the encoder; the decoder mirrors them.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    architecture : architecture, default=None
        An object of :mod:`skae.architectures`, or one of your own with the same two methods. If
        given, it replaces `hidden_layer_sizes` and `activation`; its encoder is made twice, the
        classifier being one as well.
    likelihood : str or list of (str, columns), default="gaussian"
        :math:`p(x | y, z)`, as in `VAETransformer`: "gaussian" has one variance for all features,
        see `noise_variance`; "bernoulli" needs X in [0, 1]; a list has a likelihood for each group
        of columns.
    noise_variance : float or None, default=None
        The variance of the Gaussian likelihood in squared units of X. None learns it [2]_, so that
        the reconstruction and the divergence are in balance whatever the units of X.
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic for the Bernoulli likelihood; otherwise means are
        clipped at the bounds that the data show: where at least 5 % of the training rows share the
        smallest (or the largest) value of a feature, that value is taken for its bound. "identity"
        clips nothing; "logistic" needs X in [0, 1].
    classification_weight : float, default=30.0
        :math:`\alpha`. The rows have some nats for each feature, a label has one or two in all: it
        must count more to be heard.
    labelled_batch_size : int or "auto", default="auto"
        Labelled rows in each batch, beside `batch_size` others. "auto" takes 100, or all if there
        are fewer. Each batch has of each class what its share of the labelled rows is.
    n_score_samples : int, default=64
        How many draws `score_samples` uses; they are made in `fit`.
    learning_rate : {"annealed", "constant"}, default="annealed"
        "annealed" rises to `learning_rate_init` in the first 5 % of the steps that `max_iter`
        allows and falls linearly to zero in the last 70 %. "constant" stays.
    learning_rate_init : float, default=0.003
        Peak learning rate of Adam.
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
        Determines the start, the batches, the held-out rows and all noise. The global random state
        of torch is never touched; that of numpy only by None, as everywhere in scikit-learn.
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
        The expected negative log-likelihood of the kept epoch in nats per row, on held-out rows if
        there are any.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    VAETransformer : Without classes.
    AdversarialAutoencoderClassifier : Classes and styles as well; its likelihood is not defined.
    LadderClassifier : Classifies only, and better.

    Notes
    -----
    `transform` gives the mean of the style, given the likeliest class. `score` is the accuracy,
    `score_samples` an importance-weighted estimate of :math:`\log p(x)` in nats, summed over the
    classes.

    With many features the reconstruction decides what a class is, whatever the few labels say. The
    model M1+M2 of [1]_ takes codes of a `VAETransformer` instead of rows:
    ``make_pipeline(VAETransformer(50), VAEClassifier())``.

    References
    ----------
    .. [1] Kingma, Rezende, Mohamed and Welling, "Semi-supervised learning with deep generative
       models", NeurIPS 2014.
    .. [2] Rybkin, Daniilidis and Levine, "Simple and effective VAE training with calibrated
       decoders", ICML 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import VAEClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> some = np.where(np.arange(len(y)) < 200, y, -1)
    >>> model = VAEClassifier(max_iter=10, random_state=0).fit(X, some)
    >>> model.score(X[200:], y[200:]) > 0.8
    True
    >>> model.sample(2, random_state=0, y=7).shape
    (2, 64)
    """

    _parameter_constraints: dict = {
        **VariationalBase._parameter_constraints,
        **SemiSupervisedClassifier._parameter_constraints,
        "classification_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=10,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        likelihood="gaussian",
        noise_variance=None,
        output_activation="auto",
        classification_weight=30.0,
        labelled_batch_size="auto",
        n_score_samples=64,
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
            likelihood=likelihood,
            noise_variance=noise_variance,
            output_activation=output_activation,
            labelled_batch_size=labelled_batch_size,
            n_score_samples=n_score_samples,
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
        self.classification_weight = classification_weight

    def _is_conditional(self):
        return True

    def _make_module(self, start):
        n_classes, n_codes = len(self.classes_), 2 * self.n_components
        classifier, _ = self._make_networks(n_classes, self.n_components)
        n_inputs = self.n_components + n_classes
        parts = self._make_parts(n_codes, n_inputs)
        shares = torch.from_numpy(self._known_labels.shares.astype(np.float32))
        return VariationalClassifier(classifier, n_codes, *parts, shares)

    def _make_objective(self):
        return SemiSupervisedELBO(self.classification_weight, self._known_labels.labelled_share)
