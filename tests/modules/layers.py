"""Layers with weights that are given."""

import torch
from torch import nn


def affine(weight, bias):
    layer = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


class Codes(nn.Module):
    """An autoencoder whose codes are the squares of two features."""

    def encode(self, x):
        return x[:, :2].square()
