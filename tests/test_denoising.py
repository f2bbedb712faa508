"""The denoising autoencoder: what the noise is, and that it is removed."""

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae.losses import squared_error
from skae.modules import CorruptedAutoencoder, Corruption
from skae.objectives import Denoising

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def test_denoiser_removes_noise_that_a_plain_autoencoder_keeps(digits):
    noisy = digits + np.random.default_rng(0).normal(0, 5, digits.shape)
    params = {**QUICK, "hidden_layer_sizes": (128,), "max_iter": 30}
    denoiser = DenoisingAutoencoder(32, noise_level=5, **params).fit(digits)
    plain = AutoencoderTransformer(32, **params).fit(digits)
    kept = np.mean((plain.inverse_transform(plain.transform(noisy)) - digits) ** 2)
    assert np.mean((denoiser.denoise(noisy) - digits) ** 2) < 0.8 * kept


def test_the_target_is_the_clean_row():
    class Model:
        corrupt = staticmethod(lambda x: x + 100)
        encode = staticmethod(lambda x: x - 100)
        output = staticmethod(lambda z: z)

    x = torch.rand(4, 3)
    terms = Denoising("squared_error")(Model, x)
    torch.testing.assert_close(terms["reconstruction"], squared_error(x, x), atol=1e-8, rtol=0)


BOUNDS = torch.tensor([[0.0, -1.0], [-0.5, -2.0], [1.0, 3.0]])  # zero, low, high


@pytest.mark.parametrize(
    ("noise", "level", "shares"),
    [
        ("masking", 0.3, [0.3, 0, 0, 0.7]),
        ("salt_and_pepper", 0.3, [0, 0.15, 0.15, 0.7]),
        ("masking", 1.0, [1, 0, 0, 0]),
        ("salt_and_pepper", 0.0, [0, 0, 0, 1]),
    ],
)
def test_values_are_replaced_by_those_of_their_feature(noise, level, shares):
    torch.manual_seed(0)
    x = torch.full((20_000, 2), 0.7)
    corrupted = Corruption(noise, level, *BOUNDS, clip=False)(x)
    for value, share in zip((*BOUNDS, x[0]), shares, strict=True):
        assert (corrupted == value).float().mean(dim=0).tolist() == pytest.approx(
            [share] * 2, abs=0.01
        )


@pytest.mark.parametrize("clip", [False, True])
def test_gaussian_noise_has_its_level_and_is_clipped_on_request(clip):
    torch.manual_seed(0)
    corrupted = Corruption("gaussian", 5.0, *BOUNDS, clip=clip)(torch.full((20_000, 2), 0.7))
    if clip:
        torch.testing.assert_close(torch.stack(corrupted.aminmax(dim=0)), BOUNDS[1:])
    else:
        assert corrupted.std(dim=0).tolist() == pytest.approx([5.0] * 2, rel=0.02)
        assert corrupted.mean(dim=0).tolist() == pytest.approx([0.7] * 2, abs=0.15)


def test_a_corrupted_autoencoder_decodes_through_its_link():
    layers = torch.nn.Identity(), torch.nn.Identity(), torch.nn.Sigmoid(), torch.nn.Dropout()
    module = CorruptedAutoencoder(*layers)
    assert module.decode(module.encode(torch.zeros(1, 2))).tolist() == [[0.5, 0.5]]
    assert module.corrupt is layers[-1]
