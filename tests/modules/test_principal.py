"""The linear map between an encoder and its decoder."""

import torch
from torch import nn

from skae.modules import Autoencoder, LinearCodes

MEAN = torch.tensor([1.0, -2.0])
MATRIX = torch.tensor([[2.0, 1.0], [0.0, 4.0]])


def mapped():
    codes = LinearCodes()
    codes.set(MEAN, MATRIX, torch.linalg.inv(MATRIX))
    return codes


def test_a_code_is_mapped_and_the_decoder_is_given_what_the_encoder_gave():
    model = Autoencoder(nn.Identity(), nn.Identity())
    z = torch.tensor([[1.0, -2.0], [2.0, -2.0], [1.0, -1.0]])
    assert model.encode(z) is z
    model.principal = mapped()
    expected = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 4.0]])
    torch.testing.assert_close(model.encode(z), expected)
    torch.testing.assert_close(model.output(model.encode(z)), z)
    model.principal.forget()
    assert model.encode(z) is z
    assert model.output(z) is z


def test_the_map_lies_in_memory_as_that_of_a_copy():
    codes = LinearCodes()
    codes.set(MEAN, MATRIX.T, torch.linalg.inv(MATRIX).T)
    assert all(value.is_contiguous() for value in codes.buffers())


def test_a_state_has_the_map_and_one_of_before_has_none():
    codes = LinearCodes()
    codes.load_state_dict(mapped().state_dict())
    z = torch.ones(3, 2)
    torch.testing.assert_close(codes(z), mapped()(z))
    codes.load_state_dict({})
    assert codes(z) is z
