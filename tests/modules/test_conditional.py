"""Codes with the class beside them."""

import torch
from torch import nn

from skae.modules import (
    AdversarialClassifierModule,
    AdversarialModule,
    VariationalAutoencoder,
)
from skae.modules._conditional import tell

from .layers import affine


def test_reconstructions_of_a_class_are_decoded_as_that_class():
    decoder = affine([[1.0, 10.0, 20.0]], [0.0])
    module = AdversarialModule(nn.Identity(), decoder, nn.Identity(), None, None, 2)
    assert module.decode(torch.zeros(3, 1), torch.tensor([0, 1, -1])).tolist() == [[10], [20], [0]]


def test_classes_are_told_as_columns():
    z = torch.tensor([[7.0], [8.0], [9.0]], dtype=torch.float64)
    found = tell(z, torch.tensor([1, -1, 0]), 2)
    assert found.tolist() == [[7, 0, 1], [8, 0, 0], [9, 1, 0]]
    assert found.dtype == torch.float64
    assert tell(z, None, 2).tolist() == [[7, 0, 0], [8, 0, 0], [9, 0, 0]]
    assert tell(z, torch.tensor([1, -1, 0]), 0) is z


def test_the_prior_of_the_classes_may_change():
    none, old, new = nn.Identity(), torch.tensor([0.5, 0.5]), torch.tensor([0.2, 0.8])
    told = VariationalAutoencoder(none, none, None, old)
    told.set_class_shares(new)
    torch.testing.assert_close(told.log_shares.exp(), new)
    game = AdversarialClassifierModule(none, none, none, old, 0.0, none, none, none, None, 2)
    game.set_class_shares(new)
    torch.testing.assert_close(game.class_shares, new)
