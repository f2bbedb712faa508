"""The networks of an autoencoder: their widths, and what ends them."""

import numpy as np
import pytest
import torch
from torch import nn

from skae import AutoencoderTransformer, VAETransformer
from skae.architectures import TorchArchitecture
from skae.modules import Bounded

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}
X = np.random.default_rng(0).uniform(0.1, 0.9, size=(60, 5))


def end_of(model):
    """What stands behind the decoder's last layer, within the loss."""
    decoder = model.module_.decoder
    return list(decoder.children())[-1] if isinstance(decoder, nn.Sequential) else None


def test_bounds_that_many_rows_share_end_the_decoder():
    heaped = X.copy()
    heaped[:20, 2] = 0.9
    for model in (AutoencoderTransformer(2, **QUICK), VAETransformer(2, **QUICK)):
        bounds = end_of(model.fit(heaped))
        assert isinstance(bounds, Bounded)
        assert torch.isfinite(bounds.high).tolist() == [False, False, True, False, False]
        free = model.set_params(output_activation="identity").fit(heaped)
        assert not isinstance(end_of(free), Bounded)


def test_logistic_outputs_start_at_the_means():
    model = AutoencoderTransformer(2, loss="log_loss", **{**QUICK, "max_iter": 1}).fit(X)
    offset = end_of(model).offset
    np.testing.assert_allclose(torch.sigmoid(offset), X.mean(axis=0), rtol=1e-5)
    assert isinstance(model.module_.link, nn.Sigmoid)


def test_networks_of_another_width_are_refused():
    class Narrow(TorchArchitecture):
        def make_decoder(self, n_inputs, n_features):
            return nn.Linear(n_inputs, n_features - 1)

    narrow = Narrow(encoder=nn.Linear, decoder=nn.Linear)
    with pytest.raises(ValueError, match="decoder"):
        AutoencoderTransformer(2, architecture=narrow, max_iter=1).fit(X)


def test_an_amount_that_may_be_zero_has_two_outputs():
    amounts = np.where(X < 0.3, 0, np.exp(X))
    model = VAETransformer(2, likelihood="hurdle_lognormal", **QUICK).fit(amounts)
    z = torch.zeros(3, 2)
    assert model.module_.output(z).shape == (3, 10)
    assert model.module_.decode(z).shape == (3, 5)
