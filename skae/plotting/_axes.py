"""What the displays share: axes, colour bars, images side by side."""

import math
from numbers import Integral

import numpy as np

# With more features, or classes, their names could not be read.
MAX_NAMED_FEATURES, MAX_NAMED_CLASSES = 40, 60


def begin(display, ax, figsize=None):
    """Set the `ax_` and `figure_` of a display: new ones if `ax` is None.

    What the display drew on these axes before, listed in `_drawn`, goes.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib, which is not installed. Install it "
            "with `pip install matplotlib` or `pip install 'skae[plot]'`."
        ) from error
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    elif ax is getattr(display, "ax_", None):
        for artist in display._drawn:
            # Unless somebody has cleared the axes or the figure since.
            if artist.axes is ax or artist in ax.figure.axes:
                artist.remove()
    display.ax_, display.figure_, display._drawn = ax, ax.figure, []


def colour_bar(display, mappable, **kwargs):
    """Draw a colour bar beside the axes, where the display has drawn one there, in its place."""
    places = vars(display).setdefault("_colour_bars", {})
    place = places.get(display.ax_)
    if place in display.figure_.axes:
        place.clear()
    else:
        place = None
    bar = display.figure_.colorbar(mappable, ax=display.ax_, cax=place, **kwargs)
    places[display.ax_] = bar.ax


def check_components(components, n_components):
    """Refuse what is no pair of two components."""
    numbers = list(components) if np.iterable(components) else []
    allowed = all(isinstance(i, Integral) and 0 <= i < n_components for i in numbers)
    if not allowed or len(numbers) != 2 or numbers[0] == numbers[1]:
        raise ValueError(
            f"components={components!r} must be two numbers from 0 to {n_components - 1} that "
            "differ."
        )
    return numbers


def check_image_shape(image_shape, n_features, estimator=None):
    """The image shape as a tuple, that of the architecture by default; None is a table."""
    if image_shape is None:
        image_shape = getattr(getattr(estimator, "architecture", None), "image_shape", None)
    if image_shape is None:
        return None
    shape = tuple(int(size) for size in image_shape)
    if len(shape) not in (2, 3) or math.prod(shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} does not fit rows of {n_features} values. It must be "
            "(height, width) or (height, width, channels), whose product is the number of values; "
            "leave it out for rows that are no images."
        )
    if len(shape) == 3 and shape[2] not in (1, 3, 4):
        raise ValueError(
            f"image_shape={image_shape!r} has {shape[2]} channels, but an image is shown with 1, "
            "3 or 4."
        )
    return shape


def mosaic(rows, image_shape, limits):
    """Images side by side, ``(n_rows, n_columns, n_features) -> (height, width[, channels])``.

    Values are scaled such that `limits` become 0 and 1.
    """
    n_down, n_across = rows.shape[:2]
    height, width = image_shape[:2]
    images = rows.reshape(n_down, n_across, height, width, -1)
    images = images.transpose(0, 2, 1, 3, 4).reshape(n_down * height, n_across * width, -1)
    low, high = limits
    images = ((images - low) / (high - low if high > low else 1.0)).clip(0, 1)
    return images[..., 0] if images.shape[-1] == 1 else images


def show_mosaic(ax, rows, image_shape, limits, **kwargs):
    """Draw images side by side without ticks; returns the ``AxesImage``."""
    image = mosaic(rows, image_shape, limits)
    shown = ax.imshow(image, **{"cmap": "gray", "vmin": 0, "vmax": 1, **kwargs})
    ax.set(xticks=[], yticks=[])
    return shown


def finite_range(*arrays):
    """The smallest and the largest value, NaN aside."""
    values = np.concatenate([np.ravel(array) for array in arrays])
    return float(np.nanmin(values)), float(np.nanmax(values))
