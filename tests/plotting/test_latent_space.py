"""Points are codes, and their colours are what is said of them."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.plotting import LatentSpaceDisplay

from .displays import QUICK


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
    kinds = np.arange(len(digits)) % 30
    many = LatentSpaceDisplay.from_estimator(vae, digits, kinds, max_classes=30)
    assert len({tuple(points.get_facecolor()[0]) for points in many.points_}) == 30


NUMBERS = load_diabetes(scaled=False).target[:400]
TARGETS = {  # y, what it is said to be, labels of classes or None for a colour bar, how many grey
    "whole floats": (NUMBERS, "auto", None, 0),
    "few floats": (np.arange(400) % 20.0, "auto", 20, 0),
    "integers": (np.arange(400) % 51 - 1, "auto", None, 0),
    "few integers": (np.arange(400) % 50, "auto", 20, 0),
    "told": (np.arange(400) % 51, "multiclass", 20, 0),
    "dates": (np.datetime64("2020-01-01", "D") + np.arange(400), "auto", None, 0),
    "durations": (np.array([np.timedelta64(3, "h"), "NaT"] * 200, "m8[s]"), "auto", None, 200),
    "booleans": (np.arange(400) % 3 == 0, "auto", 2, 0),
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
        inside, box = display.ax_.get_window_extent().padded(1), legend.get_window_extent()
        whole = display.figure_.bbox
        # Few classes find room inside, many are beside it.
        outside = n_classes + bool(n_grey) > 6
        assert all((whole if outside else inside).contains(*corner) for corner in box.corners())
        assert outside == (not inside.overlaps(box))


def test_of_many_classes_the_rarest_are_others(vae, digits):
    y = np.repeat(list("abcde"), [200, 5, 120, 60, 15])
    display = LatentSpaceDisplay.from_estimator(vae, digits, y, max_classes=3)
    codes = vae.transform(digits)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["a", "c", "other (3)"]
    np.testing.assert_array_equal(display.points_[2].get_offsets(), codes[np.isin(y, list("bde"))])
    with pytest.raises(ValueError, match="'auto', 'continuous', 'multiclass'"):
        LatentSpaceDisplay.from_estimator(vae, digits, NUMBERS, target_type="numbers")
    with pytest.raises(ValueError, match="needs numbers, but y has 'a'"):
        LatentSpaceDisplay.from_estimator(vae, digits, ["a"] * 400, target_type="continuous")
    with pytest.raises(ValueError, match="max_classes == 0, must be >= 1"):
        LatentSpaceDisplay.from_estimator(vae, digits, y, max_classes=0)


def test_the_fewer_rows_the_larger_the_points_and_small_classes_lie_on_top():
    rng = np.random.default_rng(0)
    sizes = {}
    for n_rows in (50, 2000, 20_000):
        codes, y = rng.normal(size=(n_rows, 2)), np.where(np.arange(n_rows) < 5, "few", "many")
        few, many = LatentSpaceDisplay(codes=codes, y=y).plot().points_
        assert few.get_zorder() > many.get_zorder()
        sizes[n_rows] = many.get_sizes()[0]
        assert few.get_sizes()[0] >= sizes[n_rows] >= 6
        assert few.get_alpha() >= many.get_alpha() >= 0.4
    assert sizes[50] > sizes[2000] > sizes[20_000]
    y = np.array(["a", None] * 25, dtype=object)
    unlabelled, labelled = LatentSpaceDisplay(codes=codes[:50], y=y).plot().points_
    assert unlabelled.get_zorder() < labelled.get_zorder()


def test_far_rows_are_marked_at_the_edge_and_counted():
    rng = np.random.default_rng(0)
    codes = rng.uniform(-1, 1, size=(1000, 2))
    far = {3: (90, 0.5), 7: (-40, -0.5), 11: (0.2, 1e6), 500: (0.1, -70), 600: (80, 80)}
    codes[list(far)] = list(far.values())
    y = np.where(np.arange(1000) < 500, "a", "b")
    display = LatentSpaceDisplay(codes=codes, y=y, estimator_name="PCA").plot()
    assert display.ax_.get_title() == "PCA: 1,000 rows, 5 beyond the edge"
    (left, right), (bottom, top) = display.ax_.get_xlim(), display.ax_.get_ylim()
    assert -1.2 < left < -1 < 1 < right < 1.2
    assert -1.2 < bottom < -1 < 1 < top < 1.2
    shades = [tuple(points.get_facecolor()[0, :3]) for points in display.points_]
    marks = {
        (*np.asarray(place), tuple(shade[:3]))
        for points in display.far_points_
        for place, shade in zip(points.get_offsets(), points.get_facecolor(), strict=True)
    }
    a, b = shades
    expected = {(right, 0.5, a), (left, -0.5, a), (0.2, top, a), (0.1, bottom, b), (right, top, b)}
    assert marks == expected
    assert sum(len(points.get_offsets()) for points in display.far_points_) == 5
    for ax in (display.ax_, None):
        everything = display.plot(ax=ax, robust=False)
        assert everything.far_points_ == []
        assert everything.ax_.get_xlim()[1] > 90
        assert everything.ax_.get_title() == "PCA: 1,000 rows"
    everything.ax_.set_title("mine")
    assert display.plot(ax=everything.ax_).ax_.get_title() == "mine"
    near = LatentSpaceDisplay(codes=rng.normal(size=(5000, 2))).plot()
    assert near.far_points_ == []
    assert near.ax_.get_title() == "5,000 rows"


def test_far_values_of_y_get_the_last_colour_and_the_bar_says_so():
    y = np.linspace(0, 1, 200)
    y[5] = 1e4
    display = LatentSpaceDisplay(codes=np.random.default_rng(0).normal(size=(200, 2)), y=y).plot()
    (points,) = display.points_
    assert points.get_clim() == (0, 1)
    bar = points.colorbar
    assert bar.extend == "max"
    assert bar.solids.get_alpha() == 1  # paler than the points it would be another colour
    assert display.plot(vmax=7).points_[0].get_clim()[1] == 7


def test_y_has_a_name_of_its_own_or_is_a_column_of_the_table(digits):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(digits).add_prefix("pixel").assign(ink=digits.sum(axis=1))
    sizes = pandas.cut(table["ink"], [0, 300, 330, 9999], labels=["small", "medium", "large"])
    table["size"] = sizes
    model = PCA(2).fit(table.drop(columns=["ink", "size"]))
    rows = table.drop(columns="size")
    bar = LatentSpaceDisplay.from_estimator(model, rows, "ink").points_[0].colorbar
    assert bar.ax.get_ylabel() == "ink"
    table = table.drop(columns="ink")
    for y in ("size", sizes.rename("size"), sizes.rename("size").to_frame()):
        X = table if isinstance(y, str) else table.drop(columns="size")
        display = LatentSpaceDisplay.from_estimator(model, X, y)
        legend = display.ax_.get_legend()
        assert legend.get_title().get_text() == "size"
        assert [text.get_text() for text in legend.get_texts()] == ["small", "medium", "large"]
    X = table.drop(columns="size")
    with_it = PCA(2).fit(X)  # what the model knows stays in X
    display = LatentSpaceDisplay.from_estimator(with_it, X, "pixel3", y_name="a pixel")
    assert display.ax_.get_legend().get_title().get_text() == "a pixel"
    np.testing.assert_array_equal(display.codes, with_it.transform(X))
    nameless = PCA(2).fit(digits)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        display = LatentSpaceDisplay.from_estimator(nameless, table, "size")
    np.testing.assert_allclose(display.codes, nameless.transform(digits))
    for wrong in (X, digits):
        with pytest.raises(ValueError, match="y='colour' is to name a column of X, but X"):
            LatentSpaceDisplay.from_estimator(model, wrong, "colour")


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
