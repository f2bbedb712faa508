"""Rows above what is made of them."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import DenoisingAutoencoder
from skae.plotting import ReconstructionDisplay
from skae.plotting._reconstruction import NO_VALUE

from .displays import QUICK, tile

matplotlib = pytest.importorskip("matplotlib")


@pytest.mark.parametrize("make", [lambda: PCA(3), lambda: make_pipeline(StandardScaler(), PCA(3))])
def test_reconstructions_of_anything_that_encodes_and_decodes(make, digits):
    model = make().fit(digits)
    expected = model.inverse_transform(model.transform(digits))
    display = ReconstructionDisplay.from_estimator(model, digits, image_shape=(8, 8), n_shown=4)
    assert display.image_.get_array().shape == (16, 32)
    low, high = digits[:4].min(), digits[:4].max()
    for i, rows in enumerate([digits, expected]):
        shades = ((rows[3] - low) / (high - low)).clip(0, 1).reshape(8, 8)
        np.testing.assert_allclose(tile(display.image_, i, 3), shades)


def test_denoisers_are_shown_with_their_noise(digits):
    model = DenoisingAutoencoder(8, noise_level=4.0, **QUICK).fit(digits)
    display = ReconstructionDisplay.from_estimator(model, digits, image_shape=(8, 8))
    assert np.std(display.X_corrupted - digits) == pytest.approx(4, rel=0.05)
    np.testing.assert_array_equal(display.X_reconstructed, model.denoise(display.X_corrupted))
    again = ReconstructionDisplay.from_estimator(model, digits, image_shape=(8, 8))
    np.testing.assert_array_equal(display.X_corrupted, again.X_corrupted)
    given = ReconstructionDisplay.from_estimator(model, digits, X_corrupted=digits + 1)
    np.testing.assert_array_equal(given.X_reconstructed, model.denoise(digits + 1))
    with pytest.raises(ValueError, match="a row for each of X"):
        ReconstructionDisplay.from_estimator(model, digits, X_corrupted=digits[:3])


@pytest.mark.parametrize(
    ("n_shown", "error"), [(0, ValueError), (-1, ValueError), (3.5, TypeError)]
)
def test_the_number_of_rows_to_show_is_checked(n_shown, error, vae, digits):
    with pytest.raises(error, match="n_shown"):
        ReconstructionDisplay.from_estimator(vae, digits, n_shown=n_shown)


def test_what_has_no_value_is_grey_and_has_no_share():
    X = np.random.default_rng(0).normal(size=(30, 4))
    X[:, 1], X[3, 2], X[:, 3] = 7, np.nan, np.nan
    display = ReconstructionDisplay(X=X, X_reconstructed=np.zeros_like(X), n_shown=5)
    image = display.plot().image_
    grey = matplotlib.colors.to_rgba(NO_VALUE)
    is_grey = (image.to_rgba(image.get_array()) == grey).all(axis=2)
    expected = np.zeros((15, 4), dtype=bool)
    expected[:, [1, 3]] = True
    expected[[3, 13], 2] = True
    np.testing.assert_array_equal(is_grey, expected)
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert [("%" in label) for label in labels] == [True, False, True, False]


def test_one_row_is_measured_in_its_own_units():
    display = ReconstructionDisplay(X=np.array([[5.0, 1]]), X_reconstructed=np.array([[4.0, 1]]))
    np.testing.assert_array_equal(display.plot().image_.get_array(), [[0, 0], [-1, 0], [1, 0]])
    assert display.image_.get_clim() == (-1, 1)
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["x0", "x1"]


def test_a_table_says_how_much_of_each_column_is_explained():
    wine = load_wine(as_frame=True).data
    model = make_pipeline(StandardScaler(), PCA(4)).fit(wine)
    display = ReconstructionDisplay.from_estimator(model, wine, n_shown=5)
    reconstructed = model.inverse_transform(model.transform(wine))
    shares = r2_score(wine, reconstructed, multioutput="raw_values")
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == [f"{name}   {r2:.0%}" for name, r2 in zip(wine, shares, strict=True)]
    colours = display.image_.get_array()
    expected = (wine - reconstructed) / wine.std(ddof=0)
    np.testing.assert_allclose(colours[10:], expected[:5])
    np.testing.assert_allclose(colours[:5], StandardScaler().fit_transform(wine)[:5])
