"""Encoders, decoders and what is between their outputs and rows, from given weights."""

import numpy as np
import pytest
import torch
from torch import nn

from skae.modules import (
    AdversarialModule,
    Autoencoder,
    Bounded,
    ContractiveModule,
    LinearPlusNetwork,
    Offset,
    logistic_offset,
)

from .layers import affine


def test_a_linear_function_and_a_network_are_added():
    network = nn.Sequential(nn.Linear(2, 1))
    module = LinearPlusNetwork(2, 1, network)
    module.begin_at(torch.tensor([[1.0, 2.0]]), torch.tensor([3.0]))
    x = torch.tensor([[1.0, 1.0], [0.0, -1.0]])
    assert module(x).tolist() == [[6.0], [1.0]]
    module.network = affine([[10.0, 0.0]], [100.0])
    assert module(x).tolist() == [[116.0], [101.0]]


def test_an_offset_is_added_and_starts_a_logistic_function_at_the_mean():
    assert Offset(torch.tensor([1.0, -2.0]))(torch.tensor([[3.0, 3.0]])).tolist() == [[4.0, 1.0]]
    start = logistic_offset(np.array([0.25, 0.0, 1.0]))(torch.zeros(1, 3)).sigmoid()
    torch.testing.assert_close(start, torch.tensor([[0.25, 0.001, 0.999]]))


@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_clipped_but_can_return(training):
    module = Bounded(torch.tensor([0.0, -torch.inf]), torch.tensor([torch.inf, 1.0]))
    output = torch.tensor([[-2.0, -2.0], [2.0, 2.0]], requires_grad=True)
    clipped = module.train(training)(output)
    assert clipped.tolist() == [[0, -2], [2, 1]]
    clipped.square().sum().backward()
    # Of the square it is twice the clipped value, and for inference that of clipping.
    expected = [[0, -4], [4, 2]] if training else [[0, -4], [4, 0]]
    assert output.grad.tolist() == expected


LINKED = {
    "plain": lambda *parts: Autoencoder(*parts),
    "contractive": lambda encoder, *others: ContractiveModule(encoder, nn.Identity(), *others),
    "adversarial": lambda *parts: AdversarialModule(*parts, None, None),
}


@pytest.mark.parametrize("name", LINKED)
def test_the_link_is_for_reconstructions_only(name):
    module = LINKED[name](nn.Identity(), affine([[2.0]], [1.0]), nn.Sigmoid())
    z = torch.tensor([[-0.5], [0.0]])
    assert module.output(z).tolist() == [[0.0], [1.0]]
    torch.testing.assert_close(module.decode(z), torch.tensor([[0.0], [1.0]]).sigmoid())
