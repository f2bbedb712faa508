"""From rows in units of X to what the verbs give, and back, from given weights."""

import numpy as np
import pytest
import torch
from torch import nn

from skae._rows.scaling import Scaling
from skae.modules._export import FromCodes, FromRows


class Model(nn.Module):
    """The sum of a row; codes tenfold, plus hundred times the class; logits of three classes."""

    def encode(self, x):
        return x.sum(dim=1, keepdim=True)

    def decode(self, z, y=None):
        rows = torch.cat([10 * z, 20 * z], dim=1)
        return rows if y is None else rows + 100 * y[:, None]

    def classify(self, x):
        return torch.cat([2 * x, torch.ones(len(x), 1)], dim=1).log()


# Standardized they are (1, 2) and (3, 1).
ROWS = torch.tensor([[7.0, 11.0], [11.0, 9.0]])
SCALING = Scaling(np.array([5.0, 7.0]), 2.0)
CODES = torch.tensor([[3.0], [4.0]])
ORIGINAL = torch.tensor([[65.0, 127.0], [85.0, 167.0]])
PROBABILITIES = torch.tensor([[2.0, 4.0, 1.0], [6.0, 2.0, 1.0]]) / torch.tensor([[7.0], [9.0]])
EXPECTED = {
    "codes": CODES,
    "X_original": ORIGINAL,
    "probabilities": PROBABILITIES,
    "labels": torch.tensor([2, 1]),
}


@pytest.mark.parametrize(
    "outputs",
    [["codes"], ["codes", "X_original"], ["probabilities"], ["codes", "probabilities", "labels"]],
)
def test_rows_give_what_is_asked_for_in_units_of_them(outputs):
    # Which class of the module comes first, second and third.
    order = torch.tensor([2, 0, 1]) if "labels" in outputs else None
    module = FromRows(Model(), SCALING, outputs, order)
    found = module(ROWS)
    found = found if len(outputs) > 1 else (found,)
    expected = EXPECTED
    if order is not None:
        expected = EXPECTED | {"probabilities": PROBABILITIES[:, order]}
    for name, values in zip(outputs, found, strict=True):
        torch.testing.assert_close(values, expected[name])
    examples = module.examples()
    assert {name: values.shape for name, values in examples.items()} == {"X": (3, 2)}


@pytest.mark.parametrize("order", [None, [1, 2, 0]])
@pytest.mark.parametrize("is_told", [False, True])
def test_codes_give_rows_of_their_classes(is_told, order):
    """Which are numbers of the module's own, or places in an order of those."""
    order = None if order is None or not is_told else torch.tensor(order)
    module = FromCodes(Model(), SCALING, 1, is_told, order)
    y = torch.tensor([0, 2])
    told = y if order is None else order[y]
    expected = ORIGINAL + 200 * told[:, None] if is_told else ORIGINAL
    torch.testing.assert_close(module(CODES, *([y] if is_told else [])), expected)
    assert module.outputs == ["X_original"]
    examples = module.examples()
    assert list(examples) == ["codes", "y"][: 1 + is_told]
    assert examples["codes"].shape == (3, 1)
    assert not is_told or (examples["y"].shape, examples["y"].dtype) == ((3,), torch.int64)
