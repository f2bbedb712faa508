"""Fully connected networks."""

import pytest
from torch import nn

from skae.architectures import MLP


def widths(network):
    return [
        (layer.in_features, layer.out_features) for layer in network if isinstance(layer, nn.Linear)
    ]


@pytest.mark.parametrize("hidden", [(), (8,), (8, 4), 8, [8, 4]])
def test_the_decoder_mirrors_the_encoder(hidden):
    architecture = MLP(hidden)
    encoder = widths(architecture.make_encoder(10, 2))
    decoder = widths(architecture.make_decoder(2, 10))
    assert encoder[0][0] == 10
    assert encoder[-1][1] == 2
    assert decoder == [(out, n_in) for n_in, out in encoder[::-1]]


@pytest.mark.parametrize("hidden", [(0,), (8, -1), 0, (8.0,), (16.5,), ((3, 4),)])
def test_empty_layers_are_refused(hidden):
    with pytest.raises(ValueError, match="at least one unit"):
        MLP(hidden).make_encoder(10, 2)
