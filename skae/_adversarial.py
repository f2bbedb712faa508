"""The adversarial autoencoder."""

import numpy as np
import torch
from torch import nn

from skae._base.conditional import ConditionalMixin, ConditionalOnRequest
from skae._base.parameters import keep, public
from skae._base.reconstruction import ReconstructionAutoencoder
from skae._priors import PRIORS, SampledPrior
from skae._training.device import forked_seed, plain_torch
from skae.architectures._activations import dense_layers
from skae.architectures._mlp import layer_sizes
from skae.losses import LOSSES
from skae.modules import AdversarialClassifierModule, AdversarialModule
from skae.objectives import Adversarial


class AdversarialBase(ConditionalMixin, ReconstructionAutoencoder):
    """Base class of the adversarial autoencoders: codes that follow a prior."""

    def _make_prior(self):
        named = isinstance(self.prior, str)
        prior = PRIORS[self.prior](self.prior_scale) if named else SampledPrior(self.prior)
        prior.draw(2, self.n_components)  # one that does not work should say so now
        return prior

    def _make_discriminator(self, n_inputs):
        sizes = (n_inputs, *layer_sizes(self.discriminator_layer_sizes), 1)
        return nn.Sequential(*dense_layers(sizes, self.activation))

    def _row_scores(self, module, x):
        loss, z = LOSSES[self._fitted_loss()], module.encode(x)
        numbers = range(max(1, module.n_classes))
        told = (torch.full((len(x),), number, device=x.device) for number in numbers)
        losses = torch.stack([loss(x, module.output(z, y)) for y in told])
        return -losses.min(dim=0).values * self._loss_unit()

    def _draw_codes(self, n_samples, random_state):
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        with plain_torch(grad=False), forked_seed(torch.device("cpu"), seed):
            return self.module_.prior.draw(n_samples, self._n_features_out).numpy()


class AdversarialClassesBase(AdversarialBase):
    """Base class of those with a code for the class, beside the style."""

    def _is_conditional(self):
        return True

    def _make_norm(self, n_classes):
        return nn.Identity()

    def _make_module(self, rows, statistics, start):
        n_classes = len(self._class_shares)
        n_codes = self.n_components + n_classes
        encoder, decoder, link = self._make_parts(n_codes, n_codes, statistics)
        # Where rows are not standardized, for a loss that needs [0, 1], the unit is not 1.
        unit = (statistics.scaling().scale / self.scaling_.scale).item()
        return AdversarialClassifierModule(
            encoder,
            self._make_norm(n_classes),
            self._make_discriminator(n_classes),
            torch.from_numpy(self._class_shares.astype(np.float32)),
            self.noise_level * unit,
            decoder,
            link,
            self._make_discriminator(self.n_components),
            self._make_prior(),
            n_classes,
        )


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
        keep(self, locals())

    def _make_module(self, rows, statistics, start):
        n_classes = self._n_told_classes()
        n_inputs = self.n_components + n_classes
        encoder, decoder, link = self._make_parts(self.n_components, n_inputs, statistics)
        discriminator, prior = self._make_discriminator(n_inputs), self._make_prior()
        return AdversarialModule(encoder, decoder, link, discriminator, prior, n_classes)

    def _make_objective(self):
        return Adversarial(self.loss)
