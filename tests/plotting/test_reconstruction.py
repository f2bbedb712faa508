"""Rows above what is made of them."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import DenoisingAutoencoder, TabularAutoencoder, VAETransformer
from skae.plotting import ReconstructionDisplay
from skae.plotting._reconstruction import NO_VALUE

from .displays import QUICK, Places, make_table, tile

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


def cells(display, part):
    """The lines and columns of what is written, of one of the three blocks."""
    lines = np.array(display.texts_, dtype=object)
    return lines.reshape(3, -1, lines.shape[1])[part]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table_is_shown_in_its_own_units(library):
    table = make_table(pytest.importorskip(library))
    display = ReconstructionDisplay.from_estimator(Places().fit(table), table, n_shown=8)
    assert display.feature_names == list(table.columns)
    income, since = np.asarray(table["income"]), np.asarray(table["since"]).astype("M8[s]")
    first = (income - 40_000) / 9000
    rounded = 9000 * (first - first.round(1))
    np.testing.assert_array_equal(cells(display, 0)[:, 0], [f"{v:.0f}" for v in income[:8]])
    expected = [f"{v:+.0f}".replace("+0", "0").replace("-0", "0") for v in rounded[:8]]
    np.testing.assert_array_equal(cells(display, 2)[:, 0], expected)
    np.testing.assert_allclose(display.image_.get_array()[16:, 0], rounded[:8] / income.std())
    married, colour = (np.asarray(table[name])[:8] for name in ("married", "colour"))
    np.testing.assert_array_equal(cells(display, 0)[:, 2], married.astype(str))
    assert cells(display, 0)[7, 3] == cells(display, 2)[7, 3] == ""  # missing
    np.testing.assert_array_equal(cells(display, 1)[:7, 3], colour[:7])
    dates = since[:8].astype("M8[D]").astype(str)
    assert (cells(display, 0)[:, 4] == dates).all()
    assert all(text.endswith(" min") for text in cells(display, 0)[:, 5])
    written = [text.get_text() for text in display.ax_.texts]
    assert set(written) == set(np.ravel(np.array(display.texts_, dtype=object))) - {""}
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    right = (first.round(1) > 0) == (first > 0)
    assert labels[2] == f"married   {right.mean():.0%}"


def test_one_row_of_a_table_is_measured_by_what_the_model_says():
    table = make_table(pytest.importorskip("pandas"))
    model = Places().fit(table)
    model.column_statistics_ = {"income": (41_000, 500), "since": (18_000.0, 100.0)}
    display = ReconstructionDisplay.from_estimator(model, table[:1])
    income, since = display.image_.get_array()[0, [0, 4]]
    assert income == pytest.approx((table["income"][0] - 41_000) / 500)
    days = (table["since"][0].to_numpy() - np.datetime64(0, "D")) / np.timedelta64(1, "D")
    assert since == pytest.approx((days - 18_000) / 100)
    assert display.image_.get_array().mask[0, 1]  # of children nothing is said


def test_columns_that_a_table_model_leaves_out_are_not_shown():
    table = make_table(pytest.importorskip("pandas"))[["income", "colour"]]
    table["key"] = np.arange(len(table)) + 500
    vae = VAETransformer(1, hidden_layer_sizes=(4,), max_iter=1, random_state=0)
    model = TabularAutoencoder(vae, column_kinds={"key": "drop"}).fit(table)
    display = ReconstructionDisplay.from_estimator(model, table[:4])
    assert display.feature_names == ["income", "colour"]
    assert cells(display, 0)[:, 0].tolist() == [f"{v:.0f}" for v in table["income"][:4]]
    display = ReconstructionDisplay.from_estimator(model, table[:4], features=["key"])
    assert display.feature_names == ["key"]


def test_categories_are_the_paler_the_less_probable_they_are():
    X = {"n": np.arange(4.0), "c": np.array(["a", "b", None, "a"], dtype=object)}
    shares = {"a": np.array([0.7, 0.1, 0.5, 0.4]), "b": np.array([0.3, 0.9, 0.5, 0.6])}
    display = ReconstructionDisplay(
        X=X,
        X_reconstructed={"n": np.arange(4.0), "c": np.array(list("abab"), dtype=object)},
        probabilities={"c": shares},
    ).plot()
    assert cells(display, 1)[:, 1].tolist() == ["a 70%", "b 90%", "a 50%", "b 60%"]
    assert cells(display, 2)[:, 1].tolist() == ["30%", "10%", "", "60%"]
    colours = np.asarray(display.category_image_.get_array())[:, 1]
    np.testing.assert_array_equal(colours[0], colours[3])  # of the original
    assert (colours[2] == 0).all()  # so that the grey below is seen
    palette = np.stack([colours[0], colours[1]])[:, :3]
    for line, category, share in [(4, 0, 0.7), (5, 1, 0.9), (7, 1, 0.6)]:
        np.testing.assert_allclose(colours[line, :3], 1 - share * (1 - palette[category]))
    missed = display.missed_image_.get_array()
    np.testing.assert_allclose(missed[8:, 1].compressed(), [0.3, 0.1, 0.6])
    assert missed.mask[:8].all()
    assert display.missed_image_.colorbar.ax.get_ylabel() == "probability missed (categories)"
    grey = matplotlib.colors.to_rgba(NO_VALUE)
    assert tuple(display.image_.to_rgba(display.image_.get_array())[2, 1]) == grey
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["n   100%", "c   67%"]


def test_what_is_written_fits_into_its_cell():
    names = np.array(["a category with a long name", "a category with another"], dtype=object)
    X = dict.fromkeys(("first", "second", "third"), names)
    shares = {names[0]: np.array([1.0, 0.0]), names[1]: np.array([0.0, 1.0])}
    display = ReconstructionDisplay(
        X=X, X_reconstructed=X, probabilities=dict.fromkeys(X, shares)
    ).plot()
    display.figure_.canvas.draw()
    width = display.ax_.get_window_extent().width / 3
    written = [text for text in display.ax_.texts if "…" in text.get_text()]
    assert len(written) == 12
    assert max(text.get_window_extent().width for text in written) < width
    assert len({text.get_text() for text in written}) == 4  # two names, with a share or without


def test_rows_alike_are_measured_by_what_is_told():
    X = np.array([[2.0, 5.0]] * 2)
    display = ReconstructionDisplay(
        X=X, X_reconstructed=X - [1, 2], scales=[[1.0, 1.0], [2.0, 4.0]]
    ).plot()
    expected = [[0.5, 1], [0.5, 1], [0, 0.5], [0, 0.5], [0.5, 0.5], [0.5, 0.5]]
    np.testing.assert_array_equal(display.image_.get_array(), expected)
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["x0", "x1"]  # they have no variance to be explained
    assert cells(display, 0)[0].tolist() == ["2.0", "5.0"]


def test_values_are_written_where_there_is_room(wine_display):
    assert wine_display(n_shown=5).texts_[0][0] == "14.23"
    assert wine_display(n_shown=30).texts_ == []
    assert wine_display(n_shown=5, show_values=False).texts_ == []
    pyplot = pytest.importorskip("matplotlib.pyplot")
    _, axes = pyplot.subplots(1, 3)
    narrow = wine_display(n_shown=5, ax=axes[0])
    assert narrow.texts_ == []
    assert not narrow.ax_.texts
    assert wine_display(n_shown=5, ax=axes[0], features=["hue", 0], show_values=True).texts_
    chosen = wine_display(n_shown=5, features=["hue", 0])
    assert chosen.feature_names == ["hue", "alcohol"]
    assert chosen.scales.shape == (2, 2)
    assert chosen.plot().texts_[0] == chosen.plot(ax=chosen.ax_).texts_[0]
    assert len(chosen.ax_.texts) == 30
    with pytest.raises(ValueError, match=r"features has \['wine'\], but the table has the columns"):
        wine_display(features=["hue", "wine"])


@pytest.fixture(scope="module")
def wine_display():
    wine = load_wine(as_frame=True).data
    model = make_pipeline(StandardScaler(), PCA(4)).fit(wine)
    return lambda **settings: ReconstructionDisplay.from_estimator(model, wine, **settings)
