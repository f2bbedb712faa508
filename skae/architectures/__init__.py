"""Networks for encoders and decoders, as searchable settings.

An architecture is a `sklearn.base.BaseEstimator` with two methods::

    make_encoder(n_features, n_outputs) -> nn.Module   # (batch, n_features) -> (batch, n_outputs)
    make_decoder(n_inputs, n_features) -> nn.Module    # (batch, n_inputs) -> (batch, n_features)

Any object of that form can be given as `architecture`.
"""

from skae.architectures._conv import ConvNet
from skae.architectures._mlp import MLP
from skae.architectures._torch import TorchArchitecture

__all__ = ["MLP", "ConvNet", "TorchArchitecture"]
