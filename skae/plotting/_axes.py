"""What the displays share: axes, colour bars, images side by side."""

import math
from numbers import Integral

import numpy as np

# With more features their names could not be read.
MAX_NAMED_FEATURES = 40
# Classes that have a colour and a name, if no other number is asked for; the rest are others.
MAX_NAMED_CLASSES = 20
# Colour maps of no more colours than these are lists.
MAX_LISTED = 20
# Greys of what has no label, and of the classes that are not named.
NO_LABEL, OTHER = "0.75", "0.25"
# Names are cut to so many characters.
MAX_LABEL = 28


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


def colour_bar(display, mappable, which=0, **kwargs):
    """Draw a colour bar beside the axes, where the display has drawn one there, in its place.

    If there are several, `which` says which one it is. Returns it.
    """
    places = vars(display).setdefault("_colour_bars", {})
    place = places.get((display.ax_, which))
    if place in display.figure_.axes:
        place.clear()
    else:
        place = None
    bar = display.figure_.colorbar(mappable, ax=display.ax_, cax=place, **kwargs)
    places[display.ax_, which] = bar.ax
    return bar


def name_bar(bar, name, unit, is_date):
    """Say what a colour bar shows; dates are days since 1970."""
    if is_date:
        from matplotlib import dates

        locator = dates.AutoDateLocator(maxticks=6)
        bar.ax.yaxis.set_major_locator(locator)
        bar.ax.yaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    bar.set_label(f"{name} ({unit})" if name and unit else name or unit)


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


def image_shape_of(image_shape, estimator):
    """The image shape that is given, or that of the architecture; None is a table."""
    if image_shape is None:
        return getattr(getattr(estimator, "architecture", None), "image_shape", None)
    return image_shape


def check_image_shape(image_shape, n_features):
    """The image shape as a tuple."""
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


def split_classes(counts, most):
    """Which classes are named, at most as many as told with "other"; the rarest are others."""
    if len(counts) <= most:
        return np.ones(len(counts), dtype=bool)
    named = np.zeros(len(counts), dtype=bool)
    named[np.argsort(-np.asarray(counts), kind="stable")[: most - 1]] = True
    return named


def class_colours(n_classes, cmap=None):
    """A colour for each class, ``(n_classes, 4)``.

    A list of colours is taken one by one, a course of colours as a whole.
    """
    import matplotlib

    default = "tab10" if n_classes <= 10 else "tab20" if n_classes <= 20 else "turbo"
    colours = matplotlib.colormaps.get_cmap(cmap or default)
    places = np.arange(n_classes)
    listed = n_classes <= colours.N <= MAX_LISTED
    return colours(places if listed else places / max(1, n_classes - 1))


def colour_map_of(shades):
    """A colour map that is a list of colours."""
    from matplotlib.colors import ListedColormap, to_rgba

    return ListedColormap([to_rgba(shade) for shade in shades])


def shorten(text, length=MAX_LABEL, end=1 / 3):
    """A text that has its place: what is too long loses its middle, not a share `end` of it."""
    text = str(text)
    if len(text) <= length:
        return text
    n_last = min(length - 2, int((length - 1) * end)) if length > 2 else 0
    return f"{text[: max(1, length - 1 - n_last)]}…{text[len(text) - n_last :]}"


def shorten_all(texts, length=MAX_LABEL):
    """Texts that have their place, and that differ where the whole ones do, if that can be."""
    whole = list(dict.fromkeys(texts))
    tries = [[shorten(text, length, end) for text in whole] for end in (1 / 3, 0, 2 / 3, 1)]
    best = max(tries, key=lambda names: len(set(names)))  # the first of those
    short = dict(zip(whole, best, strict=True))
    return [short[text] for text in texts]
