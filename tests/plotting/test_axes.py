"""Where the displays draw, and what they ask of images."""

import sys

import pytest
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.architectures import ConvNet
from skae.plotting import LatentManifoldDisplay, LatentSpaceDisplay, ReconstructionDisplay

from .displays import DISPLAYS, draw

pyplot = pytest.importorskip("matplotlib.pyplot")


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


@pytest.mark.parametrize("display", DISPLAYS)
def test_without_matplotlib_the_error_says_what_to_install(display, vae, digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=rf"{display.__name__}.*pip install 'skae\[plot\]'"):
        draw(display, vae, digits)


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
