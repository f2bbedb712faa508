"""The adversarial autoencoder that classifies from few labels."""

from skae._base.adversarial import AdversarialClassesBase
from skae._base.calibration import CalibratedMixin
from skae._base.classifier import SemiSupervisedClassifier
from skae._base.parameters import keep, public
from skae.objectives import AdversarialClassification


@public
class AdversarialAutoencoderClassifier(
    CalibratedMixin, SemiSupervisedClassifier, AdversarialClassesBase
):
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
    n_components
        Width of the style.
    .. shared:: adversarial, labels

    Attributes
    ----------
    .. shared:: adversarial, labels

    See Also
    --------
    LadderClassifier : Classifies only; has neither styles nor samples.
    AdversarialAutoencoder : Style and class where all rows have a label.

    Notes
    -----
    With 500 labels or more, `calibrated` sets a fifth of them aside in place of a second training.
    The classifier learns from noisy rows and is asked about others: what `calibrated` learns of
    labelled rows without noise is a linear map of the logits, for all pairs of classes where there
    are rows enough, and a constant of each class.

    `transform` gives the style. `score` is the accuracy, `score_samples` minus the reconstruction
    loss of each row as the class that fits best, in units of X. `sample` draws the styles of a
    class as those of training rows lie that are of it, or that the classifier takes for it, as
    `AdversarialAutoencoder` does.

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
        calibrated=True,
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

    _many_labels = 500  # no two games end alike

    def _make_objective(self):
        return AdversarialClassification(self.loss)
