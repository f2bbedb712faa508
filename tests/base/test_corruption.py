"""The corruption of rows: its kinds, its level, and where it is absent."""

import numpy as np
import pytest
import torch

from skae import DenoisingAutoencoder

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def corrupt(digits, n_repeats=50, **params):
    """Clean rows, and what the model makes of them before it encodes, in units of X."""
    model = DenoisingAutoencoder(2, early_stopping=False, **QUICK, **params).fit(digits)
    x = np.tile(digits, (n_repeats, 1))
    return x, model.corrupt(x, random_state=0)


def test_gaussian_noise_has_its_level_in_units_of_X(digits):
    x, corrupted = corrupt(digits, noise_level=0.4)
    assert np.std(corrupted - x) == pytest.approx(0.4, rel=0.01)
    assert np.mean(corrupted - x) == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize("noise", ["masking", "salt_and_pepper"])
def test_other_noise_replaces_its_share(noise, digits):
    x, corrupted = corrupt(digits, noise=noise, noise_level=0.4)
    inside = (x > 0) & (x < x.max(axis=0))
    changed = np.abs(corrupted - x) > 1e-3
    assert changed[inside].mean() == pytest.approx(0.4, abs=0.01)
    values, highest = corrupted[changed & inside], np.broadcast_to(x.max(axis=0), x.shape)
    is_zero = np.abs(values) < 1e-4
    is_highest = np.abs(values - highest[changed & inside]) < 1e-3
    assert (is_zero | is_highest).all()
    assert is_zero.mean() == pytest.approx(1.0 if noise == "masking" else 0.5, abs=0.01)


def test_clipping_keeps_to_the_range_of_the_feature_or_to_the_one_given(digits):
    x, corrupted = corrupt(digits, noise_level=10, clip=True)
    assert (corrupted <= x.max(axis=0) + 1e-4).all()
    assert (corrupted >= x.min(axis=0) - 1e-4).all()
    _, corrupted = corrupt(digits, noise_level=10, clip=(-2, 20))
    empty = x.max(axis=0) == 0  # noise reaches them in the picture, whatever they were in training
    assert corrupted[:, empty].min() == pytest.approx(-2, abs=1e-4)
    assert corrupted[:, empty].max() == pytest.approx(20, abs=1e-4)


def test_noise_is_fresh_in_each_batch_and_absent_elsewhere(digits):
    model = DenoisingAutoencoder(2, **QUICK).fit(digits)
    x = model.scaling_(torch.from_numpy(digits))
    assert not torch.equal(model.module_.corrupt(x), model.module_.corrupt(x))
    np.testing.assert_array_equal(model.transform(digits), model.transform(digits))
    np.testing.assert_array_equal(
        model.denoise(digits), model.inverse_transform(model.transform(digits))
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"noise": "hiss"}, "'noise' parameter"),
        ({"noise_level": -1}, "'noise_level' parameter"),
        ({"noise": "masking", "noise_level": 1.5}, r"must be a share in \[0, 1\]"),
        ({"noise_level": 1e30}, "times the spread of X"),
        ({"clip": (1, 0)}, "pair .smallest, largest."),
        ({"clip": (0, 1, 2)}, "pair .smallest, largest."),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_named(params, message, digits):
    with pytest.raises(ValueError, match=message):
        DenoisingAutoencoder(2, **QUICK, **params).fit(digits)
