"""The plain autoencoder: better than PCA, and its modules."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn

from skae import AutoencoderTransformer
from skae.losses import LOSSES
from skae.metrics import explained_variance
from skae.modules import Autoencoder, Bounded, LinearPlusNetwork, logistic_offset
from skae.objectives import Reconstruction


def test_default_is_better_than_pca_on_held_out_digits():
    X, _ = load_digits(return_X_y=True)
    train, test = X[::2], X[1::2]
    autoencoder = AutoencoderTransformer(8, max_iter=20, random_state=0).fit(train)
    pca = PCA(8).fit(train)
    assert explained_variance(autoencoder, test) > explained_variance(pca, test) + 0.05


@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_compares_rows_with_raw_outputs(loss):
    model = Autoencoder(nn.Linear(3, 2), nn.Linear(2, 3), nn.Sigmoid())
    x = torch.rand(5, 3)
    found = Reconstruction(loss)(model, x)
    expected = LOSSES[loss](x, model.decode(model.encode(x)).logit())
    assert set(found) == {"reconstruction"}
    torch.testing.assert_close(found["reconstruction"], expected, rtol=1e-4, atol=1e-4)


def test_a_linear_map_plus_a_network_starts_as_the_linear_map():
    weight, bias, x = torch.randn(2, 4), torch.randn(2), torch.randn(6, 4)
    network = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    module = LinearPlusNetwork(4, 2, network)
    assert not module(x).any()
    module.begin_at(weight, bias)
    torch.testing.assert_close(module(x), x @ weight.T + bias)
    module(x).square().sum().backward()
    assert network[-1].weight.grad.any()  # it can leave the start


def test_bounds_clip_values_and_let_gradients_return():
    low, high = torch.tensor([0.0, -torch.inf]), torch.tensor([1.0, torch.inf])
    bounded = Bounded(low, high)
    output = torch.tensor([[-3.0, -3.0], [0.5, 2.0], [7.0, 9.0]], requires_grad=True)
    expected = torch.tensor([[0.0, -3.0], [0.5, 2.0], [1.0, 9.0]])
    torch.testing.assert_close(bounded(output), expected)
    (gradient,) = torch.autograd.grad(bounded(output).sum(), output)
    assert torch.equal(gradient, torch.ones(3, 2))
    assert torch.equal(bounded.eval()(torch.full((1, 2), -1 / 3)), torch.tensor([[0.0, -1 / 3]]))


def test_logistic_outputs_start_at_the_mean_of_the_data():
    mean = np.array([0.2, 0.9, 0.0, 1.0])
    started = logistic_offset(mean)(torch.zeros(2, 4)).sigmoid()
    np.testing.assert_allclose(started, np.tile([0.2, 0.9, 1e-3, 1 - 1e-3], (2, 1)), rtol=1e-4)


@pytest.mark.parametrize(
    "params",
    [{"loss": "log_loss"}, {"output_activation": "logistic"}, {"output_activation": "auto"}],
    ids=str,
)
def test_a_deep_network_on_dark_pixels_does_not_die(params, unit_digits):
    """Without the offset all logits fall to where the logistic function is flat."""
    dark = unit_digits * (unit_digits > 0.9)
    model = AutoencoderTransformer(
        16,
        hidden_layer_sizes=(512, 512, 512),
        activation="relu",
        init="random",
        learning_rate="constant",
        learning_rate_init=0.003,
        early_stopping=False,
        max_iter=8,
        random_state=0,
        **params,
    ).fit(dark)
    assert explained_variance(model, dark) > 0.1
