"""The price of the encoder's Jacobian."""

from types import SimpleNamespace

import torch

from skae.objectives import ContractiveReconstruction


def test_the_contraction_counts_for_each_feature():
    model = SimpleNamespace(sensitivity=lambda x: (x, x.sum(dim=1)), output=torch.zeros_like)
    terms = ContractiveReconstruction(alpha=3.0)(model, torch.tensor([[1.0, 3.0]]))
    assert {name: term.tolist() for name, term in terms.items()} == {
        "reconstruction": [5.0],
        "contraction": [6.0],
    }
