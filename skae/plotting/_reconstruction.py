"""Rows beside their reconstructions."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skae.plotting._axes import (
    MAX_NAMED_FEATURES,
    begin,
    check_image_shape,
    colour_bar,
    finite_range,
    show_mosaic,
)
from skae.plotting._steps import Steps, as_table

# Colours of a table stand for so many standard deviations, up or down. This is none of them.
MAX_DEVIATIONS, NO_VALUE = 3, "0.6"


class ReconstructionDisplay:
    """Rows, what became of them by corruption, and their reconstructions.

    Images are shown as such, one below the other. Other rows are shown as a table of colours: a
    line for each row, a column for each feature, as standard deviations of that feature from its
    mean, and below them what the reconstruction misses. The share of the variance that is explained
    stands beside each feature's name. Grey is NaN, or a feature that does not vary, which has no
    share either. A single row has no deviations: it is shown in units of X.

    Use `from_estimator` to create it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Original rows.
    X_reconstructed : ndarray of shape (n_samples, n_features)
        Their reconstructions.
    X_corrupted : ndarray of shape (n_samples, n_features), default=None
        What was reconstructed, if that is not X.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels); None is a table.
    feature_names : list of str, default=None
        Of a table.
    n_shown : int, default=10
        How many rows to show; a table's variance is that of all rows.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    image_ : matplotlib AxesImage
        The picture.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> from skae.plotting import ReconstructionDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DenoisingAutoencoder(8, max_iter=3, random_state=0).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(model, X, image_shape=(8, 8))
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['original', 'corrupted', 'reconstructed']
    """

    def __init__(
        self,
        *,
        X,
        X_reconstructed,
        X_corrupted=None,
        image_shape=None,
        feature_names=None,
        n_shown=10,
    ):
        self.X = X
        self.X_reconstructed = X_reconstructed
        self.X_corrupted = X_corrupted
        self.image_shape = image_shape
        self.feature_names = feature_names
        self.n_shown = n_shown

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        X_corrupted=None,
        image_shape=None,
        n_shown=10,
        random_state=0,
        ax=None,
        **kwargs,
    ):
        """Reconstruct rows and draw them.

        Where a step before the last of a pipeline can not be undone, such as `ColumnTransformer`,
        or gives texts, rows are compared as the last step is given them.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`; `PCA` and pipelines as well, so that
            models can be compared.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; the first are shown.
        y : array-like of shape (n_samples,), default=None
            Their classes, where the decoder is told them; other estimators are not given them. By
            default those that the estimator predicts, if it does.
        X_corrupted : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            What to reconstruct in place of X. By default denoising autoencoders are given X with
            the noise that they were trained with.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels). By default that of a convolutional
            architecture; rows are a table where there is none.
        n_shown : int, default=10
            How many rows to show.
        random_state : int, RandomState instance or None, default=0
            Determines the noise.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : ReconstructionDisplay
            With the picture drawn.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If the estimator does not encode and decode.
        ValueError
            If X or y is not as the estimator needs it, or if `image_shape` or `n_shown` does not
            fit.
        """
        steps = Steps(estimator, "transform", "inverse_transform")
        original, reconstructed, corrupted = _reconstruct(steps, X, X_corrupted, y, random_state)
        outside = steps.leave(reconstructed)
        if outside is None:
            original, reconstructed = as_table(original), as_table(reconstructed)
            names = steps.names_inside(original.shape[1])
        else:
            original, reconstructed = as_table(X), outside
            names = steps.names(original.shape[1], X)
            if corrupted is not None:
                corrupted = steps.leave(corrupted) if X_corrupted is None else X_corrupted
        if original.shape != reconstructed.shape:
            raise ValueError(
                f"X has shape {original.shape}, but the reconstructions {reconstructed.shape}: "
                "X_corrupted must have a row for each of X."
            )
        display = cls(
            X=original,
            X_reconstructed=reconstructed,
            X_corrupted=None if corrupted is None else as_table(corrupted),
            image_shape=check_image_shape(image_shape, original.shape[1], steps.last),
            feature_names=names,
            n_shown=n_shown,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself.
        """
        check_scalar(self.n_shown, "n_shown", Integral, min_val=1)
        blocks = {"original": self.X, "reconstructed": self.X_reconstructed}
        if self.X_corrupted is not None:
            blocks = {
                "original": self.X,
                "corrupted": self.X_corrupted,
                "reconstructed": self.X_reconstructed,
            }
        shown = {name: block[: self.n_shown] for name, block in blocks.items()}
        draw = self._plot_table if self.image_shape is None else self._plot_images
        draw(ax, shown, kwargs)
        return self

    def _plot_images(self, ax, shown, kwargs):
        rows = np.stack(list(shown.values()))
        height, width = self.image_shape[:2]
        size = (0.8 * rows.shape[1] + 1, 0.8 * len(rows) * height / width + 0.2)
        begin(self, ax, size)
        limits = finite_range(shown["original"])  # noise may go beyond, and is clipped
        self.image_ = show_mosaic(self.ax_, rows, self.image_shape, limits, **kwargs)
        self._drawn = [self.image_]
        self.ax_.set_yticks(height * (np.arange(len(rows)) + 0.5), list(shown))
        self.ax_.tick_params(length=0)

    def _plot_table(self, ax, shown, kwargs):
        n_features, n_each = self.X.shape[1], len(shown["original"])
        blocks = [*shown, "missed"]
        named = n_features <= MAX_NAMED_FEATURES
        size = (max(5, 0.35 * n_features + 2) if named else 9, 0.18 * n_each * len(blocks) + 1.5)
        begin(self, ax, size)
        cells, explained = self._measure(shown)
        single = len(self.X) == 1
        limit = (np.abs(cells.filled(0)).max() or 1.0) if single else MAX_DEVIATIONS
        span = {"vmin": -limit, "vmax": limit, "cmap": _colours()}
        self.image_ = self.ax_.imshow(
            cells, **{**span, "aspect": "auto", "interpolation": "none", **kwargs}
        )
        borders = n_each * np.arange(1, len(blocks)) - 0.5
        lines = [self.ax_.axhline(y, color="black", linewidth=1) for y in borders]
        self._drawn = [self.image_, *lines]
        self.ax_.set_yticks(n_each * (np.arange(len(blocks)) + 0.5) - 0.5, blocks)
        if named:
            self.ax_.set_xticks(range(n_features), self._labels(explained), rotation=90)
        else:
            self.ax_.set_xlabel("feature")
        self.ax_.tick_params(length=0)
        unit = "difference, in units of X" if single else "standard deviations"
        colour_bar(self, self.image_, label=unit, extend="neither" if single else "both")

    def _measure(self, shown):
        """All cells in units of the deviations, and how much of each feature is explained.

        What has no value is masked.
        """
        X = np.ma.masked_invalid(self.X)  # of which means, unlike nanmean, never warn
        missed = X - self.X_reconstructed
        deviation = np.ma.masked_where(X.max(axis=0) == X.min(axis=0), X.std(axis=0))
        unit = 1.0 if len(X) == 1 else deviation
        cells = [np.ma.masked_invalid(block) - X.mean(axis=0) for block in shown.values()]
        cells.append(missed[: self.n_shown])
        explained = 1 - (missed**2).mean(axis=0) / deviation**2
        return np.ma.concatenate([block / unit for block in cells]), explained

    def _labels(self, explained):
        names = self.feature_names or [f"x{i}" for i in range(len(explained))]
        return [
            name if share is np.ma.masked else f"{name}   {share:.0%}"
            for name, share in zip(names, explained, strict=True)
        ]


def _reconstruct(steps, X, X_corrupted, y, random_state):
    """Original, reconstructed and corrupted rows, the last or None, as the last step has them."""
    original = steps.enter(X)
    corrupted = None
    if X_corrupted is not None:
        corrupted = steps.enter(X_corrupted)
    elif hasattr(steps.last, "corrupt"):
        corrupted = steps.last.corrupt(original, random_state=random_state)
    given = original if corrupted is None else corrupted
    classes = steps.found_classes(given) if y is None else y
    return original, steps.decode(steps.encode(given), classes), corrupted


def _colours():
    import matplotlib

    return matplotlib.colormaps["RdBu_r"].with_extremes(bad=NO_VALUE)
