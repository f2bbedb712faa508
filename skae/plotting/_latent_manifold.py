"""What codes decode to."""

import math
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skae._rows.tensors import as_numpy
from skae.plotting._axes import (
    begin,
    check_components,
    check_image_shape,
    finite_range,
    image_shape_of,
    show_mosaic,
)
from skae.plotting._columns import as_given_table, as_table, chosen_columns, columns_of
from skae.plotting._maps import draw_map, spread
from skae.plotting._steps import Steps

# How many rows are drawn to see where codes lie, and which shares of those are left out.
N_DRAWN, TAIL = 500, 0.02


class LatentManifoldDisplay:
    """What a grid of codes decodes to; with classes, each style as each class.

    Images are shown as such, side by side. Of other rows there is one map for each of the columns
    that vary most: numbers and dates as a course of colours with a bar, in the units of the table,
    categories as the regions where each is the most probable.

    Use `from_estimator` to create it.

    Parameters
    ----------
    rows : ndarray of shape (n_down, n_across, n_features), or dict of arrays
        What the points of the grid decode to, from the top; a dictionary has an array of shape
        (n_down, n_across) for each column of a table.
    down, across : ndarray of shape (n_down,) and (n_across,)
        The points: components of the code, numbers of styles, or classes.
    axis_labels : tuple of str
        What goes across, and what goes down.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels); None is a table.
    feature_names : list of str, default=None
        Of a table that is an array.
    max_features : int, default=9
        How many columns of a table to show: those that vary most, measured by `scales`.
    scales : array-like of shape (2, n_features), default=None
        Means and standard deviations of the columns of a table; NaN for categories.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes; of a table, those that hold the others.
    axes_ : list of matplotlib Axes
        The axes of each picture.
    figure_ : matplotlib Figure
        The figure.
    images_ : list of matplotlib AxesImage
        The pictures.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from skae import VAETransformer
    >>> from skae.plotting import LatentManifoldDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = VAETransformer(2, max_iter=3, random_state=0).fit(X)
    >>> display = LatentManifoldDisplay.from_estimator(model, image_shape=(8, 8))
    >>> display.rows.shape
    (15, 15, 64)
    """

    def __init__(
        self,
        *,
        rows,
        down,
        across,
        axis_labels,
        image_shape=None,
        feature_names=None,
        max_features=9,
        scales=None,
    ):
        self.rows = rows
        self.down = down
        self.across = across
        self.axis_labels = axis_labels
        self.image_shape = image_shape
        self.feature_names = feature_names
        self.max_features = max_features
        self.scales = scales

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        image_shape=None,
        components=(0, 1),
        n_steps=15,
        features=None,
        max_features=9,
        random_state=0,
        ax=None,
        **kwargs,
    ):
        """Decode codes and draw what comes out.

        Where the decoder is told the class, there is a line for each of some styles and a column
        for each class. Otherwise two components go from one end of the codes to the other, and any
        others stay at their medians.

        The steps before the last of a pipeline are undone, those of a `ColumnTransformer` as well:
        of the columns of a `OneHotEncoder` the most probable. Columns for which there is no way
        back are drawn as the last step is given them.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows that say where codes lie. By default samples of the estimator, or of the last step
            of a pipeline, do.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels). By default that of a convolutional
            architecture; rows are a table where there is none.
        components : tuple of two int, default=(0, 1)
            Which components to go through: the first across, the second from bottom to top.
        n_steps : int, default=15
            How many points of each of the two, or how many styles.
        features : sequence of str or int, default=None
            Which columns of a table to show, by name or number. By default those that vary most.
        max_features : int, default=9
            How many columns of a table to show, if none are chosen.
        random_state : int, RandomState instance or None, default=0
            Determines the samples.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : LatentManifoldDisplay
            With the picture drawn.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If the estimator does not encode and decode.
        ValueError
            If a parameter is not as described, or if X is needed: `PCA`, say, has no `sample`.
        """
        steps = Steps(estimator, "transform", "inverse_transform")
        check_scalar(n_steps, "n_steps", Integral, min_val=1)
        codes = _typical_codes(steps, X, random_state)
        classes = steps.told_classes()
        if classes is None:
            told, (grid, down, across, labels) = None, _plane(codes, components, n_steps)
        else:
            styles = codes[np.linspace(0, len(codes) - 1, min(n_steps, len(codes))).astype(int)]
            down, across = np.arange(len(styles)), classes
            grid, labels = styles.repeat(len(classes), axis=0), ("class", "style")
            told = np.tile(classes, len(styles))
        inside = steps.decode(grid, told)
        settings = {"down": down, "across": across, "axis_labels": labels}
        shape = image_shape_of(image_shape, steps.last)
        if shape is not None:
            decoded = steps.leave(inside)
            rows = as_table(inside) if decoded is None else decoded
            shape = check_image_shape(shape, rows.shape[1])
            settings["rows"] = rows.reshape(len(down), len(across), -1)
        else:
            settings |= _as_columns(steps, inside, X, (len(down), len(across)), features)
            max_features = max_features if features is None else len(settings["feature_names"])
        display = cls(image_shape=shape, max_features=max_features, **settings)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, max_classes=10, **kwargs):
        """Draw what was decoded.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        max_classes : int, default=10
            Of how many categories of a column to tell; if there are more, those of the smallest
            regions are one: "other".
        **kwargs
            Passed on to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : LatentManifoldDisplay
            The display itself.
        """
        if self.image_shape is None:
            check_scalar(max_classes, "max_classes", Integral, min_val=1)
            self._plot_table(ax, max_classes, kwargs)
        else:
            self._plot_images(ax, kwargs)
        return self

    def _plot_images(self, ax, kwargs):
        height, width = self.image_shape[:2]
        n_down, n_across = self.rows.shape[:2]
        longest = max(n_down * height, n_across * width)
        size = (7 * n_across * width / longest + 1, 7 * n_down * height / longest + 1)
        begin(self, ax, size)
        limits = finite_range(self.rows)
        self.axes_ = [self.ax_]
        self.images_ = [show_mosaic(self.ax_, self.rows, self.image_shape, limits, **kwargs)]
        self._drawn = [*self.images_]
        self._name_axes(self.ax_, height, width, 0.5)

    def _plot_table(self, ax, max_classes, kwargs):
        check_scalar(self.max_features, "max_features", Integral, min_val=1)
        shape = len(self.down), len(self.across)
        is_array = not hasattr(self.rows, "items")
        flat = self.rows.reshape(-1, self.rows.shape[2]) if is_array else self.rows
        if not is_array:
            flat = {name: np.ravel(values) for name, values in self.rows.items()}
        columns = columns_of(flat, self.feature_names)
        scales = [None] * len(columns) if self.scales is None else np.asarray(self.scales, float)[1]
        spreads = [spread(column, scale) for column, scale in zip(columns, scales, strict=True)]
        shown = np.sort(np.argsort(-np.array(spreads), kind="stable")[: self.max_features])
        n_across = math.ceil(math.sqrt(len(shown)))
        n_down = math.ceil(len(shown) / n_across)
        begin(self, ax, (3.4 * n_across + 0.6, 2.5 * n_down + 0.4))
        self.ax_.set_axis_off()
        places = _places(self.ax_, n_down, n_across)
        self.axes_, self.images_ = [], []
        for number, feature in enumerate(shown):
            inner = self.figure_.add_subplot(places[divmod(number, n_across)])
            image, beside = draw_map(inner, columns[feature], shape, max_classes, kwargs)
            self._name_axes(inner, 1, 1, 0.0)
            self.axes_.append(inner)
            self.images_.append(image)
            self._drawn += [inner, *beside]

    def _name_axes(self, ax, height, width, middle):
        """Ticks at the middle of some steps: all classes, else the ends and what is between."""
        for axis, points, step in (("x", self.across, width), ("y", self.down, height)):
            is_number = np.asarray(points).dtype.kind == "f"
            ticks = np.arange(len(points))
            if len(points) == 1:
                ticks = ticks[:0]
            elif is_number:
                ticks = np.unique(np.linspace(0, len(points) - 1, 3).astype(int))
            texts = [f"{points[i]:.2g}" if is_number else str(points[i]) for i in ticks]
            getattr(ax, f"set_{axis}ticks")(step * (ticks + middle), texts)
        ax.tick_params(length=0)
        ax.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])


