"""Activations by name, and the layers between them."""

import pytest
import torch
from sklearn.neural_network._base import ACTIVATIONS as OF_SKLEARN

from skae.architectures._activations import ACTIVATIONS, dense_layers, make_activation


@pytest.mark.parametrize("name", ["identity", "logistic", "relu", "tanh"])
def test_names_mean_what_they_mean_in_scikit_learn(name):
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    expected = x.numpy().copy()
    OF_SKLEARN[name](expected)
    torch.testing.assert_close(make_activation(name)(x), torch.from_numpy(expected))


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match="activation='step' is unknown") as caught:
        make_activation("step")
    assert all(name in str(caught.value) for name in ACTIVATIONS)


@pytest.mark.parametrize(("dropout", "expected"), [(0, "LSLSL"), (0.5, "LSDLSDL")])
def test_nothing_follows_the_last_layer(dropout, expected):
    layers = dense_layers((5, 4, 3, 2), "silu", dropout)
    assert "".join(type(layer).__name__[0] for layer in layers) == expected
