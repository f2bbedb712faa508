"""The price of codes."""

import math
from types import SimpleNamespace

import pytest
import torch

from skae.objectives import SparseReconstruction


@pytest.mark.parametrize("penalty", ["l1", "kl"])
def test_a_penalty_on_codes_counts_as_much_as_it_weighs(penalty):
    model = SimpleNamespace(encode=lambda x: x, output=torch.zeros_like)
    x = torch.tensor([[0.2, 0.6], [0.6, 1.0]])
    objective = SparseReconstruction(penalty=penalty, alpha=10.0, target=0.4)
    terms = objective(model, x)
    assert terms["reconstruction"].tolist() == pytest.approx([0.2, 0.68])
    of_units = [0.0, 0.4 * math.log(0.4 / 0.8) + 0.6 * math.log(0.6 / 0.2)]
    expected = [4.0, 8.0] if penalty == "l1" else [5 * sum(of_units)] * 2
    assert terms["sparsity"].tolist() == pytest.approx(expected, rel=1e-4)
