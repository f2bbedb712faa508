"""The plane of codes, as it is decoded."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA

from skae import AdversarialAutoencoder, AdversarialAutoencoderClustering
from skae.plotting import LatentManifoldDisplay

from .displays import QUICK, Places, make_table, tile

pyplot = pytest.importorskip("matplotlib.pyplot")


def test_the_plane_is_what_its_codes_decode_to(vae, digits):
    display = LatentManifoldDisplay.from_estimator(vae, image_shape=(8, 8), n_steps=4)
    assert display.across[0] < display.across[-1]
    assert display.down[0] > display.down[-1]  # the second component grows upwards, as on axes
    for i, j in [(0, 3), (2, 1)]:
        code = np.array([[display.across[j], display.down[i]]], dtype=np.float32)
        expected = vae.inverse_transform(code)[0]
        np.testing.assert_allclose(display.rows[i, j], expected, rtol=1e-4, atol=1e-4)
        low, high = display.rows.min(), display.rows.max()
        shades = ((expected - low) / (high - low)).reshape(8, 8)
        np.testing.assert_allclose(tile(display.images_[0], i, j), shades, atol=1e-4)
    codes = vae.transform(digits)
    seen = LatentManifoldDisplay.from_estimator(vae, digits, image_shape=(8, 8))
    np.testing.assert_allclose(seen.across[[0, -1]], np.quantile(codes[:, 0], [0.02, 0.98]))


def test_of_more_components_two_vary(digits):
    model = PCA(4).fit(digits)
    display = LatentManifoldDisplay.from_estimator(model, digits, components=(2, 0), n_steps=3)
    codes = model.transform(display.rows.reshape(9, 64)).reshape(3, 3, 4)
    np.testing.assert_allclose(codes[0, :, 2], display.across, atol=1e-8)
    np.testing.assert_allclose(codes[:, 0, 0], display.down, atol=1e-8)
    medians = np.median(model.transform(digits), axis=0)
    np.testing.assert_allclose(codes[..., [1, 3]], np.full((3, 3, 2), medians[[1, 3]]), atol=1e-8)
    for wrong in [(0, 4), (0, 0), 1, (0, 1.0)]:
        with pytest.raises(ValueError, match=r"components=.*numbers from 0 to 3 that differ"):
            LatentManifoldDisplay.from_estimator(model, digits, components=wrong)
    for wrong in ["n_steps", "max_features"]:
        with pytest.raises(ValueError, match=f"{wrong} == 0, must be >= 1"):
            LatentManifoldDisplay.from_estimator(model, digits, **{wrong: 0})
    with pytest.raises(ValueError, match="has no sample"):
        LatentManifoldDisplay.from_estimator(model)
    line = LatentManifoldDisplay.from_estimator(PCA(1).fit(digits), digits, n_steps=5)
    assert line.rows.shape == (1, 5, 64)


def test_a_style_goes_across_the_classes(digits):
    y = np.array(["a", "b", "c"])[np.arange(len(digits)) % 3]
    model = AdversarialAutoencoder(2, conditional=True, **QUICK).fit(digits, y)
    display = LatentManifoldDisplay.from_estimator(model, image_shape=(8, 8), n_steps=4)
    assert display.rows.shape == (4, 3, 64)
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["a", "b", "c"]
    codes = model.transform(model.sample(500, random_state=0))
    expected = model.inverse_transform(codes[-1:], "b")[0]
    np.testing.assert_allclose(display.rows[3, 1], expected, rtol=1e-5)


def test_clusters_are_classes(digits):
    model = AdversarialAutoencoderClustering(5, max_iter=1, random_state=0).fit(digits)
    display = LatentManifoldDisplay.from_estimator(model, n_steps=2)
    assert display.rows.shape == (2, 5, 64)


class Decoder(BaseEstimator):
    """Two features follow the code, one does not."""

    def fit(self, X):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        return np.asarray(X)[:, :2]

    def inverse_transform(self, X):
        return np.column_stack([X[:, 0], np.full(len(X), 7.0), X[:, 1]])


def test_a_table_shows_the_features_that_vary_most():
    X = np.random.default_rng(0).normal(size=(50, 2))
    display = LatentManifoldDisplay.from_estimator(Decoder(), X, max_features=2, n_steps=3)
    assert [ax.get_title() for ax in display.axes_] == ["x0", "x2"]
    np.testing.assert_array_equal(display.images_[0].get_array(), np.tile(display.across, (3, 1)))
    np.testing.assert_array_equal(display.images_[1].get_array()[:, 0], display.down)
    ax = pyplot.figure().add_axes((0.5, 0.25, 0.4, 0.5))  # by hand, in no grid
    for inner in display.plot(ax=ax).axes_:
        assert ax.get_position().padded(0.001).contains(*inner.get_position().p0)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table_has_a_map_of_each_kind_of_column(library):
    table = make_table(pytest.importorskip(library))
    model = Places().fit(table)
    display = LatentManifoldDisplay.from_estimator(model, table, n_steps=9)
    grid = np.stack(np.meshgrid(display.across, display.down), axis=-1).reshape(-1, 2)
    decoded = model.inverse_transform(grid)
    maps = {ax.get_title(): image for ax, image in zip(display.axes_, display.images_, strict=True)}
    assert list(maps) == list(table.columns)
    np.testing.assert_array_equal(maps["income"].get_array().ravel(), np.asarray(decoded["income"]))
    hours = np.asarray(decoded["stayed"]) / np.timedelta64(3_600_000_000_000, "ns")
    np.testing.assert_allclose(maps["stayed"].get_array().ravel(), hours)
    assert maps["stayed"].colorbar.ax.get_ylabel() == "h"
    names = [label.get_text() for label in maps["colour"].colorbar.ax.get_yticklabels()]
    assert names == ["blue", "green", "red"]
    regions = np.array(names)[maps["colour"].get_array().ravel()]
    np.testing.assert_array_equal(regions, np.asarray(decoded["colour"]))
    days = (np.asarray(decoded["since"]) - np.datetime64(0, "D")) / np.timedelta64(1, "D")
    np.testing.assert_allclose(maps["since"].get_array().ravel(), days)
    display.figure_.canvas.draw()
    bar = maps["since"].colorbar.ax
    told = bar.yaxis.get_offset_text().get_text() + "".join(
        label.get_text() for label in bar.get_yticklabels()
    )
    assert "20" in told  # years, not days since 1970


def test_the_columns_that_vary_most_are_shown_or_those_that_are_named():
    table = make_table(pytest.importorskip("pandas"))
    model = Places().fit(table)
    chosen = LatentManifoldDisplay.from_estimator(
        model, table, features=["colour", "income"], max_features=1
    )
    assert [ax.get_title() for ax in chosen.axes_] == ["colour", "income"]
    rows = {
        "a bit": np.array([["a", "a", "b"]], dtype=object),
        "nothing": np.array([["a", "a", "a"]], dtype=object),
        "much": np.array([[0.0, 1.0, 4.0]]),
        "little": np.array([[0.0, 0.1, 0.4]]),
    }
    scales = [[np.nan, np.nan, 0, 0], [np.nan, np.nan, 1, 1]]
    display = LatentManifoldDisplay(
        rows=rows,
        down=np.zeros(1),
        across=np.arange(3.0),
        axis_labels=("component 0", ""),
        max_features=2,
        scales=scales,
    ).plot()
    assert [ax.get_title() for ax in display.axes_] == ["a bit", "much"]


def test_of_many_categories_the_smallest_regions_are_others():
    rows = {"c": np.array([list("aaabbcd")], dtype=object)}
    rows["c"][0, 0] = None
    display = LatentManifoldDisplay(
        rows=rows, down=np.zeros(1), across=np.arange(7.0), axis_labels=("", "")
    ).plot(max_classes=3)
    (image,) = display.images_
    names = [label.get_text() for label in image.colorbar.ax.get_yticklabels()]
    assert names == ["a", "b", "other (2)", "no value"]
    assert image.get_array()[0].tolist() == [3, 0, 0, 1, 1, 2, 2]
    shades = {tuple(image.to_rgba(number)) for number in range(4)}
    assert len(shades) == 4
