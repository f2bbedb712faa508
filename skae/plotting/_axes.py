"""What the displays share: axes, images side by side, tables as colours."""

import math

import numpy as np
from sklearn.pipeline import Pipeline

# With more features their names could not be read.
MAX_NAMED_FEATURES = 40


def figure_and_axes(ax, caller, figsize=None):
    """The figure of `ax`, and `ax` itself; new ones if it is None."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed. Install it with "
            "`pip install matplotlib` or `pip install 'skae[plot]'`."
        ) from error
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax.figure, ax


def final_step(estimator):
    """The estimator itself, or the last step of a pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def check_image_shape(image_shape, n_features, estimator=None):
    """The image shape as a tuple, that of the architecture by default; None is a table."""
    if image_shape is None and estimator is not None:
        architecture = getattr(final_step(estimator), "architecture", None)
        image_shape = getattr(architecture, "image_shape", None)
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


def names_of_features(estimator, X, n_features):
    """Those of a table, or x0, x1, ..."""
    names = getattr(X, "columns", getattr(estimator, "feature_names_in_", None))
    return [f"x{i}" for i in range(n_features)] if names is None else [str(name) for name in names]
