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
