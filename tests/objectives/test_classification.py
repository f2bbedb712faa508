"""The objective of a classifier all of whose rows have labels."""

import torch

from skae.modules import EncoderClassifier
from skae.objectives import Classification

from ..modules.layers import Codes, affine


def test_the_classifiers_objective_is_the_cross_entropy_of_each_row():
    module = EncoderClassifier(Codes(), 2, 3)
    module.head = affine([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 0.0, 0.0])
    x, y = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 2])
    (name, term), *rest = Classification()(module, x, y).items()
    e = torch.tensor(1.0).exp()
    expected = torch.stack([torch.tensor(3.0).log(), (2 / e + 1).log()])
    assert (name, rest) == ("classification", [])
    torch.testing.assert_close(term, expected)
