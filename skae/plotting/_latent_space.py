"""Where rows lie among the codes."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._labels import is_labelled
from skae.plotting._axes import figure_and_axes

# Colours of classes; beyond these a colour map is sampled.
N_COLOURS = 10


class LatentSpaceDisplay:
    """Codes as points of a plane, coloured by y.

    Use `from_estimator` to create it.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 2)
        The points.
    y : ndarray of shape (n_samples,), default=None
        Classes, where -1 is none, or numbers.
    axis_labels : tuple of str, default=("", "")
        What the axes are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    points_ : list of matplotlib PathCollection
        The points, of each class; those without a class come first.

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

    def __init__(self, *, codes, y=None, axis_labels=("", "")):
        self.codes = codes
        self.y = y
        self.axis_labels = axis_labels

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, components=None, projection=None, ax=None, **kwargs
    ):
        """Encode rows and draw their codes.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform`.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            What to colour them by: classes, of which -1 is none, or numbers.
        components : tuple of two int, default=None
            Which components to draw.
        projection : transformer, default=None
            What makes two components of more, fitted to the codes: one of scikit-learn's with
            `fit_transform`, such as ``TSNE()``. By default the principal components are drawn.
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
        ValueError
            If X is not as the estimator needs it, or if y, `components` or `projection` do not
            fit.
        """
        check_is_fitted(estimator)
        codes = check_array(estimator.transform(X), accept_sparse=True, dtype=[float, np.float32])
        codes = codes.toarray() if hasattr(codes, "toarray") else codes
        if y is not None:
            y = column_or_1d(y)
            check_consistent_length(codes, y)
        points, labels = _in_plane(codes, components, projection)
        return cls(codes=points, y=y, axis_labels=labels).plot(ax=ax, **kwargs)

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
        self.figure_, self.ax_ = figure_and_axes(ax, "LatentSpaceDisplay.plot")
        # Many points would hide each other.
        size = float(np.clip(4000 / len(self.codes), 2, 30))
        kwargs = {"s": size, "alpha": 0.8, "linewidths": 0, **kwargs}
        if self.y is None:
            self.points_ = [self._scatter(slice(None), **kwargs)]
        elif type_of_target(self.y).startswith("continuous"):
            points = self._scatter(slice(None), c=self.y, cmap=cmap or "viridis", **kwargs)
            self.points_ = [points]
            if legend:
                self.figure_.colorbar(points, ax=self.ax_)
        else:
            self._plot_classes(cmap, legend, kwargs)
        self.ax_.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])
        if self.axis_labels[1] == "":
            self.ax_.set_yticks([])
        return self

    def _scatter(self, which, **kwargs):
        return self.ax_.scatter(*self.codes[which].T, **kwargs)

    def _plot_classes(self, cmap, legend, kwargs):
        import matplotlib

        labelled = is_labelled(self.y)
        classes = np.unique(self.y[labelled])
        few = len(classes) <= N_COLOURS
        colours = matplotlib.colormaps.get_cmap(cmap or ("tab10" if few else "turbo"))
        numbers = np.arange(len(classes))
        # A list of colours is taken one by one, a course of colours as a whole.
        listed = len(classes) <= colours.N <= 2 * N_COLOURS
        shades = colours(numbers if listed else numbers / max(1, len(classes) - 1))
        self.points_ = []
        if not labelled.all():
            grey = {**kwargs, "alpha": 0.4}
            self.points_.append(self._scatter(~labelled, color="0.7", label="no label", **grey))
        for label, shade in zip(classes, shades, strict=True):
            which = labelled.copy()
            which[labelled] = self.y[labelled] == label
            self.points_.append(self._scatter(which, color=shade, label=str(label), **kwargs))
        if legend:
            entries = self.ax_.legend().legend_handles
            for entry in entries:
                entry.set_sizes([30])


def _in_plane(codes, components, projection):
    """Two columns of the codes or of a projection of them, and what they are."""
    n_components = codes.shape[1]
    if components is not None and projection is not None:
        raise ValueError("Give components or projection, not both: either says what to draw.")
    if components is not None:
        if len(components) != 2 or not all(0 <= i < n_components for i in components):
            raise ValueError(
                f"components={components!r} must be two numbers from 0 to {n_components - 1}."
            )
        return codes[:, list(components)], tuple(f"component {i}" for i in components)
    if projection is None and n_components == 2:
        return codes, ("component 0", "component 1")
    if projection is None and n_components == 1:
        # On one line points would hide each other: the second coordinate is chance.
        heights = np.random.default_rng(0).uniform(size=len(codes))
        return np.column_stack([codes[:, 0], heights]), ("component 0", "")
    projection = PCA(2) if projection is None else clone(projection)
    points = np.asarray(projection.fit_transform(codes))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"projection={projection!r} gives an array of shape {points.shape}, but two columns "
            "are needed: set its n_components=2."
        )
    name = type(projection).__name__
    return points, tuple(f"{name} {i} of {n_components} components" for i in range(2))
