"""The posterior that a network's outputs stand for."""

import torch
from torch import nn

from skae.modules import VariationalAutoencoder


def test_log_variances_are_kept_where_their_exponentials_are_finite():
    module = VariationalAutoencoder(nn.Identity(), nn.Identity())
    codes = torch.tensor([[1e4, -1e4, 3.0, 1e4, -1e4, 4.0], [0.0, 0.0, 0.0, 2.0, -2.0, 0.0]])
    mean, log_var = module.posterior(codes)
    assert mean.tolist() == [[1e4, -1e4, 3], [0, 0, 0]]
    assert log_var.tolist() == [[30, -30, 4], [2, -2, 0]]
    assert module.encode(codes).tolist() == mean.tolist()
