"""The objective of a clustering by mutual information."""

import pytest
import torch
from torch.nn import functional

from skae.modules import ClusterNetwork
from skae.objectives import MutualInformation
from skae.objectives._mutual_information import nearest


def test_terms_against_their_definition():
    torch.manual_seed(0)
    module, x = ClusterNetwork((4, 6, 3), "relu"), torch.randn(40, 4)
    torch.nn.init.normal_(module.last.weight)
    module.shares.copy_(torch.tensor([0.5, 0.3, 0.2]))
    module.reach.fill_(0.0)
    terms = MutualInformation()(module, x)
    p = module.log_probabilities(x).exp()
    entropy = torch.distributions.Categorical(p).entropy()
    torch.testing.assert_close(terms["ambiguity"], 0.1 * entropy)
    mean = p.mean(dim=0)
    imbalance = functional.kl_div(module.shares.log(), mean, reduction="sum")
    torch.testing.assert_close(terms["imbalance"], (0.4 * imbalance).expand(40))
    assert terms["smoothness"].abs().max() < 1e-6
    module.reach.fill_(1.0)
    assert MutualInformation()(module, x)["smoothness"].mean() > 0.01


def test_the_nearest_other_row():
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0], [0.0, 0.0]])
    assert nearest(x)[:, 0].tolist() == pytest.approx([5, 1, 1, 5])
    assert nearest(x[[0, 3]])[:, 0].tolist() == [0, 0]
