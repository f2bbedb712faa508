"""The networks of an autoencoder, and what ends them."""

import numpy as np
import torch
from torch import nn

from skae._base.holes import Holes
from skae._rows.columns import Target
from skae._rows.scaling import Scaling
from skae._training.build import check_network
from skae.architectures import MLP
from skae.losses import LINKS
from skae.modules import Bounded, held, logistic_offset, skip_zeros

# A value that so many of the rows share at the end of a feature's range is taken for its bound.
MIN_BOUND_SHARE, MIN_BOUND_ROWS = 0.05, 10
# Rows of so many features of which so many are zero are multiplied faster without the zeros.
MIN_FEATURES_OF_ZEROS, MIN_ZERO_SHARE = 500, 0.97


class NetworksMixin(Holes):
    """Makes an encoder and a decoder as `architecture`, the loss and the bounds have them."""

    # The parameter that says what a reconstruction costs: "loss" or "likelihood".
    _cost: str

    def _make_networks(self, n_outputs, n_inputs):
        """An encoder with `n_outputs` and a decoder with `n_inputs`, held where no row has been."""
        encoder, decoder = self._make_free_networks(n_outputs, n_inputs)
        encoder = held(encoder, self.n_features_in_, n_outputs)
        return encoder, held(decoder, self.n_components, self._n_raw_outputs())

    def _n_raw_outputs(self):
        """How many outputs the decoder has."""
        return self.n_features_in_

    def _make_free_networks(self, n_outputs, n_inputs):
        """The same as the architecture makes them, their widths checked."""
        architecture = self.architecture
        if architecture is None:
            architecture = MLP(self.hidden_layer_sizes, self.activation)
        if isinstance(architecture, type):
            raise ValueError(
                f"architecture={architecture.__name__} is a class. Give an object of it, such as "
                "MLP() or ConvNet(image_shape=(28, 28))."
            )
        n_features = self.n_features_in_
        encoder = check_network(
            architecture.make_encoder(n_features, n_outputs),
            n_features,
            n_outputs,
            f"encoder (n_components={self.n_components})",
        )
        n_raw = self._n_raw_outputs()
        decoder = architecture.make_decoder(n_inputs, n_raw)
        return self._skip_zeros(encoder), check_network(decoder, n_inputs, n_raw, "decoder")

    def _skip_zeros(self, encoder):
        """Let its first layer pass over zeros, where nearly all of the values that it sees are."""
        n_zeros = self._start.statistics.zero_share().sum()
        n_features = self.n_features_in_
        if n_features < MIN_FEATURES_OF_ZEROS or n_zeros < MIN_ZERO_SHARE * n_features:
            return encoder
        return skip_zeros(encoder, self.scaling_(torch.zeros(1, n_features))[0])

    def _make_target(self, columns):
        return Target(self._needs_unit_interval(), columns)

    def _needs_unit_interval(self):
        """The parameter that needs X in [0, 1], as text, or None."""
        cost = getattr(self, self._cost)
        if cost in LINKS:
            return f"{self._cost}={cost!r}"
        if self.output_activation == "logistic":
            return "output_activation='logistic'"
        return None

    def _make_scaling(self, statistics, target):
        if target.unit is not None:
            return Scaling(np.zeros_like(statistics.mean), 1.0)
        scaling = super()._make_scaling(statistics, target)
        bounds = statistics.bounds(MIN_BOUND_SHARE, MIN_BOUND_ROWS)
        if self.output_activation == "auto" and np.isfinite(bounds).any():
            scaling.bounds = bounds
        return scaling

    def _make_outputs(self):
        """What ends the decoder, within the loss, and the link, after it; None is the identity."""
        cost, mean = getattr(self, self._cost), self._start.statistics.mean
        if cost in LINKS:
            if self.output_activation == "identity":
                raise ValueError(
                    f"output_activation='identity' does not go with {self._cost}={cost!r}, which "
                    "compares probabilities. Use 'auto' or 'logistic'."
                )
            return logistic_offset(mean), nn.Sigmoid()
        if self.output_activation == "logistic":
            return nn.Sequential(logistic_offset(mean), nn.Sigmoid()), None
        if self.scaling_.bounds is None:
            return None, None
        return Bounded(*(self.scaling_(torch.from_numpy(b)) for b in self.scaling_.bounds)), None

    def _make_parts(self, n_outputs, n_inputs):
        """The encoder, the decoder with what ends it within the loss, and the link."""
        encoder, decoder = self._make_networks(n_outputs, n_inputs)
        output, link = self._make_outputs()
        return encoder, decoder if output is None else nn.Sequential(decoder, output), link