def _places(ax, n_down, n_across):
    """A grid in the place of the axes."""
    place = ax.get_subplotspec()
    if place is not None:
        laid_out = ax.figure.get_layout_engine() is not None
        gaps = {} if laid_out else {"wspace": 0.7, "hspace": 0.6}
        return place.subgridspec(n_down, n_across, **gaps)
    box = ax.get_position()  # of axes that were put somewhere by hand
    sides = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1}
    return ax.figure.add_gridspec(n_down, n_across, wspace=0.5, hspace=0.5, **sides)


def _typical_codes(steps, X, random_state):
    if X is not None:
        rows = steps.enter(X)
    elif hasattr(steps.last, "sample"):
        rows = np.asarray(steps.last.sample(N_DRAWN, random_state=random_state))
    else:
        raise ValueError(
            f"{type(steps.last).__name__} has no sample. Give X, rows that say where codes lie."
        )
    return np.asarray(as_numpy(steps.encode(rows)))


def _as_columns(steps, inside, X, shape, features):
    """The columns of a table, as settings of the display."""
    columns = steps.outside(inside, X)
    scales = steps.scales(columns)
    chosen = chosen_columns([column.name for column in columns], features)
    columns = [columns[i] for i in chosen]
    rows = as_given_table(columns)
    if isinstance(rows, dict):
        rows = {name: values.reshape(shape) for name, values in rows.items()}
    else:
        rows = rows.reshape(*shape, -1)
    return {
        "rows": rows,
        "feature_names": [column.name for column in columns],
        "scales": None if scales is None else scales[:, chosen],
    }


def _plane(codes, components, n_steps):
    """Codes of a grid, the values down and across, and what they are."""
    n_components = codes.shape[1]
    components = (0,) if n_components == 1 else check_components(components, n_components)
    lines = [np.linspace(*np.quantile(codes[:, i], [TAIL, 1 - TAIL]), n_steps) for i in components]
    across, up = lines if len(lines) == 2 else (lines[0], np.zeros(1))
    down = up[::-1]
    grid = np.tile(np.median(codes, axis=0), (len(down) * len(across), 1))
    grid[:, components[0]] = np.tile(across, len(down))
    if len(components) == 2:
        grid[:, components[1]] = down.repeat(len(across))
    labels = [f"component {i}" for i in components] + [""] * (len(components) == 1)
    return grid.astype(codes.dtype), down, across, labels
