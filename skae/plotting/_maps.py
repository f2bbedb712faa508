"""What a column is over a grid of points."""

import numpy as np

from skae.plotting._axes import (
    NO_LABEL,
    OTHER,
    class_colours,
    colour_map_of,
    name_bar,
    shorten,
    shorten_all,
    split_classes,
)

# Names beside a small map are cut to so many characters.
MAX_NAME = 18


def spread(column, scale=None):
    """How much a column varies, from 0 to 1: numbers all of it over four deviations.

    Where no deviation is known, numbers are measured by their size.
    """
    if column.is_category:
        counts = np.bincount(column.codes(column.categories) + 1)
        return 1 - counts.max() / len(column.values)
    known = column.values[np.isfinite(column.values)]
    if not len(known):
        return 0.0
    if scale is not None and scale > 0:
        return min(1.0, np.ptp(known) / (4 * scale))
    return np.ptp(known) / (np.abs(known).max() + 1e-12) / 2


def draw_map(ax, column, shape, max_classes, kwargs):
    """Draw a column over a grid; returns the image and other axes that belong to it."""
    settings = {"aspect": "auto", "interpolation": "none", **kwargs}
    ax.set_title(shorten(column.name), fontsize="medium")
    if column.is_category:
        return _draw_regions(ax, column, shape, max_classes, settings)
    values, unit = column.in_unit()
    image = ax.imshow(values.reshape(shape), **settings)
    bar = ax.figure.colorbar(image, ax=ax)
    name_bar(bar, "", unit, column.kind == "date")
    return image, [bar.ax]


def _draw_regions(ax, column, shape, max_classes, settings):
    """Categories as colours, with the names of those that there are."""
    codes = column.codes(column.categories)
    present, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    is_class = present >= 0
    named = is_class.copy()
    named[is_class] = split_classes(counts[is_class], max_classes)
    names = shorten_all([str(column.categories[code]) for code in present[named]], MAX_NAME)
    shades = list(class_colours(len(names), settings.pop("cmap", None)))
    number = np.cumsum(named) - 1
    for group, name, shade in [
        (is_class & ~named, f"other ({(is_class & ~named).sum()})", OTHER),
        (~is_class, "no value", NO_LABEL),
    ]:
        if group.any():
            number[group] = len(names)
            names.append(name)
            shades.append(shade)
    limits = {"vmin": -0.5, "vmax": len(names) - 0.5, "cmap": colour_map_of(shades)}
    image = ax.imshow(number[places.ravel()].reshape(shape), **{**settings, **limits})
    bar = ax.figure.colorbar(image, ax=ax, ticks=range(len(names)))
    bar.ax.set_yticklabels(names, fontsize="small")
    bar.ax.tick_params(length=0)
    bar.ax.invert_yaxis()  # the first on top, as in a legend
    return image, [bar.ax]
