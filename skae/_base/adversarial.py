"""What the adversarial autoencoders share: codes that follow a prior by a game."""

import numpy as np
import torch
from torch import nn

from skae._base.conditional import ConditionalMixin
from skae._base.prior import PriorMixin
from skae._base.reconstruction import ReconstructionAutoencoder
from skae.architectures._activations import dense_layers
from skae.architectures._mlp import layer_sizes
from skae.losses import LOSSES
from skae.modules import AdversarialClassifierModule


class AdversarialBase(ConditionalMixin, PriorMixin, ReconstructionAutoencoder):
    """Base class of the adversarial autoencoders: codes that follow a prior."""

    def _make_discriminator(self, n_inputs):
        sizes = (n_inputs, *layer_sizes(self.discriminator_layer_sizes), 1)
        return nn.Sequential(*dense_layers(sizes, self.activation))

    def _row_scores(self, module, x):
        loss, z = LOSSES[self._as_fitted("loss")], module.encode(x)
        told = (value.expand(len(x)) for value in module.alternatives())
        losses = torch.stack([loss(x, module.output(z, y)) for y in told])
        return -losses.min(dim=0).values * self._loss_unit()


class AdversarialClassesBase(AdversarialBase):
    """Base class of those with a code for the class, beside the style."""

    def _is_conditional(self):
        return True

    def _make_norm(self, n_classes):
        return nn.Identity()

    def _make_calibration(self, n_sources):
        return None

    def _make_module(self, start):
        shares = self._known_labels.shares
        n_classes = len(shares)
        n_codes = self.n_components + n_classes
        encoder, decoder, link = self._make_parts(n_codes, n_codes)
        # Where rows are not standardized, for a loss that needs [0, 1], the unit is not 1.
        unit = (self._start.statistics.scaling().scale / self.scaling_.scale).item()
        return AdversarialClassifierModule(
            encoder,
            self._make_norm(n_classes),
            self._make_discriminator(n_classes),
            torch.from_numpy(shares.astype(np.float32)),
            self.noise_level * unit,
            decoder,
            link,
            self._make_discriminator(self.n_components),
            self._make_prior(),
            n_classes,
            calibration=self._make_calibration(1),
        )
