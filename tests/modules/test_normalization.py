"""Batch normalization of codes, whatever the number of rows."""

import pytest
import torch

from skae.modules import CodeNorm


@pytest.fixture
def norm():
    norm = CodeNorm(2, momentum=0.5).train()
    norm.running_mean.copy_(torch.tensor([1.0, 3.0]))
    norm.running_var.fill_(4.0)
    torch.nn.init.constant_(norm.weight, 3.0)
    torch.nn.init.constant_(norm.bias, 7.0)
    return norm


def test_many_rows_have_statistics_of_their_own(norm):
    torch.manual_seed(0)
    codes = norm(5 + 2 * torch.randn(1000, 2))
    torch.testing.assert_close(codes.mean(dim=0), torch.full((2,), 7.0))
    torch.testing.assert_close(codes.std(dim=0), torch.full((2,), 3.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(norm.running_mean, torch.tensor([3.0, 4.0]), rtol=0.05, atol=0)


def test_a_row_alone_has_those_of_the_rows_before_it(norm):
    row = torch.tensor([[5.0, 5.0]], requires_grad=True)
    codes = norm(row)
    torch.testing.assert_close(codes, torch.tensor([[13.0, 10.0]]))
    codes.sum().backward()
    torch.testing.assert_close(row.grad, torch.full((1, 2), 1.5))
    torch.testing.assert_close(norm.running_mean, torch.tensor([3.0, 4.0]))
    torch.testing.assert_close(norm.running_var, torch.tensor([10.0, 4.0]))


def test_a_row_alone_is_divided_by_what_keeps_from_zero():
    norm = CodeNorm(1, eps=3.0).train()
    torch.testing.assert_close(norm(torch.tensor([[4.0]])), torch.tensor([[2.0]]))


def test_models_from_before_the_norm_have_their_codes():
    norm, rows = CodeNorm(2).eval(), torch.randn(5, 2)
    norm.load_state_dict({})
    torch.testing.assert_close(norm(rows), rows, rtol=1e-7, atol=1e-7)
