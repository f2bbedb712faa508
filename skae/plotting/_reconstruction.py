"""Rows beside their reconstructions."""

from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skae.plotting._axes import (
    MAX_NAMED_FEATURES,
    begin,
    check_image_shape,
    colour_bar,
    finite_range,
    image_shape_of,
    shorten_all,
    show_mosaic,
)
from skae.plotting._cells import Cells
from skae.plotting._columns import as_category, columns_of
from skae.plotting._compared import as_images, compare, reconstruct
from skae.plotting._steps import Steps

# Colours of a table stand for so many standard deviations, up or down. This is none of them.
MAX_DEVIATIONS, NO_VALUE, MISSED_COLOURS = 3, "0.6", "Purples"
# Of tables with more columns or more rows no values are written.
MAX_WRITTEN, FONT_SIZE, MIN_LETTERS = 20, 7, 6
# Of a figure, in inches.
HEIGHTS, BAR_DISTANCE = (3.5, 14), 0.15
# Of a letter, in font sizes.
LETTER_WIDTH = 0.64


class ReconstructionDisplay:
    """Rows, what became of them by corruption, and their reconstructions.

    Images are shown as such, one below the other. Other rows are shown as a table of colours: a
    line for each row, a column for each column of the table, and below them what the reconstruction
    misses. Where there is room, values stand in it, in the units of the table.

    Numbers and dates are coloured as standard deviations from the mean, both of the rows that the
    model was trained with as far as it knows them, otherwise of the rows given. Beside the name of
    each stands the share of its variance in the rows given that is explained. Categories have
    colours that are the paler the less probable the category is; what is missed of them is the
    probability that the true one was not given, and beside the name stands in how many of the rows
    it was the likeliest. One-hot columns are one column. Grey is a missing value, or a feature that
    does not vary, which has no share either. A single row without a model that knows deviations is
    shown in units of X.

    Use `from_estimator` to create it.

    Parameters
    ----------
    X : {ndarray, DataFrame or dict of arrays} of shape (n_samples, n_features)
        Original rows; a dictionary has an array of shape (n_samples,) for each column.
    X_reconstructed : the same
        Their reconstructions, with the same columns.
    X_corrupted : the same, default=None
        What was reconstructed, if that is not X.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels); None is a table.
    feature_names : list of str, default=None
        Of a table that is an array.
    n_shown : int, default=10
        How many rows to show; shares are those of all rows.
    scales : array-like of shape (2, n_features), default=None
        Means and standard deviations of the columns, which colours stand for; NaN for categories.
        Dates and durations are days. By default those of X.
    probabilities : dict, default=None
        By name of a column of categories, a dictionary that has for each of them its probabilities,
        of shape (n_samples,), as the reconstruction gives them. Without, they are 0 or 1.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    image_ : matplotlib AxesImage
        The picture; of a table, its numbers.
    category_image_ : matplotlib AxesImage
        The categories of a table that has some.
    texts_ : list of list of str
        What stands in each cell of a table, from the top; empty where there is no room.

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
        scales=None,
        probabilities=None,
    ):
        self.X = X
        self.X_reconstructed = X_reconstructed
        self.X_corrupted = X_corrupted
        self.image_shape = image_shape
        self.feature_names = feature_names
        self.n_shown = n_shown
        self.scales = scales
        self.probabilities = probabilities

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
        features=None,
        reference=None,
        random_state=0,
        ax=None,
        **kwargs,
    ):
        """Reconstruct rows and draw them.

        The steps before the last of a pipeline are undone, those of a `ColumnTransformer` as well:
        of the columns of a `OneHotEncoder` the most probable, and nothing where values were
        imputed. Columns for which there is no way back are compared as the last step is given them.

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
        features : sequence of str or int, default=None
            Which columns of a table to show, by name or number; all by default.
        reference : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows whose means and standard deviations colours stand for. By default those of the
            training rows, if the estimator knows them: one that ends in a `StandardScaler` and
            what follows it, or an autoencoder of skae.
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
        rows = reconstruct(steps, X, X_corrupted, y, random_state)
        n_rows, n_decoded = (np.shape(rows[i])[0] for i in (0, 1))
        if n_rows != n_decoded:
            raise ValueError(
                f"X has {n_rows} rows, but the reconstructions {n_decoded}: X_corrupted must have "
                "a row for each of X."
            )
        shape = image_shape_of(image_shape, steps.last)
        if shape is None:
            settings = compare(steps, X, rows, X_corrupted, features, reference)
        else:
            settings = as_images(steps, X, rows, X_corrupted)
            shape = check_image_shape(shape, settings["X"].shape[1])
        display = cls(image_shape=shape, n_shown=n_shown, **settings)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, show_values="auto", **kwargs):
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        show_values : bool or "auto", default="auto"
            Whether values are written in the cells of a table; "auto" does where there is room.
        **kwargs
            Passed on to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself.
        """
        check_scalar(self.n_shown, "n_shown", Integral, min_val=1)
        blocks = {
            "original": self.X,
            "corrupted": self.X_corrupted,
            "reconstructed": self.X_reconstructed,
        }
        blocks = {name: block for name, block in blocks.items() if block is not None}
        if self.image_shape is None:
            self._plot_table(ax, blocks, show_values, kwargs)
        else:
            self._plot_images(ax, blocks, kwargs)
        return self

    def _plot_images(self, ax, blocks, kwargs):
        rows = np.stack([block[: self.n_shown] for block in blocks.values()])
        height, width = self.image_shape[:2]
        size = (0.8 * rows.shape[1] + 1, 0.8 * len(rows) * height / width + 0.2)
        begin(self, ax, size)
        limits = finite_range(rows[0])  # noise may go beyond, and is clipped
        self.image_ = show_mosaic(self.ax_, rows, self.image_shape, limits, **kwargs)
        self._drawn = [self.image_]
        self.ax_.set_yticks(height * (np.arange(len(rows)) + 0.5), list(blocks))
        self.ax_.tick_params(length=0)

    def _plot_table(self, ax, blocks, show_values, kwargs):
        tables = self._read(blocks.values())
        cells = Cells.make(tables, self.n_shown, self.scales)
        n_lines, n_features = cells.numbers.shape
        n_each, names = n_lines // (len(blocks) + 1), [*blocks, "missed"]
        named = n_features <= MAX_NAMED_FEATURES
        written = n_features <= MAX_WRITTEN and n_each <= MAX_WRITTEN
        wide = show_values is True or (show_values == "auto" and written)
        width = max(5, (1.0 if wide else 0.35) * n_features + 2.5) if named else 9
        self.texts_ = []
        begin(self, ax, (width, float(np.clip(0.18 * n_lines + 1.8, *HEIGHTS))))
        single = len(tables[0][0].values) == 1 and self.scales is None
        self._draw_cells(cells, n_each, single, kwargs)
        borders = n_each * np.arange(1, len(names)) - 0.5
        self._drawn += [self.ax_.axhline(y, color="black", linewidth=1) for y in borders]
        self.ax_.set_yticks(n_each * (np.arange(len(names)) + 0.5) - 0.5, names)
        if named:
            self.ax_.set_xticks(range(n_features), _labels(tables[0], cells.shares), rotation=90)
        else:
            self.ax_.set_xlabel("feature")
        self.ax_.tick_params(length=0)
        if wide:
            room = _room(self.ax_, cells)
            if room is not None or show_values is True:
                self._write(cells, room or MIN_LETTERS)

    def _read(self, blocks):
        """Each table as its columns, those of categories in all if they are in one."""
        tables = [columns_of(block, self.feature_names) for block in blocks]
        read = []
        for columns in zip(*tables, strict=True):
            if any(column.is_category for column in columns):
                columns = [c if c.is_category else as_category(c) for c in columns]
                chances = (self.probabilities or {}).get(columns[-1].name)
                columns[-1] = replace(columns[-1], probabilities=chances)
            read.append(columns)
        return list(zip(*read, strict=True))

    def _draw_cells(self, cells, n_each, single, kwargs):
        limit = (np.abs(cells.numbers.filled(0)).max() or 1.0) if single else MAX_DEVIATIONS
        span = {"vmin": -limit, "vmax": limit, "cmap": _colours()}
        settings = {"aspect": "auto", "interpolation": "none", **kwargs}
        self.image_ = self.ax_.imshow(cells.numbers, **{**span, **settings})
        self._drawn = [self.image_]
        laid_out = self.figure_.get_layout_engine() is not None
        pad = BAR_DISTANCE / self.figure_.get_figwidth() if laid_out else 0.15
        has_numbers = not cells.numbers.mask.all()
        if has_numbers or not cells.colours.any():
            unit = "difference, in units of X" if single else "standard deviations"
            extend = "neither" if single else "both"
            colour_bar(self, self.image_, label=unit, extend=extend, pad=pad)
        self.category_image_ = self.missed_image_ = None
        if cells.colours.any():
            plain = {"aspect": "auto", "interpolation": "none"}
            self.category_image_ = self.ax_.imshow(cells.colours, **plain)
            self.missed_image_ = self.ax_.imshow(
                cells.missed, vmin=0, vmax=1, cmap=MISSED_COLOURS, **plain
            )
            self._drawn += [self.category_image_, self.missed_image_]
            label = "probability missed (categories)"
            colour_bar(self, self.missed_image_, which=1, label=label, pad=pad)

    def _write(self, cells, n_letters):
        self.texts_ = cells.texts
        dark = _is_dark(self.image_, cells) | _is_dark(self.missed_image_, cells)
        columns = [_fit(texts, n_letters) for texts in zip(*cells.texts, strict=True)]
        for place, text in np.ndenumerate(np.array(columns, dtype=object).T):
            if text:
                written = self.ax_.text(
                    *place[::-1],
                    text,
                    ha="center",
                    va="center",
                    fontsize=FONT_SIZE,
                    color="white" if dark[place] else "black",
                )
                written.set_in_layout(False)  # it has its place, and there may be many
                self._drawn.append(written)


def _labels(columns, shares):
    names = shorten_all([column.name for column in columns])
    return [
        name if share is None else f"{name}   {share:.0%}"
        for name, share in zip(names, shares, strict=True)
    ]


def _room(ax, cells):
    """For how many letters a cell has room, or None if it is too low or narrow for texts."""
    root, engine = ax.figure.figure, ax.figure.get_layout_engine()
    if engine is not None:
        engine.execute(root)  # names and bars have their place before cells have
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    n_lines, n_columns = cells.numbers.shape
    n_letters = int(72 * box.width / n_columns / (LETTER_WIDTH * FONT_SIZE))
    high = 72 * box.height / n_lines >= FONT_SIZE
    return n_letters if high and n_letters >= MIN_LETTERS else None


def _fit(texts, n_letters):
    """Texts of a column in the place that they have: probabilities behind names stay whole."""
    parts = [text.rpartition(" ") if text.endswith("%") else (text, "", "") for text in texts]
    longest = max((len(space + share) for name, space, share in parts if name), default=0)
    names = shorten_all([name for name, *_ in parts], max(1, n_letters - longest))
    return [name + space + share for name, (_, space, share) in zip(names, parts, strict=True)]


def _is_dark(image, cells):
    """On which cells letters are to be white."""
    if image is None:
        return np.zeros(cells.numbers.shape, dtype=bool)
    values = image.get_array()
    red, green, blue, _ = np.moveaxis(image.to_rgba(values), -1, 0)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return (light < 0.5) & ~np.ma.getmaskarray(values)


def _colours():
    import matplotlib

    return matplotlib.colormaps["RdBu_r"].with_extremes(bad=NO_VALUE)
