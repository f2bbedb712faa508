"""The sparse autoencoder."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from skae._base.parameters import keep, public
from skae._base.reconstruction import DensityAutoencoder, tie
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
    n_components
        Width of the code, mostly more than there are features.
    penalty : {"kl", "l1", "k"}, default="kl"
        What makes codes sparse. "kl": codes are logistic, and the mean activation of each unit is
        drawn towards `target_activation`. "l1": codes are rectified, their mean absolute value is
        penalized, and the columns of the decoder's first linear layer have norm 1, since large
        weights would make up for small codes. "k": codes are linear, and all but the
        `n_nonzero_coefs` largest values of each row are zero.
    tied_weights
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
    latent_density
        What `sample` draws codes from, fitted to (at most 10 000) training codes when first needed.
        None draws from those codes themselves, since draws of a smooth density are not sparse.
    .. shared::

    Attributes
    ----------
    .. shared::

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
        "penalty": [StrOptions({"k", "kl", "l1"})],
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
            return KSparseReconstruction(self.loss, n_annealed=self._max_epochs / 2)
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
