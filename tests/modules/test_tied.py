"""Decoders that use the weights of the encoder."""

import itertools

import pytest
import torch
from torch import nn

from skae.modules import TiedLinear, tie_weights


def layers(*widths):
    return [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        (layers(4, 3, 2), layers(2, 4)),  # fewer
        (layers(4, 2), layers(2, 3, 4)),  # more
        (layers(4, 3, 2), layers(2, 4, 4)),  # of other widths
        ([*layers(4, 2), nn.LayerNorm(2)], layers(2, 4)),  # with weights that have no counterpart
        (layers(4, 2), [*layers(2, 4), nn.LayerNorm(4)]),
        ([nn.Identity()], [nn.Identity()]),
    ],
)
def test_networks_that_do_not_mirror_each_other_are_left_alone(encoder, decoder):
    encoder, decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
    before = list(decoder)
    assert tie_weights(encoder, decoder) is False
    assert list(decoder) == before


def test_one_layer_is_tied_as_well():
    encoder, decoder = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 3))
    assert tie_weights(encoder, decoder) is True
    assert isinstance(decoder[0], TiedLinear)
    assert decoder[0].source == (encoder,)


def test_tied_layers_use_the_weights_of_the_encoder_and_biases_of_their_own():
    encoder, decoder = nn.Sequential(*layers(4, 3, 2)), nn.Sequential(*layers(2, 3, 4))
    biases = [layer.bias for layer in decoder]
    assert tie_weights(encoder, decoder) is True
    z = torch.tensor([[1.0, -2.0]])
    expected = (z @ encoder[1].weight + biases[0]) @ encoder[0].weight + biases[1]
    torch.testing.assert_close(decoder(z), expected)
    assert [id(p) for p in decoder.parameters()] == [id(bias) for bias in biases]
