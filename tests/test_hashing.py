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


def test_noise_makes_near_bits_decode_alike(digits):
    """What one bit changes, as a share of what other codes change."""
    changes = []
    for noise_level in (0.0, 1.0):
        model = SemanticHashing(16, noise_level=noise_level, **QUICK).fit(digits)
        bits = model.transform(digits)
        decoded = model.inverse_transform(bits)
        flipped = [model.inverse_transform(bits ^ one) for one in np.eye(16, dtype=np.uint8)]
        one = np.mean([np.square(other - decoded).mean() for other in flipped])
        changes.append(one / np.square(decoded - decoded[::-1]).mean())
    assert changes[1] < 0.8 * changes[0]


@pytest.mark.parametrize(("offset", "scale"), [(0.0, 1.0), (-7.0, 0.1), (300.0, 50.0)])
def test_noise_is_relative_and_bits_are_balanced(offset, scale):
    """Whatever the numbers' units: to grow is no way to escape the noise."""
    layer = NoisyBits(2, 0.5).train()
    torch.manual_seed(0)
    numbers = torch.randn(50_000, 2) * scale + offset
    for _ in range(300):
        soft = layer(numbers)
    standardized = (numbers - offset) / scale
    noise = soft.double().clamp(1e-12, 1 - 1e-12).logit() / 4 - standardized
    inside = noise[standardized.abs() < 0.2]
    assert inside.std().item() == pytest.approx(0.5, rel=0.03)
    bits = layer.eval()(numbers)
    np.testing.assert_array_equal(np.unique(bits), [0, 1])
    assert bits.dtype == numbers.dtype
    np.testing.assert_allclose(bits.mean(dim=0), 0.5, atol=0.01)
    assert (bits != (standardized > 0).float()).float().mean() < 0.01


def test_a_row_alone_has_no_spread_of_its_own():
    layer = NoisyBits(3, 0.0).train()
    layer.norm.running_mean.copy_(torch.tensor([0.0, 1.0, 2.0]))
    layer.norm.running_var.fill_(4.0)
    soft = layer(torch.ones(1, 3))
    torch.testing.assert_close(soft, torch.tensor([[2.0, 0.0, -2.0]]).sigmoid())
    layer.norm.running_var.zero_()
    assert layer(torch.ones(1, 3)).isfinite().all()


def test_two_rows_have_a_spread_and_count_a_twentieth_in_the_mean():
    layer = NoisyBits(1, 0.0).train()
    soft = layer(torch.tensor([[10.0], [30.0]]))
    torch.testing.assert_close(soft, torch.tensor([[-4.0], [4.0]]).sigmoid())
    assert layer.norm.running_mean.item() == pytest.approx(20 / 20)
    bits = layer.eval()(torch.tensor([[0.99], [layer.norm.running_mean.item()], [1.01]]))
    assert bits.tolist() == [[0.0], [0.0], [1.0]]


def test_rows_one_by_one_are_balanced_as_well(digits):
    params = {**QUICK, "batch_size": 1, "early_stopping": False, "max_iter": 4}
    model = SemanticHashing(8, **params).fit(digits[:150])
    numbers, norm = model.module_.encoder[0], model.module_.encoder[1].norm
    with torch.no_grad():
        found = numbers(model.scaling_(torch.from_numpy(digits[:150])))
    deviation = found.std(dim=0)
    assert ((norm.running_mean - found.mean(dim=0)).abs() < 0.7 * deviation).all()
    assert ((norm.running_var.sqrt() / deviation).log().abs() < 0.5).all()


def test_models_from_before_the_norm_have_their_bits():
    layer = NoisyBits(2, 1.0).eval()
    layer.load_state_dict({})
    assert layer(torch.tensor([[-1e-3, 1e-3]])).tolist() == [[0.0, 1.0]]


def test_samples_decode_codes_of_rows(fitted, digits):
    decoded = np.unique(fitted.inverse_transform(fitted.transform(digits)).round(4), axis=0)
    for row in fitted.sample(5, random_state=0).round(4):
        assert np.isclose(decoded, row, atol=1e-3).all(axis=1).any()
    model = SemanticHashing(20, latent_density=GaussianMixture(2), **QUICK).fit(digits)
    assert set(np.unique(model._draw_codes(50, np.random.RandomState(0)))) == {False, True}
