"""Multilayer perceptrons."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from torch import nn

from skae._documented import Documented, public
from skae.architectures._activations import dense_layers


def layer_sizes(hidden_layer_sizes):
    """The widths as a tuple; a single number is one layer. Raises ValueError below 1."""
    sizes = tuple(hidden_layer_sizes) if np.iterable(hidden_layer_sizes) else (hidden_layer_sizes,)
    if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes={hidden_layer_sizes!r} must be positive integers, one for each "
            "layer: each needs at least one unit. Use an empty tuple for no hidden layer."
        )
    return sizes


@public
class MLP(Documented, BaseEstimator):
    """Fully connected layers; the decoder mirrors the encoder.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Widths of the encoder's hidden layers, from the data to the code.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    dropout : float, default=0.0
        The share of the hidden units that is dropped in training.

    See Also
    --------
    ConvNet : Convolutions, for images.
    TorchArchitecture : Torch modules of your own.

    Examples
    --------
    >>> from skae.architectures import MLP
    >>> MLP((32,), activation="relu").make_encoder(64, 2)
    Sequential(
      (0): Linear(in_features=64, out_features=32, bias=True)
      (1): ReLU()
      (2): Linear(in_features=32, out_features=2, bias=True)
    )
    """

    def __init__(self, hidden_layer_sizes=(256, 128), activation="silu", dropout=0.0):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout

    def make_encoder(self, n_features, n_outputs):
        """Build the encoder.

        Parameters
        ----------
        n_features, n_outputs : int
            Widths of its input and output.

        Returns
        -------
        nn.Module
            (batch, n_features) -> (batch, n_outputs).
        """
        sizes = (n_features, *layer_sizes(self.hidden_layer_sizes), n_outputs)
        return nn.Sequential(*dense_layers(sizes, self.activation, self.dropout))

    def make_decoder(self, n_inputs, n_features):
        """Build the decoder.

        Parameters
        ----------
        n_inputs, n_features : int
            Widths of its input and output.

        Returns
        -------
        nn.Module
            (batch, n_inputs) -> (batch, n_features).
        """
        sizes = (n_inputs, *layer_sizes(self.hidden_layer_sizes)[::-1], n_features)
        return nn.Sequential(*dense_layers(sizes, self.activation, self.dropout))
