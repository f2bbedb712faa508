"""The contractive autoencoder: its penalty is the norm of the encoder's Jacobian."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skae import ContractiveAutoencoder
from skae.architectures import MLP, ConvNet, TorchArchitecture
from skae.modules import ContractiveModule
from skae.penalties import squared_jacobian_norm

QUICK = {"max_iter": 5, "random_state": 0}


def jacobian_norm(module, x):
    """By automatic differentiation, row by row."""
    jacobians = [torch.func.jacrev(lambda row: module.encode(row[None])[0])(row) for row in x]
    return torch.stack(jacobians).square().sum(dim=(1, 2))


@pytest.mark.parametrize("code_activation", ["logistic", "tanh", "identity"])
def test_the_penalty_of_one_layer_is_exact(code_activation, digits):
    model = ContractiveAutoencoder(30, code_activation=code_activation, **QUICK).fit(digits)
    x = model.scaling_(torch.from_numpy(digits[:20]))
    z, norm = model.module_.sensitivity(x)
    torch.testing.assert_close(norm, jacobian_norm(model.module_, x), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(z.detach(), model.transform(digits[:20]), rtol=1e-4, atol=1e-5)
    terms = model.net_.module_.objective(model.module_, x)
    torch.testing.assert_close(terms["contraction"], norm / 64)


def test_the_penalty_of_several_layers_is_estimated_without_bias(digits):
    model = ContractiveAutoencoder(8, hidden_layer_sizes=(16,), **QUICK).fit(digits)
    x = model.scaling_(torch.from_numpy(digits[:3]))
    torch.manual_seed(0)
    z, norm = squared_jacobian_norm(model.module_.encode, x.repeat(20_000, 1))
    norms = norm.view(-1, 3)
    assert not torch.equal(norms[0], norms[1])
    expected = jacobian_norm(model.module_, x)
    assert ((norms.mean(dim=0) - expected).abs() < 4 * norms.std(dim=0) / 20_000**0.5).all()
    torch.testing.assert_close(z[:3], model.module_.encode(x))


@pytest.mark.parametrize("hidden_layer_sizes", [(), (32,)])
def test_codes_move_less_the_more_it_costs(hidden_layer_sizes, digits):
    noise = np.random.default_rng(0).normal(0, 0.5, digits.shape)
    moved = []
    for alpha in (0.0, 3.0, 30.0):
        model = ContractiveAutoencoder(
            40, alpha=alpha, hidden_layer_sizes=hidden_layer_sizes, max_iter=15, random_state=0
        ).fit(digits)
        moved.append(np.square(model.transform(digits + noise) - model.transform(digits)).sum())
    assert moved[0] > 1.3 * moved[1] > 1.3**2 * moved[2]


def test_the_penalty_has_a_gradient_where_it_is_an_estimate(digits):
    model = ContractiveAutoencoder(8, hidden_layer_sizes=(16,), **QUICK).fit(digits)
    x = model.scaling_(torch.from_numpy(digits[:5]))
    _, norm = model.module_.sensitivity(x)
    norm.sum().backward()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in model.module_.encoder[0][::2])


@pytest.mark.parametrize("architecture", [None, MLP((16, 12))], ids=repr)
def test_tied_weights_stay_tied(architecture, digits):
    model = ContractiveAutoencoder(8, architecture=architecture, **QUICK).fit(digits)
    for one in (model, pickle.loads(pickle.dumps(model))):
        encoder, decoder = one.module_.encoder[0], one.module_.decoder
        layers = [layer for layer in decoder.modules() if hasattr(layer, "bias")]
        for down, up in zip(layers, list(encoder)[::-2], strict=True):
            expected = torch.eye(up.weight.shape[0]) @ up.weight + down.bias
            torch.testing.assert_close(down(torch.eye(up.weight.shape[0])), expected)
    n_free = sum(p.numel() for p in model.module_.parameters())
    free = ContractiveAutoencoder(8, architecture=architecture, tied_weights=False, **QUICK)
    n_tied_weights = sum(layer.weight.numel() for layer in list(encoder)[::2])
    assert sum(p.numel() for p in free.fit(digits).module_.parameters()) == n_free + n_tied_weights


class Scaled(nn.Module):
    """One layer, and what no one sees who only counts layers."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.linear = nn.Linear(n_features, n_outputs)

    def forward(self, x):
        return 3 * self.linear(x).relu()


def test_only_a_plain_layer_has_a_closed_form(digits):
    model = ContractiveAutoencoder(8, architecture=TorchArchitecture(Scaled, nn.Linear), **QUICK)
    module, x = model.fit(digits).module_, torch.rand(4, 64)
    estimates = torch.stack([module.sensitivity(x)[1].detach() for _ in range(2000)]).mean(dim=0)
    torch.testing.assert_close(estimates, jacobian_norm(module, x), rtol=0.2, atol=1e-6)


class Renamed(nn.Linear):
    """A layer that may do something else."""


@pytest.mark.parametrize(
    ("encoder", "is_one_layer"),
    [
        (nn.Linear(3, 2), True),
        (nn.Sequential(nn.Linear(3, 2)), True),
        (Renamed(3, 2), False),
        (nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)), False),
        (nn.Sequential(nn.Linear(3, 2), nn.Tanh()), False),
        (nn.Sequential(nn.Sequential(nn.Linear(3, 2))), False),
    ],
    ids=["layer", "only layer", "renamed", "two layers", "layer and function", "nested"],
)
@pytest.mark.parametrize("code", [nn.Sigmoid(), nn.Tanh(), nn.Identity()], ids=str)
def test_what_is_one_layer_has_the_norm_of_its_jacobian(encoder, code, is_one_layer):
    module = ContractiveModule(encoder, code, nn.Linear(2, 3))
    assert module.is_one_layer == is_one_layer
    x = torch.randn(4, 3)
    z, norm = module.sensitivity(x)
    torch.testing.assert_close(z, module.encode(x))
    assert (norm.shape, norm.requires_grad) == ((4,), True)
    if is_one_layer:
        torch.testing.assert_close(norm, jacobian_norm(module, x))


def test_weights_that_can_not_be_tied_are_refused(digits):
    convolutions = ConvNet((8, 8))
    model = ContractiveAutoencoder(8, architecture=convolutions, tied_weights=True, **QUICK)
    with pytest.raises(ValueError, match="tied_weights=True needs"):
        model.fit(digits)
    for tied_weights in ("auto", False):
        model.set_params(tied_weights=tied_weights).fit(digits)
