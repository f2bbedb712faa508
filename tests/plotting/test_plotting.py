"""Pictures show the numbers that they claim to show."""

import pickle
import sys

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.metrics import r2_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from skae import (
    AdversarialAutoencoder,
    AdversarialAutoencoderClassifier,
    AdversarialAutoencoderClustering,
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VAEClassifier,
    VAETransformer,
)
from skae.architectures import ConvNet
from skae.plotting import (
    LatentManifoldDisplay,
    LatentSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
)
from skae.plotting._reconstruction import NO_VALUE

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
@pytest.mark.parametrize("clears", [False, True])
def test_what_is_drawn_again_takes_the_place_of_what_was_there(display, clears, vae, digits):
    settings = {
        LatentManifoldDisplay: {"max_features": 2},
        LatentSpaceDisplay: {"X": digits, "y": digits.mean(axis=1)},  # with a colour bar
        ReconstructionDisplay: {"X": digits},
    }
    figure, (ax, other) = pyplot.subplots(1, 2)
    drawn = display.from_estimator(vae, **settings.get(display, {}), ax=ax)
    n_axes, n_artists = len(figure.axes), len(ax.get_children())
    for _ in range(2):
        if clears:
            ax.clear()
        drawn.plot(ax=ax)
    assert len(figure.axes) == n_axes
    assert len(ax.get_children()) == n_artists
    drawn.plot(ax=other)
    assert len(ax.get_children()) == n_artists  # elsewhere it stays


META = {
    "its autoencoder_": lambda X: AutoencoderOutlierDetector(PCA(2)).fit(X),
    "its transformer_": lambda X: AutoencoderClassifier(PCA(2)).fit(X, np.arange(len(X)) % 2),
    "a pipeline of the earlier steps and its autoencoder_": lambda X: make_pipeline(
        StandardScaler(), AutoencoderOutlierDetector(PCA(2))
    ).fit(X),
}


@pytest.mark.parametrize(
    "display", [LatentManifoldDisplay, LatentSpaceDisplay, ReconstructionDisplay]
)
@pytest.mark.parametrize("what", META)
def test_of_what_holds_an_autoencoder_that_is_asked_for(display, what, digits):
    with pytest.raises(TypeError, match=rf"has no transform.* Give {what}\."):
        display.from_estimator(META[what](digits), digits)


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


def test_the_start_of_a_later_fit_is_no_epoch(digits):
    model = AutoencoderTransformer(2, **{**QUICK, "max_iter": 3}, warm_start=True).fit(digits)
    model.set_params(learning_rate_init=0.5).fit(digits)  # never as good as before
    for fitted in (model, pickle.loads(pickle.dumps(model))):
        display = LossCurveDisplay.from_estimator(fitted)
        assert display.best_epoch == 3
        *_, kept = display.ax_.get_legend().get_texts()
        assert kept.get_text() == "kept: the start of the last fit"


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


CLASSES = {
    "conditional": lambda: AdversarialAutoencoder(2, conditional=True, **QUICK),
    "scaled": lambda: make_pipeline(MinMaxScaler(), VAETransformer(2, conditional=True, **QUICK)),
    "classifier": lambda: VAEClassifier(2, **QUICK),
    "adversarial classifier": lambda: AdversarialAutoencoderClassifier(**QUICK),
    "clustering": lambda: AdversarialAutoencoderClustering(3, **QUICK),
}


@pytest.mark.parametrize("name", CLASSES)
def test_rows_are_reconstructed_as_their_classes(name, digits):
    digits, y = digits[:150], np.array(["a", "b", "c"])[np.arange(150) % 3]
    model = CLASSES[name]().fit(digits, None if name == "clustering" else y)
    scaler, last = model if isinstance(model, Pipeline) else (FunctionTransformer(), model)
    inside = scaler.transform(digits)
    found = last.predict(inside) if hasattr(last, "predict") else None
    for given in [y] if found is None else [None, np.roll(found, 1)]:
        display = ReconstructionDisplay.from_estimator(model, digits, given)
        told = found if given is None else given
        expected = scaler.inverse_transform(last.inverse_transform(last.transform(inside), told))
        np.testing.assert_array_equal(display.X_reconstructed, expected)
    if found is None:
        with pytest.raises(ValueError, match="Give y"):
            ReconstructionDisplay.from_estimator(model, digits)
    manifold = LatentManifoldDisplay.from_estimator(model, n_steps=2, max_features=1)
    assert manifold.rows.shape == (2, 3, 64)
    assert manifold.rows.max() > 2  # pixels, not what a scaler made of them


def test_noise_is_added_after_the_earlier_steps_and_shown_before_them(digits):
    model = DenoisingAutoencoder(4, noise_level=2.0, **QUICK)
    pipeline = make_pipeline("passthrough", MinMaxScaler((0, 160)), model).fit(digits)
    display = ReconstructionDisplay.from_estimator(pipeline, digits)
    noisy = model.corrupt(pipeline[1].transform(digits), random_state=0)
    np.testing.assert_allclose(display.X_corrupted, pipeline[1].inverse_transform(noisy))
    expected = pipeline[1].inverse_transform(model.denoise(noisy))
    np.testing.assert_allclose(display.X_reconstructed, expected)


