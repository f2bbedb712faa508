"""Which features make rows strange."""

import numpy as np
from sklearn.pipeline import Pipeline

from skae._rows.origins import columns_of
from skae.plotting._axes import begin, colour_bar, shorten_all


class FeatureScoresDisplay:
    """The strangest rows, and by which of their features they are.

    Use `from_estimator` to create it.

    Parameters
    ----------
    feature_scores : array-like of shape (n_rows, n_features)
        What the detector's `feature_scores` gives: the lower, the stranger.
    row_names : list of length n_rows
    feature_names : list of length n_features
    estimator_name : str, default=None
        For the title.

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
    >>> import numpy as np
    >>> from skae import AutoencoderOutlierDetector, VAETransformer
    >>> from skae.plotting import FeatureScoresDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 1)) + 0.1 * rng.normal(size=(300, 4))  # alike in all features
    >>> X[7, 2] += 3
    >>> vae = VAETransformer(1, random_state=0)
    >>> detector = AutoencoderOutlierDetector(vae, contamination=0.02, novelty=False).fit(X)
    >>> display = FeatureScoresDisplay.from_estimator(detector, X, n_rows=3)
    >>> display.row_names[0], int(display.feature_scores[0].argmin())
    (7, 2)
    """

    def __init__(self, *, feature_scores, row_names, feature_names, estimator_name=None):
        self.feature_scores = feature_scores
        self.row_names = row_names
        self.feature_names = feature_names
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls, estimator, X, *, n_rows=20, n_features=20, name=None, ax=None, **kwargs
    ):
        """Draw the strangest rows of X.

        Parameters
        ----------
        estimator : AutoencoderOutlierDetector
            Fitted; or a Pipeline that ends in one, whose steps before it make columns of one
            feature each, as scalers and encoders do.
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.
        n_rows : int, default=20
            How many rows are drawn, those of the lowest score.
        n_features : int, default=20
            How many features are drawn, those with the lowest scores in these rows.
        name : str, default=None
            For the title; the name of the class by default.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : FeatureScoresDisplay
            With the picture drawn.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If the estimator has no `feature_scores`.
        ValueError
            If a step before the detector makes columns that are of no one feature of X.
        """
        settings, rows, detector = {}, X, estimator
        if isinstance(estimator, Pipeline):
            detector = estimator[-1]
        if not hasattr(detector, "feature_scores"):
            raise TypeError(
                f"{type(detector).__name__} has no feature_scores. Give a fitted "
                "AutoencoderOutlierDetector, or a Pipeline that ends in one."
            )
        if isinstance(estimator, Pipeline) and len(estimator) > 1:
            settings, rows = {"groups": columns_of(estimator[:-1])}, estimator[:-1].transform(X)
        strangest = np.argsort(detector.score_samples(rows), kind="stable")[:n_rows]
        some = rows.iloc[strangest] if hasattr(rows, "iloc") else _some(rows, strangest)
        scores = detector.feature_scores(some, **settings)
        kept = np.sort(np.argsort(scores.min(axis=0, initial=0), kind="stable")[:n_features])
        names = _names(estimator, X, scores.shape[1])
        index = getattr(X, "index", None)
        display = cls(
            feature_scores=scores[:, kept],
            row_names=[int(row) if index is None else index[row] for row in strangest],
            feature_names=[names[place] for place in kept],
            estimator_name=type(detector).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, cmap="Reds", **kwargs):
        """Draw rows by features.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        cmap : str, default="Reds"
            Colours, from ordinary to strange.
        **kwargs
            Passed on to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        display : FeatureScoresDisplay
            The display itself.
        """
        costs = -np.asarray(self.feature_scores, dtype=float)
        n_rows, n_features = costs.shape
        begin(self, ax, figsize=(2.5 + 0.35 * n_features, 1.5 + 0.25 * n_rows))
        # Of rows that are strange by far the others would not be seen: each has a scale of its own.
        share = costs / np.maximum(costs.max(axis=1, keepdims=True), np.finfo(float).tiny)
        self.image_ = self.ax_.imshow(
            share, **{"cmap": cmap, "aspect": "auto", "vmin": 0, "vmax": 1, **kwargs}
        )
        self._drawn = [self.image_]
        self.ax_.set_xticks(range(n_features), shorten_all(self.feature_names), rotation=90)
        self.ax_.set_yticks(range(n_rows), shorten_all(list(map(str, self.row_names))))
        self.ax_.set(ylabel="row, the strangest first", title=self.estimator_name)
        colour_bar(self, self.image_, label="share of the strangest feature's cost")
        return self

    def to_frame(self):
        """The numbers as a table for reports.

        Returns
        -------
        frame : pandas DataFrame of shape (n_rows, n_features)
            Rows and columns named.
        """
        import pandas as pd

        return pd.DataFrame(
            self.feature_scores, index=list(self.row_names), columns=list(self.feature_names)
        )


def _some(rows, places):
    rows = rows.tocsr() if hasattr(rows, "tocsr") else rows
    return rows[places] if hasattr(rows, "dtype") else rows[places.tolist()]


def _names(estimator, X, n_features):
    """The names of the features of X."""
    if hasattr(X, "columns"):
        return [str(name) for name in X.columns]
    known = getattr(estimator, "feature_names_in_", None)
    return [f"x{i}" for i in range(n_features)] if known is None else list(known)
