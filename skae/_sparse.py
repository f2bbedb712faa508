"""The sparse autoencoder."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from skae._base.reconstruction import TIED_WEIGHTS, DensityAutoencoder, tie
from skae._documented import public
from skae._priors import EmpiricalDensity
from skae.modules import Autoencoder, KeepLargest, UnitAtoms, logistic_offset
from skae.objectives import KSparseReconstruction, SparseReconstruction

DEFAULT_ALPHA = {"kl": 30.0, "l1": 1.0}


@public
class SparseAutoencoder(DensityAutoencoder):
    r"""Autoencoder with a wide code of which each row uses little.

    With an encoder f, a decoder g and a penalty P it minimizes

    .. math:: \frac{1}{n} \sum_i L(x_i, g(f(x_i))) + \alpha\, P(f(x_1), \ldots, f(x_n)).

    For "kl" the penalty is that of [1]_, averaged over the units: with the target
    :math:`\rho` and the mean activation :math:`\hat\rho_j` of unit j in a batch

    .. math:: P = \frac{1}{k} \sum_j \rho \log \frac{\rho}{\hat\rho_j}
        + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j};

    for "l1" it is the mean of :math:`|f(x)|`; "k" has none, but lets few values through [2]_. The
    units then come to stand for parts, such as strokes, that make up a row. Weights of rows do not
    count in the mean activation.

    Parameters
    ----------
    n_components : int, default=256
        Width of the code, mostly more than there are features.
    hidden_layer_sizes : tuple of int, default=()
        Widths of the encoder's hidden layers; the decoder mirrors them.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    architecture : architecture, default=None
        An object of :mod:`skae.architectures`, or one of your own with the same two methods. If
        given, it replaces `hidden_layer_sizes` and `activation`.
    penalty : {"kl", "l1", "k"}, default="kl"
        What makes codes sparse. "kl": codes are logistic, and the mean activation of each unit is
        drawn towards `target_activation`. "l1": codes are rectified, their mean absolute value is
        penalized, and the columns of the decoder's first linear layer have norm 1, since large
        weights would make up for small codes. "k": codes are linear, and all but the
        `n_nonzero_coefs` largest values of each row are zero.
    tied_weights : bool or "auto", default="auto"
        Whether the decoder's layers have the transposed weights of the encoder's. "auto" ties them
        for "k", as in [2]_, where both are dense and mirror each other, as those of `MLP` do: a
        unit is then kept for the very part that it stands for, which serves a classifier better.
        Not with "l1", where the decoder's columns are of norm 1.
    alpha : float, default=None
        Weight of the penalty. None means 30 for "kl" and 1 for "l1".
    target_activation : float, default=0.05
        The mean activation that "kl" aims at, in (0, 1).
    n_nonzero_coefs : int, default=25
        How many values "k" keeps. In the first half of the epochs that `max_iter` allows the number
        falls linearly from all to this, so that no unit is left out for good.
    transform_n_nonzero_coefs : int, default=None
        How many values "k" keeps outside of training. None means `n_nonzero_coefs`; some more, up
        to three times as many, may serve a classifier better [2]_.
    loss : {"squared_error", "absolute_error", "log_loss"}, default="squared_error"
        What the reconstruction costs. "log_loss", the binary cross-entropy, needs X in [0, 1].
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic where the loss needs it; otherwise outputs are
        clipped at the bounds that the data show: where at least 5 % of the training rows share the
        smallest (or the largest) value of a feature, that value is taken for its bound, such as 0
        for counts and 0 and 1 for pixels. "identity" clips nothing; "logistic" needs X in [0, 1].
    latent_density : estimator with `fit` and `sample`, default=None
        What `sample` draws codes from, fitted to (at most 10 000) training codes when first needed.
        None draws from those codes themselves, since draws of a smooth density are not sparse.
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
    AutoencoderTransformer : A narrow code.
    sklearn.decomposition.DictionaryLearning : Linear, and slower where there are many rows.

    Notes
    -----
    `score_samples` is minus the loss of each row, in units of X, without the penalty.

    References
    ----------
    .. [1] Ng, "Sparse autoencoder", CS294A lecture notes, Stanford, 2011.
    .. [2] Makhzani and Frey, "k-sparse autoencoders", ICLR 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import SparseAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> sparse = SparseAutoencoder(100, penalty="k", n_nonzero_coefs=10, random_state=0).fit(X)
    >>> int((sparse.transform(X) != 0).sum(axis=1).max())
    10
    """

    _parameter_constraints: dict = {
        **DensityAutoencoder._parameter_constraints,
        "penalty": [StrOptions({"k", "kl", "l1"})],
        "tied_weights": TIED_WEIGHTS,
        "alpha": [Interval(Real, 0, None, closed="left"), None],
        "target_activation": [Interval(Real, 0, 1, closed="neither")],
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left")],
        "transform_n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_components=256,
        *,
        hidden_layer_sizes=(),
        activation="silu",
        architecture=None,
        penalty="kl",
        tied_weights="auto",
        alpha=None,
        target_activation=0.05,
        n_nonzero_coefs=25,
        transform_n_nonzero_coefs=None,
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
        self.penalty = penalty
        self.tied_weights = tied_weights
        self.alpha = alpha
        self.target_activation = target_activation
        self.n_nonzero_coefs = n_nonzero_coefs
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs

    def _make_module(self, start):
        encoder, decoder, link = self._make_parts(self.n_components, self.n_components)
        if self.penalty == "l1":
            if self.tied_weights is True:
                raise ValueError(
                    "tied_weights=True has no place with penalty='l1', whose decoder has columns "
                    "of norm 1. Set tied_weights='auto' or choose penalty='kl' or 'k'."
                )
            _make_atoms(decoder)
        elif self.penalty == "k" or self.tied_weights is True:
            tie(encoder, decoder, self.tied_weights)
        return Autoencoder(nn.Sequential(encoder, *self._make_code()), decoder, link)

    def _default_density(self, codes):
        return EmpiricalDensity()

    def _make_code(self):
        """What makes codes of the encoder's outputs."""
        if self.penalty == "l1":
            return [nn.ReLU()]
        if self.penalty == "kl":  # starts at the target
            return [
                logistic_offset(np.full(self.n_components, self.target_activation)),
                nn.Sigmoid(),
            ]
        in_inference = self.transform_n_nonzero_coefs or self.n_nonzero_coefs
        for name, value in (
            ("n_nonzero_coefs", self.n_nonzero_coefs),
            ("transform_n_nonzero_coefs", in_inference),
        ):
            if value > self.n_components:
                raise ValueError(
                    f"{name}={value} is more than n_components={self.n_components}: there are not "
                    "so many values to keep. Make the code wider or keep fewer."
                )
        return [KeepLargest(self.n_nonzero_coefs, in_inference)]

    def _make_objective(self):
        if self.penalty == "k":
            return KSparseReconstruction(self.loss, n_annealed=self.max_iter / 2)
        alpha = DEFAULT_ALPHA[self.penalty] if self.alpha is None else self.alpha
        return SparseReconstruction(
            self.loss, penalty=self.penalty, alpha=alpha, target=self.target_activation
        )


def _make_atoms(decoder):
    """Give the decoder's first linear layer columns of norm 1."""
    for parent in decoder.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear):
                setattr(parent, name, UnitAtoms(child))
                return
    raise ValueError(
        "penalty='l1' needs a decoder with a torch.nn.Linear, whose columns it keeps at norm 1. "
        "Give the architecture one, or choose penalty='kl' or 'k'."
    )
