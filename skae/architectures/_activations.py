"""Activation functions by name."""

import itertools

from torch import nn

ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


def make_activation(name):
    """A new activation module."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name!r} is unknown. Choose one of {sorted(ACTIVATIONS)}.")
    return ACTIVATIONS[name]()


def dense_layers(sizes, activation, dropout=0.0):
    """Linear layers between `sizes`, with an activation (and dropout) between two of them."""
    layers = []
    for n_inputs, n_outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(n_inputs, n_outputs), make_activation(activation)]
        layers += [nn.Dropout(dropout)] * (dropout > 0)
    return layers[: -1 - (dropout > 0)]
