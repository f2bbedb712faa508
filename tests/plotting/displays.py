"""All displays, and the parts of their pictures."""

from skae.plotting import (
    LatentManifoldDisplay,
    LatentSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
)

DISPLAYS = [LatentManifoldDisplay, LatentSpaceDisplay, LossCurveDisplay, ReconstructionDisplay]
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 2, "random_state": 0}


def tile(image, i, j):
    """The picture in line i and column j of a mosaic of digits."""
    return image.get_array()[8 * i : 8 * i + 8, 8 * j : 8 * j + 8]


def draw(display, estimator, X):
    rows = () if display is LossCurveDisplay else (X,)
    return display.from_estimator(estimator, *rows)
