"""Rows with and without labels in one batch."""

import torch

from skae.objectives._semi_supervised import of_labelled, of_plain


def test_terms_of_some_rows_have_their_mean_over_all():
    assert of_plain(torch.tensor([1.0, 3.0]), 4).tolist() == [2, 6, 0, 0]
    assert of_labelled(torch.tensor([1.0, 3.0]), 4).tolist() == [0, 0, 2, 6]
    assert of_labelled(torch.tensor([5.0]), 3).tolist() == [0, 0, 15]
    assert of_labelled(torch.zeros(0), 3).tolist() == [0, 0, 0]
