"""The ladder network."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from skae._base.classifier import SemiSupervisedClassifier
from skae._base.parameters import keep, public
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
    Predictions are made without noise; the layers are normalized then by running means of what the
    batches of the noisy run had, in which classes are learned, rows with and without labels alike.

    Parameters
    ----------
    hidden_layer_sizes
        Widths of the hidden layers, from the data to the classes.
    noise_level : "auto", float or sequence of float, default="auto"
        Standard deviation of the noise, of all layers or of each: the rows, the hidden layers, the
        classes. The unit is the standard deviation of a layer's values, and for the rows the root
        mean variance of the features. "auto" is 1 for the rows and 0.3 for all others.
    denoising_cost : "auto" or sequence of float, default="auto"
        :math:`\lambda_l` of each layer: the rows, the hidden layers, the classes. "auto" is 60, 10
        and 0.1 for all others.
    .. shared:: labels

    Attributes
    ----------
    .. shared:: labels

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
