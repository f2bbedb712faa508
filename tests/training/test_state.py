"""A net goes back to where it was, and out of its arrays."""

import torch

from skae._training.state import restore, snapshot
from skae._training.trainer import train

from .nets import make_model, net_of, rows


def test_a_restored_net_goes_on_as_if_nothing_had_happened():
    nets = []
    for disturbed in (False, True):
        net = net_of(make_model())
        torch.manual_seed(1)
        train(net, rows(), lr=0.01, max_epochs=2, learning_rate="constant")
        state = snapshot(net)
        if disturbed:
            train(net, rows(), lr=1.0, max_epochs=2, learning_rate="annealed")
            restore(net, state)
        torch.manual_seed(2)
        train(net, rows(), lr=0.01, max_epochs=2, learning_rate="constant")
        nets.append(net)
    assert nets[0].history[:, "train_loss"] == nets[1].history[:, "train_loss"]
