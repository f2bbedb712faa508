"""Pictures show the numbers that they claim to show."""

import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    AdversarialAutoencoder,
    AdversarialAutoencoderClustering,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VAETransformer,
)
from skae.architectures import ConvNet
from skae.plotting import (
    LatentManifoldDisplay,
    LatentSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
)

matplotlib = pytest.importorskip("matplotlib")
pyplot = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.usefixtures("_no_window")

DISPLAYS = [LatentManifoldDisplay, LatentSpaceDisplay, LossCurveDisplay, ReconstructionDisplay]
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 2, "random_state": 0}


@pytest.fixture
def _no_window():
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    pyplot.close("all")
    matplotlib.use(backend)


@pytest.fixture(scope="module")
def vae(digits):
    return VAETransformer(2, **QUICK).fit(digits)


def tile(image, i, j):
    """The picture in line i and column j of a mosaic of digits."""
    return image.get_array()[8 * i : 8 * i + 8, 8 * j : 8 * j + 8]


def draw(display, estimator, X):
    rows = () if display is LossCurveDisplay else (X,)
    return display.from_estimator(estimator, *rows)


@pytest.mark.parametrize("display", DISPLAYS)
def test_displays_draw_where_they_are_told(display, vae, digits):
    figure, ax = pyplot.subplots()
    drawn = draw(display, vae, digits)
    assert drawn.ax_.figure is drawn.figure_ is not figure
    assert drawn.plot(ax=ax) is drawn
    assert drawn.ax_ is ax
    assert drawn.figure_ is figure


@pytest.mark.parametrize("display", DISPLAYS)
def test_what_is_not_fitted_is_refused(display, digits):
    with pytest.raises(NotFittedError):
        draw(display, VAETransformer(2), digits)


@pytest.mark.parametrize("display", DISPLAYS)
def test_without_matplotlib_the_error_says_what_to_install(display, vae, digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.*pip install 'skae\[plot\]'"):
        draw(display, vae, digits)


def test_loss_curves_are_those_of_the_history(vae):
    display = LossCurveDisplay.from_estimator(vae, train_kwargs={"color": "red"})
    training, held_out = display.lines_
    np.testing.assert_array_equal(training.get_xdata(), [1, 2])
    np.testing.assert_array_equal(training.get_ydata(), vae.loss_curve_)
    np.testing.assert_array_equal(-held_out.get_ydata(), vae.validation_scores_)
    assert training.get_color() == "red"
    kl = LossCurveDisplay.from_estimator(make_pipeline("passthrough", vae), term="kl")
    np.testing.assert_array_equal(kl.lines_[0].get_ydata(), vae.net_.history[:, "train_kl"])
    with pytest.raises(ValueError, match=r"term='KL' .*'kl', 'loss', 'reconstruction'"):
        LossCurveDisplay.from_estimator(vae, term="KL")
    with pytest.raises(TypeError, match="PCA has no net_"):
        LossCurveDisplay.from_estimator(PCA(2).fit(np.eye(3)))


def test_the_epoch_that_was_kept_is_marked(digits):
    model = AutoencoderTransformer(2, **{**QUICK, "max_iter": 4}).fit(digits)
    display = LossCurveDisplay.from_estimator(model)
    scores = model.validation_scores_
    assert display.best_epoch in (0, 1 + int(np.argmax(scores)))
    assert any("kept" in text.get_text() for text in display.ax_.get_legend().get_texts())
    unjudged = AutoencoderTransformer(2, early_stopping=False, **QUICK).fit(digits)
    display = LossCurveDisplay.from_estimator(unjudged)
    assert len(display.lines_) == 1
    assert display.best_epoch is None


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


def test_image_shapes_are_checked_or_taken_from_the_architecture(digits):
    quick = {"max_iter": 1, "random_state": 0, "init": "random"}
    net = AutoencoderTransformer(2, architecture=ConvNet((8, 8), channels=(4,)), **quick)
    assert ReconstructionDisplay.from_estimator(net.fit(digits), digits).image_shape == (8, 8)
    model = PCA(2).fit(digits)
    for shape, problem in [((8, 9), "72|does not fit"), ((4, 8, 2), "2 channels"), ((64,), "fit")]:
        with pytest.raises(ValueError, match=problem):
            ReconstructionDisplay.from_estimator(model, digits, image_shape=shape)
    colour = ReconstructionDisplay.from_estimator(
        PCA(2).fit(digits[:, :48]), digits[:, :48], image_shape=(4, 4, 3)
    )
    assert colour.image_.get_array().shape == (8, 40, 3)


def test_points_are_codes_and_colours_are_classes(vae, digits):
    codes = vae.transform(digits)
    y = np.array(["even", "odd"])[np.arange(len(digits)) % 2]
    display = LatentSpaceDisplay.from_estimator(vae, digits, y)
    for points, label in zip(display.points_, ["even", "odd"], strict=True):
        np.testing.assert_array_equal(points.get_offsets(), codes[y == label])
        assert points.get_label() == label
    few = np.where(np.arange(len(y)) < 50, np.arange(len(y)) % 3, -1)
    unlabelled, *classes = LatentSpaceDisplay.from_estimator(vae, digits, few).points_
    np.testing.assert_array_equal(unlabelled.get_offsets(), codes[50:])
    assert [points.get_label() for points in classes] == ["0", "1", "2"]
    assert len({tuple(points.get_facecolor()[0]) for points in classes}) == 3
    many = LatentSpaceDisplay.from_estimator(vae, digits, np.arange(len(digits)) % 30)
    assert len({tuple(points.get_facecolor()[0]) for points in many.points_}) == 30


def test_numbers_get_a_course_of_colours(vae, digits):
    brightness = digits.mean(axis=1)
    (points,) = LatentSpaceDisplay.from_estimator(vae, digits, brightness).points_
    np.testing.assert_array_equal(points.get_array(), brightness)


def test_more_than_two_components_are_projected_or_chosen(digits):
    model = AutoencoderTransformer(5, **QUICK).fit(digits)
    codes = model.transform(digits)

    def offsets(**params):
        (points,) = LatentSpaceDisplay.from_estimator(model, digits, **params).points_
        return points.get_offsets()

    np.testing.assert_allclose(offsets(), PCA(2).fit_transform(codes), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(offsets(components=(3, 1)), codes[:, [3, 1]])
    whitened = offsets(projection=PCA(2, whiten=True))
    np.testing.assert_allclose(whitened.std(axis=0, ddof=1), 1, rtol=1e-5)
    for wrong, problem in [
        ({"components": (0, 5)}, "numbers from 0 to 4"),
        ({"components": (0,)}, "two numbers"),
        ({"projection": PCA(3)}, "n_components=2"),
        ({"projection": PCA(2), "components": (0, 1)}, "not both"),
    ]:
        with pytest.raises(ValueError, match=problem):
            offsets(**wrong)
    narrow = AutoencoderTransformer(1, **QUICK).fit(digits)
    (points,) = LatentSpaceDisplay.from_estimator(narrow, digits).points_
    np.testing.assert_array_equal(points.get_offsets()[:, 0], narrow.transform(digits)[:, 0])


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
    with pytest.raises(ValueError, match="numbers from 0 to 3"):
        LatentManifoldDisplay.from_estimator(model, digits, components=(0, 4))
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
