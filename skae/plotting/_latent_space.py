"""Where rows lie among the codes."""

import math
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils import check_array, check_scalar, column_or_1d
from sklearn.utils.validation import check_consistent_length

from skae._rows.tensors import as_numpy
from skae._training.unwatched import unwatched
from skae.plotting._axes import (
    MAX_NAMED_CLASSES,
    NO_LABEL,
    OTHER,
    begin,
    check_components,
    class_colours,
    colour_bar,
    name_bar,
    shorten,
    shorten_all,
    split_classes,
)
from skae.plotting._columns import is_missing, read_column
from skae.plotting._far import mark_far, near_limits
from skae.plotting._labels import described, is_class, is_continuous, of_one_kind, taken
from skae.plotting._steps import Steps

TARGET_TYPES = ("auto", "continuous", "multiclass")
# Lines of a legend; it gets columns if there are more classes.
MAX_LEGEND_LINES, MAX_INSIDE, MAX_TITLE = 20, 6, 20
# Areas of points, of few and of many rows, and how dense those of many rows of a class are.
SIZES, ALPHAS = (6, 40), (0.4, 0.8)


class LatentSpaceDisplay:
    """Codes as points of a plane, coloured by y.

    Points are the larger the fewer rows there are, and small classes lie on top. Far rows do not
    shrink the others: they are triangles at the edge of the frame, which point to where they are,
    and the title says how many there are. A row is far if one of its two coordinates lies beyond
    the range of the other rows by more than the width of that range; of those others the outermost
    2 % at either end are no part, at least one. So is a value of y, which gets the last colour.

    Use `from_estimator` to create it.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 2)
        The points.
    y : ndarray of shape (n_samples,), default=None
        Classes, or numbers. Grey points have no label: NaN, None and, among classes, -1; but where
        there is nothing else than -1 and 1, both are classes, as outlier detectors give them.
    axis_labels : tuple of str, default=("", "")
        What the axes are.
    target_type : {"auto", "continuous", "multiclass"}, default="auto"
        What y is: numbers, which get a colour bar, or classes, which get a legend. "auto" takes for
        numbers what has fractions, more than 20 different floats or more than 50 different
        integers, and dates and durations.
    y_name : str, default=None
        What y is called, beside the colours.
    classes : sequence, default=None
        The classes in the order of the legend; sorted by default.
    estimator_name : str, default=None
        What made the codes, for the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    points_ : list of matplotlib PathCollection
        The points, of each class or all numbers; those without a label come first, and other
        classes than those that are named last.
    far_points_ : list of matplotlib PathCollection
        The triangles at the edge.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import LatentSpaceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AutoencoderTransformer(2, max_iter=3, random_state=0).fit(X)
    >>> display = LatentSpaceDisplay.from_estimator(model, X, y)
    >>> len(display.points_)
    3
    """

    def __init__(
        self,
        *,
        codes,
        y=None,
        axis_labels=("", ""),
        target_type="auto",
        y_name=None,
        classes=None,
        estimator_name=None,
    ):
        self.codes = codes
        self.y = y
        self.axis_labels = axis_labels
        self.target_type = target_type
        self.y_name = y_name
        self.classes = classes
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        components=None,
        projection=None,
        target_type="auto",
        y_name=None,
        ax=None,
        **kwargs,
    ):
        """Encode rows and draw their codes.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform`.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : str or array-like of shape (n_samples,), default=None
            What to colour them by: classes, of which -1 is none, numbers, or dates. NaN and None
            are no label. A text names a column of X, which the estimator is given as well only if
            it was fitted with it.
        components : tuple of two int, default=None
            Which components to draw.
        projection : transformer, default=None
            What makes two components of more, fitted to the codes: one of scikit-learn's with
            `fit_transform`, such as ``TSNE()``. By default the principal components are drawn.
        target_type : {"auto", "continuous", "multiclass"}, default="auto"
            What y is: numbers or classes; see the class.
        y_name : str, default=None
            What y is called; by default its own name, such as that of a pandas Series.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            With the picture drawn.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If the estimator does not encode.
        ValueError
            If X is not as the estimator needs it, or if y, `components`, `projection` or
            `target_type` do not fit.
        """
        steps = Steps(estimator, "transform")
        X, y = taken(X, y, estimator)
        codes = as_numpy(steps.encode(steps.enter(X)))
        codes = check_array(codes, accept_sparse=True, dtype=[float, np.float32])
        codes = codes.toarray() if hasattr(codes, "toarray") else codes
        classes = None
        if y is not None:
            y, own_name, classes = described(y)
            y_name = own_name if y_name is None else y_name
            check_consistent_length(codes, y)
        points, labels = _in_plane(codes, components, projection)
        display = cls(
            codes=points,
            y=y,
            axis_labels=labels,
            target_type=target_type,
            y_name=y_name,
            classes=classes,
            estimator_name=type(steps.last).__name__,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        cmap=None,
        legend=True,
        robust=True,
        max_classes=MAX_NAMED_CLASSES,
        **kwargs,
    ):
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        cmap : str or matplotlib Colormap, default=None
            Colours of y.
        legend : bool, default=True
            Whether to say which colour is what.
        robust : bool, default=True
            Whether far rows are shown as triangles at the edge, and far values of y in the last
            colours; the class says what is far.
        max_classes : int, default=20
            Of how many classes to tell; if there are more, the rarest are one: "other".
        **kwargs
            Passed on to `matplotlib.axes.Axes.scatter`.

        Returns
        -------
        display : LatentSpaceDisplay
            The display itself.
        """
        if self.target_type not in TARGET_TYPES:
            raise ValueError(
                f"target_type={self.target_type!r} is unknown. Choose one of {TARGET_TYPES}."
            )
        check_scalar(max_classes, "max_classes", Integral, min_val=1)
        begin(self, ax)
        if vars(self).get("far_points_"):
            self.ax_.autoscale()  # the frame was that of the other rows
        self.points_ = []
        kwargs = {"linewidths": 0, **kwargs}
        if self.y is None:
            self._scatter(np.ones(len(self.codes), dtype=bool), **kwargs)
        else:
            self._plot_labels(cmap, legend, robust, max_classes, kwargs)
        n_far, self.far_points_ = mark_far(self.ax_, self.points_) if robust else (0, [])
        self._drawn = [*self.points_, *self.far_points_]
        self.ax_.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])
        if self.axis_labels[1] == "":
            self.ax_.set_yticks([])
        self._add_title(n_far)
        return self

    def _add_title(self, n_far):
        name = [self.estimator_name] if self.estimator_name else []
        rows = f"{len(self.codes):,} rows" + (f", {n_far:,} beyond the edge" if n_far else "")
        if self.ax_.get_title() in ("", vars(self).get("_title")):  # not that of the user
            self._title = ": ".join([*name, rows])
            self.ax_.set_title(self._title, fontsize="medium")

    def _scatter(self, which, **kwargs):
        """Draw some rows; those of small classes larger and denser, as they are to be seen."""
        n_rows, n_drawn = len(self.codes), max(1, int(which.sum()))
        size = 200 / (n_rows * n_drawn) ** 0.2
        alpha = ALPHAS[1] * (4000 / n_drawn) ** 0.5
        default = {"s": float(np.clip(size, *SIZES)), "alpha": float(np.clip(alpha, *ALPHAS))}
        points = self.ax_.scatter(*self.codes[which].T, **{**default, **kwargs})
        self.points_.append(points)
        return points

    def _plot_labels(self, cmap, legend, robust, max_classes, kwargs):
        y = column_or_1d(as_numpy(self.y))
        labelled = ~is_missing(y)
        if y.dtype.kind in "mM":
            labels, continuous = y[labelled], self.target_type != "multiclass"
        else:
            labels = of_one_kind(y[labelled])
            continuous = is_continuous(labels, self.target_type)
            if not continuous:
                of_class = is_class(labels)
                labelled[labelled], labels = of_class, labels[of_class]
        if not labelled.all():
            self._scatter(~labelled, **{**kwargs, "color": NO_LABEL, "label": "no label"})
        if continuous:
            self._plot_numbers(labels, labelled, cmap, legend, robust, kwargs)
        else:
            self._plot_classes(labels, labelled, cmap, max_classes, kwargs)
        if legend:
            named = [points for points in self.points_ if not points.get_label().startswith("_")]
            self._add_legend(named, title=None if continuous else self.y_name)

    def _plot_numbers(self, numbers, labelled, cmap, legend, robust, kwargs):
        column = read_column(self.y_name or "", numbers)
        values, unit = column.in_unit()
        extend, limits = "neither", {}
        if robust and not {"vmin", "vmax", "norm"} & set(kwargs):
            extend, limits = near_limits(values)
        shades = {"c": values, "cmap": cmap or "viridis", **limits}
        # Where colours mix they say nothing.
        dense = {"alpha": ALPHAS[1], "zorder": 1.5}
        points = self._scatter(labelled, **{**dense, **shades, **kwargs})
        if legend:
            bar = colour_bar(self, points, extend=extend)
            bar.solids.set_alpha(1)
            name_bar(bar, shorten(column.name, 60), unit, column.kind == "date")

    def _plot_classes(self, labels, labelled, cmap, max_classes, kwargs):
        classes, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
        named = split_classes(counts, max_classes)
        shades = class_colours(named.sum(), cmap)
        order = np.flatnonzero(named)
        if self.classes is not None:
            places = {str(label): place for place, label in enumerate(self.classes)}
            order = sorted(order, key=lambda i: places.get(str(classes[i]), len(places)))
        names = shorten_all([_name(classes[number]) for number in order])
        groups = [
            (numbers == number, name, shade)
            for number, name, shade in zip(order, names, shades, strict=True)
        ]
        if not named.all():
            groups.append((~named[numbers], f"other ({(~named).sum()})", OTHER))
        for members, name, shade in groups:
            which = labelled.copy()
            which[labelled] = members
            # The fewer there are, the further up, and above those without a label.
            height = 2 - members.mean() / 2
            self._scatter(which, **{"color": shade, "label": name, "zorder": height, **kwargs})

    def _add_legend(self, named, title):
        if not named:
            return
        n_columns = math.ceil(len(named) / MAX_LEGEND_LINES)
        place = {"fontsize": "small"} if len(named) > MAX_INSIDE else {}
        if len(named) > MAX_INSIDE and self.figure_.get_layout_engine() is not None:
            # There is a layout that makes room for it.
            place |= {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0}
            bars = [
                ax for (of, _), ax in vars(self).get("_colour_bars", {}).items() if of is self.ax_
            ]
            place = {} if set(bars) & set(self.figure_.axes) else place
        title = None if title is None else shorten(title, MAX_TITLE)
        legend = self.ax_.legend(handles=named, ncols=n_columns, title=title, **place)
        for entry in legend.legend_handles:
            entry.set(sizes=[30], alpha=1)


def _name(label):
    number = isinstance(label, float | np.floating)
    return f"{label:g}" if number else str(label)


def _in_plane(codes, components, projection):
    """Two columns of the codes or of a projection of them, and what they are."""
    n_components = codes.shape[1]
    if components is not None and projection is not None:
        raise ValueError("Give components or projection, not both: either says what to draw.")
    if components is not None:
        components = check_components(components, n_components)
        return codes[:, components], tuple(f"component {i}" for i in components)
    if projection is None and n_components == 2:
        return codes, ("component 0", "component 1")
    if projection is None and n_components == 1:
        # On one line points would hide each other: the second coordinate is chance.
        heights = np.random.default_rng(0).uniform(size=len(codes))
        return np.column_stack([codes[:, 0], heights]), ("component 0", "")
    projection = PCA(2) if projection is None else clone(projection)
    with unwatched():
        points = np.asarray(projection.fit_transform(codes))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"projection={projection!r} gives an array of shape {points.shape}, but two columns "
            "are needed: set its n_components=2."
        )
    name = type(projection).__name__
    return points, tuple(f"{name} {i} of {n_components} components" for i in range(2))
