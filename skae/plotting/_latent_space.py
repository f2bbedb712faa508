"""Where rows lie among the codes."""

import math

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.validation import check_consistent_length

from skae._rows.labels import is_labelled
from skae._rows.tensors import as_numpy
from skae._training.unwatched import unwatched
from skae.plotting._axes import MAX_NAMED_CLASSES, begin, check_components, colour_bar
from skae.plotting._steps import Steps

# Colours of classes; beyond these a colour map is sampled.
N_COLOURS = 10
# With more values than these, whole numbers are no classes, as they come and as floats.
MAX_INTEGER_CLASSES, MAX_FLOAT_CLASSES = 50, 20
TARGET_TYPES = ("auto", "continuous", "multiclass")
# Lines of a legend; it gets columns if there are more classes.
MAX_LEGEND_LINES = 15


class LatentSpaceDisplay:
    """Codes as points of a plane, coloured by y.

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
        What y is: numbers, which get a colour bar, or classes, which get a legend of at most 60.
        "auto" takes for numbers what has fractions, more than 20 different floats or more than 50
        different integers.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    points_ : list of matplotlib PathCollection
        The points, of each class or all numbers; those without a label come first.

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

    def __init__(self, *, codes, y=None, axis_labels=("", ""), target_type="auto"):
        self.codes = codes
        self.y = y
        self.axis_labels = axis_labels
        self.target_type = target_type

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
        y : array-like of shape (n_samples,), default=None
            What to colour them by: classes, of which -1 is none, or numbers. NaN and None are no
            label.
        components : tuple of two int, default=None
            Which components to draw.
        projection : transformer, default=None
            What makes two components of more, fitted to the codes: one of scikit-learn's with
            `fit_transform`, such as ``TSNE()``. By default the principal components are drawn.
        target_type : {"auto", "continuous", "multiclass"}, default="auto"
            What y is: numbers or classes; see the class.
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
        codes = as_numpy(steps.encode(steps.enter(X)))
        codes = check_array(codes, accept_sparse=True, dtype=[float, np.float32])
        codes = codes.toarray() if hasattr(codes, "toarray") else codes
        if y is not None:
            y = column_or_1d(as_numpy(y))
            check_consistent_length(codes, y)
        points, labels = _in_plane(codes, components, projection)
        display = cls(codes=points, y=y, axis_labels=labels, target_type=target_type)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, cmap=None, legend=True, **kwargs):
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        cmap : str or matplotlib Colormap, default=None
            Colours of y.
        legend : bool, default=True
            Whether to say which colour is what.
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
        begin(self, ax)
        # Many points would hide each other.
        size = float(np.clip(4000 / len(self.codes), 2, 30))
        kwargs = {"s": size, "alpha": 0.8, "linewidths": 0, **kwargs}
        self.points_ = self._drawn
        if self.y is None:
            self._scatter(slice(None), **kwargs)
        else:
            self._plot_labels(cmap, legend, kwargs)
        self.ax_.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])
        if self.axis_labels[1] == "":
            self.ax_.set_yticks([])
        return self

    def _scatter(self, which, **kwargs):
        self.points_.append(self.ax_.scatter(*self.codes[which].T, **kwargs))
        return self.points_[-1]

    def _plot_labels(self, cmap, legend, kwargs):
        y = column_or_1d(as_numpy(self.y))
        labelled = ~_is_missing(y)
        labels = _of_one_kind(y[labelled])
        is_continuous = _is_continuous(labels, self.target_type)
        if not is_continuous:
            is_class = _is_class(labels)
            labelled[labelled], labels = is_class, labels[is_class]
        if not labelled.all():
            grey = {**kwargs, "alpha": 0.4}
            self._scatter(~labelled, color="0.7", label="no label", **grey)
        draw = self._plot_numbers if is_continuous else self._plot_classes
        draw(labels, labelled, cmap, legend, kwargs)
        if legend:
            self._add_legend(
                [points for points in self.points_ if not points.get_label().startswith("_")]
            )

    def _plot_numbers(self, numbers, labelled, cmap, legend, kwargs):
        points = self._scatter(labelled, c=numbers, cmap=cmap or "viridis", **kwargs)
        if legend:
            colour_bar(self, points)

    def _plot_classes(self, labels, labelled, cmap, legend, kwargs):
        import matplotlib

        classes, numbers = np.unique(labels, return_inverse=True)
        few = len(classes) <= N_COLOURS
        colours = matplotlib.colormaps.get_cmap(cmap or ("tab10" if few else "turbo"))
        places = np.arange(len(classes))
        # A list of colours is taken one by one, a course of colours as a whole.
        listed = len(classes) <= colours.N <= 2 * N_COLOURS
        shades = colours(places if listed else places / max(1, len(classes) - 1))
        for number, (label, shade) in enumerate(zip(classes, shades, strict=True)):
            which = labelled.copy()
            which[labelled] = numbers == number
            name = f"{label:g}" if classes.dtype.kind == "f" else str(label)
            self._scatter(which, color=shade, label=name, **kwargs)

    def _add_legend(self, named):
        if not 0 < len(named) <= MAX_NAMED_CLASSES + 1:
            return
        n_columns = math.ceil(len(named) / MAX_LEGEND_LINES)
        size = "small" if n_columns > 1 else None
        for entry in self.ax_.legend(handles=named, ncols=n_columns, fontsize=size).legend_handles:
            entry.set_sizes([30])


def _is_missing(y):
    """Which values are NaN, NA or None."""
    if y.dtype.kind == "O":
        return np.array([v is None or is_pandas_na(v) or v != v for v in y], dtype=bool)
    return y != y


def _of_one_kind(labels):
    """Objects as numbers, if all are, or as texts."""
    return np.array(labels.tolist()) if labels.dtype.kind == "O" else labels


def _is_continuous(labels, target_type):
    """Whether labels are numbers rather than classes."""
    is_number = labels.dtype.kind in "iuf"
    if target_type == "continuous" and not is_number:
        raise ValueError(
            f"target_type='continuous' needs numbers, but y has {str(labels[0])!r}. Leave "
            "it out, or set target_type='multiclass'."
        )
    if is_number:
        assert_all_finite(labels, input_name="y")
    if target_type != "auto" or not is_number:
        return target_type == "continuous"
    is_float = labels.dtype.kind == "f"
    most = MAX_FLOAT_CLASSES if is_float else MAX_INTEGER_CLASSES
    return bool((labels != np.round(labels)).any()) or len(np.unique(labels)) > most


def _is_class(labels):
    """Which labels are not -1, no class; what outlier detectors give is -1 or 1."""
    if set(labels.tolist()) == {-1, 1}:
        return np.ones(len(labels), dtype=bool)
    return is_labelled(labels)


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