@pytest.mark.parametrize("kind", ["mixed", "text", "imputed"])
def test_where_there_is_no_way_back_rows_are_shown_as_the_last_step_has_them(kind):
    table = load_wine(as_frame=True).data[["ash", "hue"]]
    if kind == "imputed":  # without indicators it has a way back only by name
        earlier = make_pipeline(SimpleImputer(), StandardScaler())
        table.iloc[0, 0], names = np.nan, ["ash", "hue"]
    else:
        table["wine"] = np.where(table.hue > 1, "red", "white")
        table = table[["wine"]] if kind == "text" else table
        encoder = OneHotEncoder(sparse_output=False)
        names = ["wine_red", "wine_white"]
        earlier = encoder
        if kind == "mixed":
            names = ["ash", "hue", *names]
            earlier = make_column_transformer(
                (StandardScaler(), ["ash", "hue"]),
                (encoder, ["wine"]),
                verbose_feature_names_out=False,
            )
    model = make_pipeline(earlier, VAETransformer(1, **QUICK)).fit(table)
    display = ReconstructionDisplay.from_estimator(model, table)
    assert display.feature_names == names
    inside = earlier.transform(table)
    np.testing.assert_array_equal(display.X, inside)
    expected = model[-1].inverse_transform(model[-1].transform(inside))
    np.testing.assert_array_equal(display.X_reconstructed, expected)
    manifold = LatentManifoldDisplay.from_estimator(model, table, n_steps=2)
    assert manifold.feature_names == names


class Tensors(BaseEstimator):
    """Gives tensors back, which numpy alone does not take."""

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X):
        return self

    def transform(self, X):
        return X[:, :2] * 1.0

    def inverse_transform(self, X):
        return X.repeat(1, 2)


def test_tensors_are_drawn():
    X = torch.randn(20, 4, requires_grad=True)
    reconstructed = X[:, [0, 1, 0, 1]].detach().numpy()
    display = ReconstructionDisplay.from_estimator(Tensors(), X)
    np.testing.assert_array_equal(display.X_reconstructed, reconstructed)
    (points,) = LatentSpaceDisplay.from_estimator(Tensors(), X, X[:, 3]).points_
    np.testing.assert_allclose(points.get_offsets(), reconstructed[:, :2])
    np.testing.assert_allclose(points.get_array(), X[:, 3].detach())


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


NUMBERS = load_diabetes(scaled=False).target[:400]
TARGETS = {  # y, what it is said to be, labels of classes or None for a colour bar, how many grey
    "whole floats": (NUMBERS, "auto", None, 0),
    "few floats": (np.arange(400) % 20.0, "auto", 20, 0),
    "integers": (np.arange(400) % 51 - 1, "auto", None, 0),
    "few integers": (np.arange(400) % 50, "auto", 50, 0),
    "told": (np.arange(400) % 51, "multiclass", 51, 0),
    "told numbers": (np.arange(400) % 5 - 1, "continuous", None, 0),
    "numbers with NaN": (np.where(NUMBERS > 100, NUMBERS / 3, np.nan), "auto", None, "NaN"),
    "classes with NaN": (np.where(NUMBERS > 100, NUMBERS // 100, np.nan), "auto", 3, "NaN"),
    "objects": (np.array(["a", None, np.nan, -1] * 100, dtype=object), "auto", 1, 300),
    "numbers as objects": (np.array([0.5, None] * 200, dtype=object), "auto", None, 200),
    "outliers": (np.array([-1, 1] * 200), "auto", 2, 0),
    "outliers and NaN": (np.array([-1, 1, np.nan, 1] * 100), "auto", 2, 100),
    "one class": (np.array([-1, 0] * 200), "auto", 1, 200),
}


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_a_number_what_is_a_class_and_what_is_neither(name, vae, digits):
    y, target_type, n_classes, n_grey = TARGETS[name]
    n_grey = np.isnan(y).sum() if n_grey == "NaN" else n_grey
    display = LatentSpaceDisplay.from_estimator(vae, digits, y, target_type=target_type)
    points = list(display.points_)
    if n_grey:
        unlabelled = points.pop(0)
        assert unlabelled.get_label() == "no label"
        assert len(unlabelled.get_offsets()) == n_grey
    assert len(points) == (1 if n_classes is None else n_classes)
    assert sum(len(some.get_offsets()) for some in points) == len(digits) - n_grey
    assert len(display.figure_.axes) == (2 if n_classes is None else 1)  # with the colour bar
    legend = display.ax_.get_legend()
    if n_classes is not None:
        assert len(legend.get_texts()) == n_classes + bool(n_grey)
        display.figure_.canvas.draw()
        inside = display.ax_.get_window_extent().padded(1)
        corners = legend.get_window_extent().corners()
        assert all(inside.contains(*corner) for corner in corners)


def test_of_too_many_classes_there_is_no_legend(vae, digits):
    display = LatentSpaceDisplay.from_estimator(vae, digits, NUMBERS, target_type="multiclass")
    assert len(display.points_) == len(np.unique(NUMBERS))
    assert display.ax_.get_legend() is None
    with pytest.raises(ValueError, match="'auto', 'continuous', 'multiclass'"):
        LatentSpaceDisplay.from_estimator(vae, digits, NUMBERS, target_type="numbers")
    with pytest.raises(ValueError, match="needs numbers, but y has 'a'"):
        LatentSpaceDisplay.from_estimator(vae, digits, ["a"] * 400, target_type="continuous")


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
        ({"components": (1, 1)}, "differ"),
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
