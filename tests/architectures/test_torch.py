"""Torch modules of the user's own."""

import pytest
from torch import nn

from skae import AutoencoderTransformer, VAETransformer
from skae.architectures import TorchArchitecture


def deep(n_inputs, n_outputs, depth=1):
    layers = [nn.Linear(n_inputs, n_inputs) for _ in range(depth)]
    return nn.Sequential(*layers, nn.Linear(n_inputs, n_outputs))


def too_wide(n_inputs, n_outputs):
    return nn.Linear(n_inputs, n_outputs + 1)


def test_factories_get_the_widths_and_their_params(digits):
    architecture = TorchArchitecture(deep, nn.Linear, encoder_params={"depth": 3})
    model = VAETransformer(5, architecture=architecture, max_iter=1).fit(digits)
    assert len(model.module_.encoder) == 4
    assert model.module_.encoder[-1].out_features == 10
    assert model.transform(digits).shape == (400, 5)


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize(
    ("factory", "error", "message"),
    [
        (too_wide, ValueError, "must be"),
        (nn.Linear(2, 2), TypeError, "new torch module"),
        (lambda n_inputs, n_outputs: "net", TypeError, "'net'"),
        ("Linear", TypeError, "class or a function"),
    ],
    ids=["width", "instance", "text from a function", "text"],
)
def test_a_wrong_part_is_named(part, factory, error, message, digits):
    architecture = TorchArchitecture(**{"encoder": nn.Linear, "decoder": nn.Linear, part: factory})
    with pytest.raises(error, match=message) as caught:
        AutoencoderTransformer(architecture=architecture).fit(digits)
    assert part in str(caught.value)
