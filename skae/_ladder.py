"""The ladder network."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from skae._base.classifier import SemiSupervisedClassifier
from skae._documented import public
from skae.architectures._mlp import layer_sizes
from skae.modules import Ladder
from skae.objectives import DenoisingLadder

# What the user leaves to us, of the rows and the next layers; the last number is for all others.
AUTO = {"denoising_cost": (60.0, 10.0, 0.1), "noise_level": (1.0, 0.3)}


@public
class LadderClassifier(SemiSupervisedClassifier):
    r"""Ladder network: a classifier that learns from all rows by denoising each layer.

    An encoder runs with noise in each layer and without. From the noisy run, going down, a decoder
    estimates each layer :math:`z_l` of the clean one; what is in a row but says nothing about its
    class can be told apart at the lower layers, so that the upper ones are free for what does [1]_.
    Minimizes, over the labelled rows and all rows,

    .. math::
        -\mathbb{E}_{x, y}[\log \tilde{p}(y | x)]
        + \sum_l \lambda_l \mathbb{E}_x \mathrm{mean}[(z_l - \hat{z}_l)^2]

    where :math:`\tilde{p}` is what the noisy run predicts, and layers are normalized over a batch.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(500, 250, 250)
        Widths of the hidden layers, from the data to the classes.
    activation : str, default="relu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    noise_level : "auto", float or sequence of float, default="auto"
        Standard deviation of the noise, of all layers or of each: the rows, the hidden layers, the
        classes. The unit is the standard deviation of a layer's values, and for the rows the root
        mean variance of the features. "auto" is 1 for the rows and 0.3 for all others.
    denoising_cost : "auto" or sequence of float, default="auto"
        :math:`\lambda_l` of each layer: the rows, the hidden layers, the classes. "auto" is 60, 10
        and 0.1 for all others.
    labelled_batch_size : int or "auto", default="auto"
        Labelled rows in each batch, beside `batch_size` others. "auto" takes 100, or all if there
        are fewer. Each batch has of each class what its share of the labelled rows is.
    learning_rate : {"annealed", "constant"}, default="annealed"
        "annealed" rises to `learning_rate_init` in the first 5 % of the steps that `max_iter`
        allows and falls linearly to zero in the last 70 %. "constant" stays.
    learning_rate_init : float, default=0.005
        Peak learning rate of Adam.
    batch_size : int or "auto", default="auto"
        Rows in a batch, taken as unlabelled. "auto" makes about 25 batches an epoch, of 16 to 128
        rows.
    max_iter : int, default=50
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
        Whether `fit` goes on from the last solution; y may have no further classes then.
    device : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", "mps", ... "auto" takes a GPU if there is one.
    callbacks : list of skorch callbacks, default=None
        Called during training.
    checkpoint : str or path-like, default=None
        A folder in which `fit` keeps its state after each epoch, until it ends. If it is killed,
        the same `fit` goes on from there.
    net_params : dict, default=None
        Merged last into the settings of the skorch net, such as ``{"compile": True}``.
    random_state : int, RandomState instance or None, default=None
        Determines the start, the batches, the held-out rows and the noise. The global random state
        of torch is never touched; that of numpy only by None, as everywhere in scikit-learn.
    verbose : int, default=0
        Whether to show progress: a bar in a terminal or a notebook, else a line for each epoch.

    Attributes
    ----------
    net_ : ObjectiveNet
        The skorch net; ``net_.history`` has every term of the objective in every epoch.
    module_ : torch.nn.Module
        The torch module; its `classify` gives logits of standardized rows.
    scaling_ : torch.nn.Module
        Standardizes rows.
    classes_ : ndarray of shape (n_classes,)
        The labels, without -1.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        Training loss of each epoch: the sum of both terms.
    validation_scores_ : list of float or None
        Minus the cross-entropy of the held-out labelled rows after each epoch, in nats.
    best_loss_ : float
        That cross-entropy in the kept epoch, or the training loss of the last one.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    AutoencoderClassifier : Any classifier on a representation of all rows; faster.
    skae.model_selection.SemiSupervisedSplit : Cross-validation on the labelled rows only.

    References
    ----------
    .. [1] Rasmus, Valpola, Honkala, Berglund and Raiko, "Semi-supervised learning with ladder
       networks", NeurIPS 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import LadderClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> some = np.where(np.arange(len(y)) < 100, y, -1)
    >>> model = LadderClassifier(hidden_layer_sizes=(100, 50), max_iter=20, random_state=0)
    >>> model.fit(X, some).score(X[100:], y[100:]) > 0.8
    True
    """

    _parameter_constraints: dict = {
        **SemiSupervisedClassifier._parameter_constraints,
        "noise_level": [
            "array-like",
            Interval(Real, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "denoising_cost": ["array-like", StrOptions({"auto"})],
    }

    def __init__(
        self,
        *,
        hidden_layer_sizes=(500, 250, 250),
        activation="relu",
        noise_level="auto",
        denoising_cost="auto",
        labelled_batch_size="auto",
        learning_rate="annealed",
        learning_rate_init=0.005,
        batch_size="auto",
        max_iter=50,
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
            labelled_batch_size=labelled_batch_size,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
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
        self.noise_level = noise_level
        self.denoising_cost = denoising_cost

    def _check_rows(self, rows):
        if len(rows) == 1 or self.batch_size == 1:
            raise ValueError(
                "A batch of one row leaves nothing to normalize layers over. Give two rows or "
                "more, and a batch_size of 2 or more, or 'auto'."
            )

    def _make_module(self, start):
        sizes = (self.n_features_in_, *layer_sizes(self.hidden_layer_sizes), len(self.classes_))
        noise_levels = self._per_layer("noise_level", len(sizes))
        return Ladder(sizes, self.activation, noise_levels)

    def _make_objective(self):
        return DenoisingLadder(
            self._per_layer("denoising_cost", len(layer_sizes(self.hidden_layer_sizes)) + 2)
        )

    def _per_layer(self, name, n_layers):
        values = getattr(self, name)
        if isinstance(values, str):
            values = (AUTO[name] + AUTO[name][-1:] * n_layers)[:n_layers]
        values = np.broadcast_to(values, n_layers) if np.ndim(values) == 0 else np.asarray(values)
        if values.shape != (n_layers,) or not (values >= 0).all() or np.isinf(values).any():
            raise ValueError(
                f"{name}={getattr(self, name)!r} must have {n_layers} numbers, none negative: for "
                f"the rows, {n_layers - 2} hidden layers, and the classes."
            )
        return tuple(values.tolist())
