"""Torch modules alone: what they compute from given weights."""

import torch
from torch import nn

from skae.modules import EncoderClassifier, LinearPlusNetwork
from skae.objectives import Classification


def affine(weight, bias):
    layer = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def test_a_linear_function_and_a_network_are_added():
    network = nn.Sequential(nn.Linear(2, 1))
    module = LinearPlusNetwork(torch.tensor([[1.0, 2.0]]), torch.tensor([3.0]), network)
    x = torch.tensor([[1.0, 1.0], [0.0, -1.0]])
    assert module(x).tolist() == [[6.0], [1.0]]
    module.network = affine([[10.0, 0.0]], [100.0])
    assert module(x).tolist() == [[116.0], [101.0]]


class Codes(nn.Module):
    """An autoencoder whose codes are the squares of two features."""

    def encode(self, x):
        return x[:, :2].square()


def test_a_classifier_starts_undecided_and_is_linear_in_the_codes():
    module, x = EncoderClassifier(Codes(), 2, 3), torch.tensor([[1.0, -2.0, 9.0]])
    assert module.classify(x).tolist() == [[0.0, 0.0, 0.0]]
    module.head = affine([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 0.0, -7.0])
    assert module.classify(x).tolist() == [[1.0, 4.0, -2.0]]


def test_the_classifiers_objective_is_the_cross_entropy_of_each_row():
    module = EncoderClassifier(Codes(), 2, 3)
    module.head = affine([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 0.0, 0.0])
    x, y = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 2])
    (name, term), *rest = Classification()(module, x, y).items()
    e = torch.tensor(1.0).exp()
    expected = torch.stack([torch.tensor(3.0).log(), (2 / e + 1).log()])
    assert (name, rest) == ("classification", [])
    torch.testing.assert_close(term, expected)
