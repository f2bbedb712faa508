"""Rows beside their reconstructions."""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae.plotting._axes import (
    MAX_NAMED_FEATURES,
    check_image_shape,
    figure_and_axes,
    finite_range,
    names_of_features,
    show_mosaic,
)

# Colours of a table stand for so many standard deviations, up or down.
MAX_DEVIATIONS = 3


class ReconstructionDisplay:
    """Rows, what became of them by corruption, and their reconstructions.

    Images are shown as such, one below the other. Other rows are shown as a table of colours: a
    line for each row, a column for each feature, as standard deviations of that feature from its
    mean, and below them what the reconstruction misses. The share of the variance that is explained
    stands beside each feature's name.

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
        *,
        X_corrupted=None,
        image_shape=None,
        n_shown=10,
        random_state=0,
        ax=None,
        **kwargs,
    ):
        """Reconstruct rows and draw them.

        Parameters
        ----------
        estimator : object
            Fitted, with `transform` and `inverse_transform`; `PCA` and pipelines as well, so that
            models can be compared.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; the first are shown.
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
        ValueError
            If X is not as the estimator needs it, or if `image_shape` does not fit.
        """
        check_is_fitted(estimator)
        given = X if X_corrupted is None else X_corrupted
        if X_corrupted is None and hasattr(estimator, "corrupt"):
            given = estimator.corrupt(X, random_state=random_state)
        reconstructed = np.asarray(estimator.inverse_transform(estimator.transform(given)))
        names = names_of_features(estimator, X, reconstructed.shape[1])
        original = _dense(X)
        if original.shape != reconstructed.shape:
            raise ValueError(
                f"X has shape {original.shape}, but the reconstructions {reconstructed.shape}: "
                "X_corrupted must have a row for each of X."
            )
        display = cls(
            X=original,
            X_reconstructed=reconstructed,
            X_corrupted=None if given is X else _dense(given),
            image_shape=check_image_shape(image_shape, original.shape[1], estimator),
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
        self.figure_, self.ax_ = figure_and_axes(ax, "ReconstructionDisplay.plot", size)
        limits = finite_range(shown["original"])  # noise may go beyond, and is clipped
        self.image_ = show_mosaic(self.ax_, rows, self.image_shape, limits, **kwargs)
        self.ax_.set_yticks(height * (np.arange(len(rows)) + 0.5), list(shown))
        self.ax_.tick_params(length=0)

    def _plot_table(self, ax, shown, kwargs):
        n_features = self.X.shape[1]
        missed = self.X - self.X_reconstructed
        shown = {**shown, "missed": missed[: self.n_shown]}
        mean, deviation = np.nanmean(self.X, axis=0), np.nanstd(self.X, axis=0)
        deviation = np.where(deviation > 0, deviation, 1.0)
        colours = [
            (block - (0 if name == "missed" else mean)) / deviation for name, block in shown.items()
        ]
        n_each = len(colours[0])
        named = n_features <= MAX_NAMED_FEATURES
        size = (max(5, 0.35 * n_features + 2) if named else 9, 0.18 * n_each * len(shown) + 1.5)
        self.figure_, self.ax_ = figure_and_axes(ax, "ReconstructionDisplay.plot", size)
        span = {"vmin": -MAX_DEVIATIONS, "vmax": MAX_DEVIATIONS, "cmap": "RdBu_r"}
        self.image_ = self.ax_.imshow(
            np.concatenate(colours), **{**span, "aspect": "auto", "interpolation": "none", **kwargs}
        )
        for number in range(1, len(shown)):
            self.ax_.axhline(number * n_each - 0.5, color="black", linewidth=1)
        self.ax_.set_yticks(n_each * (np.arange(len(shown)) + 0.5) - 0.5, list(shown))
        if named:
            explained = 1 - np.nanmean(missed**2, axis=0) / deviation**2
            names = self.feature_names or [f"x{i}" for i in range(n_features)]
            labels = [f"{name}   {share:.0%}" for name, share in zip(names, explained, strict=True)]
            self.ax_.set_xticks(range(n_features), labels, rotation=90)
        else:
            self.ax_.set_xlabel("feature")
        self.ax_.tick_params(length=0)
        self.figure_.colorbar(self.image_, ax=self.ax_, label="standard deviations", extend="both")


def _dense(X):
    X = check_array(
        X, accept_sparse=True, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
    )
    return X.toarray() if hasattr(X, "toarray") else X
