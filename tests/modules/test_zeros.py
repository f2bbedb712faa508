"""A first layer that does not multiply the zeros of its rows."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from skae.modules import SkipZeros, _zeros, skip_zeros


@pytest.fixture(autouse=True)
def _small_products_count(monkeypatch):
    monkeypatch.setattr(_zeros, "MIN_PRODUCTS", 0)


def rows(n_filled=50, dtype=torch.float64, shape=(20, 100)):
    """Standardized rows, the last of which and the last columns were all zero, and their zero."""
    generator = torch.Generator().manual_seed(0)
    zero = torch.randn(shape[1], generator=generator)
    x = zero.repeat(shape[0], 1)
    places = torch.randperm((shape[0] - 1) * (shape[1] - 5), generator=generator)[:n_filled]
    x[places // (shape[1] - 5), places % (shape[1] - 5)] += 3.0
    return x.to(dtype), zero


def layers(zero, dtype=torch.float64):
    linear = nn.Linear(len(zero), 7).to(dtype)
    return linear, SkipZeros(linear, zero)


def skips(output):
    return "SparseProduct" in type(output.grad_fn).__name__


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_products_and_gradients_are_those_of_a_linear_layer(dtype, atol):
    x, zero = rows(dtype=dtype)
    linear, sparse = layers(zero, dtype)
    wanted, found = linear(x), sparse(x)
    assert skips(found)
    torch.testing.assert_close(found, wanted, atol=atol, rtol=0)
    slopes = torch.randn_like(wanted)
    wanted = torch.autograd.grad(wanted, (linear.weight, linear.bias), slopes)
    found = torch.autograd.grad(found, (sparse.weight, sparse.bias), slopes)
    torch.testing.assert_close(found, wanted, atol=30 * atol, rtol=0)


def test_a_row_has_the_same_code_whatever_is_beside_it():
    x, zero = rows(dtype=torch.float32)
    _, sparse = layers(zero, torch.float32)
    dense = torch.rand_like(x)
    with torch.no_grad():
        codes = sparse.eval()(x)
        assert torch.equal(codes[:16], sparse(torch.cat([x[:16], dense]))[:16])
        assert torch.equal(codes[:16], sparse(x[:16]))


@pytest.mark.parametrize("case", ["filled", "differentiated", "another zero"])
def test_otherwise_it_is_a_linear_layer(case):
    x, zero = rows(1000 if case == "filled" else 50)
    linear, sparse = layers(zero)
    x.requires_grad_(case == "differentiated")
    if case == "another zero":
        x = x + 1
    output = sparse(x)
    assert not skips(output)
    torch.testing.assert_close(output, linear(x))


# A DeprecationWarning in torch 2.13, a FutureWarning in 2.15.
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace")
def test_a_trace_does_not_depend_on_the_rows_it_was_made_with():
    x, zero = rows()
    linear, sparse = layers(zero)
    torch.testing.assert_close(torch.jit.trace(sparse, x)(x + 1), linear(x + 1))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
def test_transforms_of_torch_see_a_linear_layer():
    x, zero = rows()
    linear, sparse = layers(zero)
    for transformed in (
        lambda layer: torch.func.jvp(layer, (x,), (x,))[1],
        lambda layer: torch.func.vmap(layer)(x[:, None]),
    ):
        torch.testing.assert_close(transformed(sparse), transformed(linear))
    with forward_ad.dual_level():
        twin = sparse(forward_ad.make_dual(x, x))
        torch.testing.assert_close(forward_ad.unpack_dual(twin).tangent, x @ linear.weight.T)


def test_weights_that_are_frozen_have_no_gradient():
    x, zero = rows()
    _, sparse = layers(zero)
    sparse.weight.requires_grad_(False)
    sparse(x).sum().backward()
    assert sparse.weight.grad is None
    assert (sparse.bias.grad == len(x)).all()


def test_only_a_first_linear_layer_with_a_bias_is_replaced():
    zero = torch.zeros(4)
    for first in (nn.Linear(4, 2, bias=False), nn.LayerNorm(4), nn.Sequential(nn.Linear(4, 2))):
        network = nn.Sequential(first, nn.ReLU())
        assert skip_zeros(network, zero)[0] is first
    network = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2))
    names = list(network.state_dict())
    skip_zeros(network, zero)
    assert [type(layer) for layer in network] == [SkipZeros, nn.Linear]
    assert list(network.state_dict()) == names


def test_small_products_are_dense_and_all_without_training(monkeypatch):
    x, zero = rows()
    _, sparse = layers(zero)
    monkeypatch.setattr(_zeros, "MIN_PRODUCTS", x.numel() * 7)
    assert skips(sparse(x))
    assert not skips(sparse(x[:-1]))
    assert not skips(sparse.eval()(x))
