"""The loss of a reconstruction."""

from types import SimpleNamespace

import pytest
import torch

from skae.objectives import Reconstruction


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_nan_is_not_observed_only_where_it_is_allowed(loss):
    model = SimpleNamespace(encode=lambda x: x, output=torch.ones_like)
    x = torch.tensor([[3.0, torch.nan], [3.0, 2.0]])
    expected = {"squared_error": [4.0, 2.5], "absolute_error": [2.0, 1.5]}[loss]
    assert Reconstruction(loss, allow_nan=True)(model, x)["reconstruction"].tolist() == expected
    strict = Reconstruction(loss)(model, x)["reconstruction"]
    assert strict[0].isnan()
    assert strict[1] == expected[1]
