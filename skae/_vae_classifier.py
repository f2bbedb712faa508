"""The variational autoencoder that classifies from few labels."""

from numbers import Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval

from skae._base.calibration import CalibratedMixin
from skae._base.classifier import SemiSupervisedClassifier
from skae._base.exposure import ExposureMixin
from skae._base.parameters import keep, public
from skae._base.posterior import KnownColumnsMixin
from skae._base.variational import VariationalBase
from skae.modules import VariationalClassifier
from skae.objectives import SemiSupervisedELBO


@public
class VAEClassifier(
    CalibratedMixin, SemiSupervisedClassifier, KnownColumnsMixin, ExposureMixin, VariationalBase
):
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
    n_components
        Width of the code, which holds the style.
    hidden_layer_sizes
        Widths of the hidden layers of the classifier and the encoder; the decoder mirrors them.
    architecture
        .. shared::
        Its encoder is made twice, the classifier being one as well.
    noise_variance
        .. shared::
        The variance is learned as in [2]_.
    classification_weight : float, default=30.0
        :math:`\alpha`. The rows have some nats for each feature, a label has one or two in all: it
        must count more to be heard.
    .. shared:: likelihood, labels

    Attributes
    ----------
    .. shared:: likelihood, labels

    See Also
    --------
    VAETransformer : Without classes.
    AdversarialAutoencoderClassifier : Classes and styles as well; its likelihood is not defined.
    LadderClassifier : Classifies only, and better.

    Notes
    -----
    `transform` gives the mean of the style, given the likeliest class. `score` is the accuracy,
    `score_samples` an importance-weighted estimate of :math:`\log p(x)` in nats, summed over the
    classes. `sample` draws the styles of a class as those of training rows lie that are of it, or
    that the classifier takes for it, and not of N(0, I), as `VAETransformer` does; with
    ``noise=True`` rows are draws of the likelihood, in place of its means, and with `conditions`
    they are drawn given the values of some columns, as by `VAETransformer`. With a Gaussian
    likelihood means of the classes are put right after `fit`, as there; scores follow them, and
    `calibrated` probabilities and the class that `transform` takes for the likeliest with these.

    :math:`q(y | x)` knows the few labels by heart, and is too sure of others. With `calibrated` the
    probabilities are the softmax of :math:`a \log q(y | x) + b \log \hat p(y | x) + c_y`, where
    :math:`\hat p` is the posterior by the bounds :math:`-L(x, y)`, at the mean of the code, and a,
    b and c are those that make labels likeliest that were not learned from [3]_; where there are
    rows enough, a and b are matrices.

    With many features the reconstruction decides what a class is, whatever the few labels say. The
    model M1+M2 of [1]_ takes codes of a `VAETransformer` instead of rows:
    ``make_pipeline(VAETransformer(50), VAEClassifier())``.

    References
    ----------
    .. [1] Kingma, Rezende, Mohamed and Welling, "Semi-supervised learning with deep generative
       models", NeurIPS 2014.
    .. [2] Rybkin, Daniilidis and Levine, "Simple and effective VAE training with calibrated
       decoders", ICML 2021.
    .. [3] Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.

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
        exposure="auto",
        classification_weight=30.0,
        calibrated=True,
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

    def _is_conditional(self):
        return True

    def _make_module(self, start):
        n_classes, n_codes = len(self.classes_), 2 * self.n_components
        classifier, _ = self._make_networks(n_classes, self.n_components)
        n_inputs = self.n_components + n_classes
        parts = self._make_parts(n_codes, n_inputs)
        shares = torch.from_numpy(self._known_labels.shares.astype(np.float32))
        others = {"exposure": self._make_exposure(), "calibration": self._make_calibration(2)}
        # Without an exposure it is given the counts themselves, as it always was.
        classifier = self._on_logs(classifier, of_counts=others["exposure"] is not None)
        return VariationalClassifier(classifier, n_codes, *parts, shares, **others)

    def _make_objective(self):
        return SemiSupervisedELBO(self.classification_weight, self._known_labels.labelled_share)
