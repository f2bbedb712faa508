"""A linear classifier on codes."""

import torch

from skae.modules import EncoderClassifier

from .layers import Codes, affine


def test_a_classifier_starts_undecided_and_is_linear_in_the_codes():
    module, x = EncoderClassifier(Codes(), 2, 3), torch.tensor([[1.0, -2.0, 9.0]])
    assert module.classify(x).tolist() == [[0.0, 0.0, 0.0]]
    module.head = affine([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 0.0, -7.0])
    assert module.classify(x).tolist() == [[1.0, 4.0, -2.0]]
