"""Torch modules alone: what they compute from given weights."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from skae.modules import (
    AdversarialModule,
    Autoencoder,
    Bounded,
    ContractiveModule,
    EncoderClassifier,
    LinearPlusNetwork,
    Offset,
    TiedLinear,
    VariationalAutoencoder,
    logistic_offset,
    tie_weights,
)
from skae.modules._conditional import tell
from skae.objectives import Classification


def affine(weight, bias):
    layer = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def test_a_linear_function_and_a_network_are_added():
    network = nn.Sequential(nn.Linear(2, 1))
    module = LinearPlusNetwork(2, 1, network)
    module.begin_at(torch.tensor([[1.0, 2.0]]), torch.tensor([3.0]))
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


def test_reconstructions_of_a_class_are_decoded_as_that_class():
    decoder = affine([[1.0, 10.0, 20.0]], [0.0])
    module = AdversarialModule(nn.Identity(), decoder, nn.Identity(), None, None, 2)
    assert module.decode(torch.zeros(3, 1), torch.tensor([0, 1, -1])).tolist() == [[10], [20], [0]]


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


def test_classes_are_told_as_columns():
    z = torch.tensor([[7.0], [8.0], [9.0]], dtype=torch.float64)
    found = tell(z, torch.tensor([1, -1, 0]), 2)
    assert found.tolist() == [[7, 0, 1], [8, 0, 0], [9, 1, 0]]
    assert found.dtype == torch.float64
    assert tell(z, None, 2).tolist() == [[7, 0, 0], [8, 0, 0], [9, 0, 0]]
    assert tell(z, torch.tensor([1, -1, 0]), 0) is z


def test_log_variances_are_kept_where_their_exponentials_are_finite():
    module = VariationalAutoencoder(nn.Identity(), nn.Identity())
    codes = torch.tensor([[1e4, -1e4, 3.0, 1e4, -1e4, 4.0], [0.0, 0.0, 0.0, 2.0, -2.0, 0.0]])
    mean, log_var = module.posterior(codes)
    assert mean.tolist() == [[1e4, -1e4, 3], [0, 0, 0]]
    assert log_var.tolist() == [[30, -30, 4], [2, -2, 0]]
    assert module.encode(codes).tolist() == mean.tolist()
