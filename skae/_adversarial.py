"""The adversarial autoencoder."""

from skae._base.adversarial import AdversarialBase
from skae._base.conditional import ConditionalOnRequest
from skae._base.parameters import keep, public
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

    so that the codes fill the prior, without holes, and any code decodes to something like data. To
    the second 0.05 times the squared slopes of D at both kinds of codes is added, estimated by
    differences [2]_; its optimizer has no momentum.

    With `conditional` both g and D are told the class y beside the code: the codes of each class
    are to follow the prior, :math:`p(z | y) = p(z)`, so they can not tell the class and are left
    with the style: what the same digit may look like, say. (In [1]_ the decoder alone is told;
    then nothing but the width of the code keeps the class out of it.)

    Parameters
    ----------
    .. shared:: adversarial

    Attributes
    ----------
    .. shared:: adversarial

    See Also
    --------
    VAETransformer : Codes near a normal prior by a penalty, with a likelihood.
    AutoencoderTransformer : Better reconstructions, codes that follow no prior.

    Notes
    -----
    `score_samples` is minus the reconstruction loss of each row, in units of X; with `conditional`
    that of the class which fits best.

    The game does not take all of the class out of the codes. So with `conditional` `sample` draws
    codes from a density of those of training rows of the class (at most 10 000 in all), a kernel
    estimate as wide as Silverman's rule has it, and not of the prior. After `fit` with a squared
    error the means of the classes are those of their rows: what they were missed by is added to
    what is decoded, but in columns with bounds; of a class of n rows n / (n + 1/2) of it.

    References
    ----------
    .. [1] Makhzani, Shlens, Jaitly, Goodfellow and Frey, "Adversarial autoencoders", 2015,
       arXiv:1511.05644.
    .. [2] Mescheder, Geiger and Nowozin, "Which training methods for GANs do actually converge?",
       ICML 2018.

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
        n_inputs = self.n_components + self._n_told()
        encoder, decoder, link = self._make_parts(self.n_components, n_inputs)
        discriminator, prior = self._make_discriminator(n_inputs), self._make_prior()
        told = self._n_told_classes(), self._scored_numbers()
        return AdversarialModule(encoder, decoder, link, discriminator, prior, *told)

    def _make_objective(self):
        return Adversarial(self.loss)
