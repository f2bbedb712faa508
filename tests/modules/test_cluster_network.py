"""The network of a clustering."""

import torch
from torch import nn

from skae.modules import ClusterNetwork


def made():
    torch.manual_seed(0)
    network = ClusterNetwork((4, 6, 5, 3), "relu")
    nn.init.normal_(network.last.weight)
    return network


def test_each_pass_is_normalized_over_its_own_rows_and_the_noted_ones_are_remembered():
    network, x = made(), 5 + torch.randn(50, 4)
    before = network.norms[0].running_mean.clone()
    moved = network.log_probabilities(x + 100)
    torch.testing.assert_close(network.norms[0].running_mean, before)
    noted = network.log_probabilities(x, noted=True)
    torch.testing.assert_close(network.log_probabilities(x), noted)
    # Of rows that are all moved alike nothing is seen.
    torch.testing.assert_close(moved, noted, atol=1e-3, rtol=1e-3)
    mean = network.layers[0](x).mean(dim=0)
    torch.testing.assert_close(network.norms[0].running_mean, 0.9 * before + 0.1 * mean)


def test_inference_takes_rows_alone():
    network, x = made(), torch.randn(50, 4)
    for _ in range(200):
        network.log_probabilities(x, noted=True)
    trained = network.log_probabilities(x).exp()
    network.eval()
    alone = torch.cat([network.log_probabilities(row) for row in x.split(1)]).exp()
    # The spread that is remembered is that of 50 of 49 parts.
    torch.testing.assert_close(alone, trained, atol=0.02, rtol=0)
    torch.testing.assert_close(network.classify(x).softmax(dim=1), alone)
    torch.testing.assert_close(network.encode(x).exp(), alone)
