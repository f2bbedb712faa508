"""Semantic hashing: bits, and that near ones are similar."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier

from skae import SemanticHashing
from skae.modules import NoisyBits

QUICK = {"hidden_layer_sizes": (64,), "max_iter": 15, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(digits):
    return SemanticHashing(20, **QUICK).fit(digits)


def test_codes_are_bits_and_bytes(fitted, digits):
    bits = fitted.transform(digits)
    assert bits.dtype == np.uint8
    assert set(np.unique(bits)) == {0, 1}
    packed = fitted.pack(digits)
    assert packed.shape == (400, 3)
    assert packed.dtype == np.uint8
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1, count=20), bits)
    assert not (packed[:, 2] & 0b1111).any()


def test_bits_differ_between_rows_and_decode_to_them(fitted, digits):
    bits = fitted.transform(digits)
    share = bits.mean(axis=0)
    assert ((share > 0.05) & (share < 0.95)).mean() > 0.7
    error = np.mean((fitted.inverse_transform(bits) - digits) ** 2)
    assert error < 0.7 * digits.var(axis=0).mean()
    assert fitted.score(digits) == pytest.approx(-error, rel=1e-3)


def test_near_bits_are_of_one_class():
    X, y = load_digits(return_X_y=True)
    bits = SemanticHashing(32, **{**QUICK, "max_iter": 30}).fit_transform(X)
    knn = KNeighborsClassifier(5, metric="hamming").fit(bits[:1300], y[:1300])
    assert knn.score(bits[1300:], y[1300:]) > 0.8


def test_noise_drives_numbers_from_zero(digits):
    numbers = []
    for noise_level in (0.0, 10.0):
        model = SemanticHashing(8, noise_level=noise_level, **QUICK).fit(digits)
        x = model.scaling_(torch.from_numpy(digits))
        with torch.no_grad():
            numbers.append(model.module_.encoder[0](x).abs().median().item())
    assert numbers[1] > 2 * numbers[0]


def test_noise_is_added_in_training_only():
    layer, a = NoisyBits(2.0), torch.zeros(100_000, 1)
    torch.manual_seed(0)
    assert layer.train()(a).logit().std().item() == pytest.approx(2.0, rel=0.02)
    assert layer.eval()(torch.tensor([[-1e-3, 0.0, 1e-3]])).tolist() == [[0.0, 0.0, 1.0]]


def test_samples_decode_codes_of_rows(fitted, digits):
    decoded = np.unique(fitted.inverse_transform(fitted.transform(digits)).round(4), axis=0)
    for row in fitted.sample(5, random_state=0).round(4):
        assert np.isclose(decoded, row, atol=1e-3).all(axis=1).any()
    model = SemanticHashing(20, latent_density=GaussianMixture(2), **QUICK).fit(digits)
    assert set(np.unique(model._draw_codes(50, np.random.RandomState(0)))) == {False, True}
