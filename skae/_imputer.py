"""Filling in what is missing, as a step before any model."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.impute import MissingIndicator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skae._base.parameters import keep, public
from skae._base.tabular import TableEstimator, as_arrays
from skae._denoising import DenoisingAutoencoder
from skae._rows.checks import warn_user
from skae._rows.frames.layouts import joined, without_columns
from skae._vae import VAETransformer

MAX_COMPONENTS = 10


@public
class AutoencoderImputer(TableEstimator):
    r"""Fills in missing values by an autoencoder of the table.

    It takes the place of `sklearn.impute.KNNImputer` and `IterativeImputer` in a Pipeline, and
    takes columns of texts and categories as well: what a value is expected to be, given the others
    of its row, is found by an autoencoder that learned all columns together [1]_. Of numbers it is
    an estimate of the mean, of categories of the likeliest,

    .. math:: \hat{x}_{\text{missing}} \approx \mathbb{E}[x_{\text{missing}} \mid
        x_{\text{observed}}] \quad\text{or}\quad \arg\max_c p(x_{\text{missing}} = c \mid
        x_{\text{observed}}).

    Frames come back as frames, with their dtypes and index; arrays as arrays.

    Parameters
    ----------
    autoencoder : autoencoder of skae, default=None
        One with `impute`: an `AutoencoderTransformer`, a `DenoisingAutoencoder` or a
        `VAETransformer`. None means a `DenoisingAutoencoder` that hides a fifth of the values from
        itself, with half as many components as columns, at least 2 and at most 10, or as wide a
        `VAETransformer` if `sample_posterior`.
    missing_values : int, float, str, np.nan or None, default=np.nan
        What stands for a missing value. NaN, None and the like are missing whatever it is.
    add_indicator : bool, default=False
        Whether columns follow that say which values were missing, for those columns in which some
        were in `fit`.
    keep_empty_features : bool, default=False
        Whether columns without any value in `fit` are kept. Numbers are then 0 there.
    column_kinds : dict, default=None
        What columns hold, ``{name: kind}``, where what is found is not what is meant: see
        `TabularAutoencoder`.
    max_categories : int, default=40
        Columns with more texts than these are filled with their most frequent one.
    sample_posterior : bool, default=False
        Whether values are drawn, by their distribution given the others of the row, rather than
        expected ones, as in `sklearn.impute.IterativeImputer`: for several imputations, one of each
        `random_state`. The autoencoder then needs a likelihood, as a `VAETransformer` has one.
    scaler : transformer, default=None
        What standardizes the numbers: see `TabularAutoencoder`.
    random_state : int, RandomState instance or None, default=None
        Of the default autoencoder; one that is given has its own. Of what is drawn, which is the
        same at each call of `transform`: equal rows that are given one at a time all get the same
        draw, those of one call draws of their own.

    Attributes
    ----------
    autoencoder_ : estimator or None
        The fitted one. None if no column has several values.
    indicator_ : MissingIndicator or None
        What says which values were missing; None without `add_indicator`.
    column_statistics_ : dict
        Mean and standard deviation of each column of numbers or flags; dates and durations in days.
    column_kinds_ : dict
        What was found of each column: see `TabularAutoencoder`.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are all strings.

    See Also
    --------
    TabularAutoencoder : Fills as well, and does all else that an autoencoder does.
    sklearn.impute.KNNImputer : By the nearest rows, of numbers.

    Notes
    -----
    Numbers lie within the range that they had in `fit`, and are rounded as they were there. What is
    filled in is the expected value: it varies less than values do, and what is computed of the
    table looks surer than it is. With `sample_posterior` it is drawn. Several draws of one model
    are what ``TabularAutoencoder().fit(X).impute(X, n_draws=5)`` gives.

    References
    ----------
    .. [1] Gondara and Wang, "MIDA: multiple imputation using denoising autoencoders", PAKDD 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skae import AutoencoderImputer
    >>> size = np.arange(200.0)
    >>> kind = np.where(size < 100, "small", "large")
    >>> table = pd.DataFrame({"size": size, "weight": 2 * size, "kind": kind})
    >>> table.loc[[20, 150], "kind"] = None
    >>> AutoencoderImputer(random_state=0).fit_transform(table).loc[[20, 150], "kind"].tolist()
    ['small', 'large']
    """

    _parameter_constraints: dict = {
        "autoencoder": [HasMethods(["fit", "impute"]), None],
        "missing_values": [Real, str, None],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "column_kinds": [dict, None],
        "max_categories": [Interval(Integral, 2, None, closed="left")],
        "sample_posterior": ["boolean"],
        "scaler": [HasMethods(["fit", "transform", "inverse_transform"]), None],
    }

    def __init__(
        self,
        autoencoder=None,
        *,
        missing_values=np.nan,
        add_indicator=False,
        keep_empty_features=False,
        column_kinds=None,
        max_categories=40,
        sample_posterior=False,
        scaler=None,
        random_state=None,
    ):
        keep(self, locals())

    def _make_autoencoder(self, n_columns):
        n_components = max(2, min(MAX_COMPONENTS, n_columns // 2))
        if self.sample_posterior:
            return VAETransformer(n_components, random_state=self.random_state)
        return DenoisingAutoencoder(
            n_components, noise="masking", noise_level=0.2, random_state=self.random_state
        )

    def _tell_what_is_left_out(self, table, left_out, X):
        gaps = table.gaps(X).any(axis=0)
        names = [
            c.name for c, gap in zip(table.columns, gaps, strict=True) if gap and c.kind == "text"
        ]
        if names:
            warn_user(
                f"Columns {names[:10]} have more texts than max_categories={self.max_categories}: "
                "what is missing there is filled with the most frequent one."
            )

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Find what columns hold, and fit the autoencoder.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or array-like, of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a column has infinite values or others than those that `column_kinds` says, or if the
            autoencoder refuses the rows, has no likelihood to draw from, or needs labels.
        """
        given = self.autoencoder
        if self.sample_posterior and given is not None and not hasattr(given, "likelihood"):
            raise ValueError(
                f"sample_posterior=True needs an autoencoder with a likelihood to draw from, such "
                f"as VAETransformer; {type(given).__name__} has none."
            )
        if given is not None and given.get_params(deep=False).get("conditional"):
            raise ValueError(
                f"{type(given).__name__} has conditional={given.conditional!r}, but an imputer has "
                "no y to give it. Set conditional=False, and make y a column of X if it is known."
            )
        return self._fit_table(X, None, sample_weight)

    def _note_table(self, X):
        gaps = self._table.gaps(X)
        self._seed = None
        if self.sample_posterior:
            random_state = check_random_state(self.random_state)
            self._seed = int(random_state.randint(np.iinfo(np.int32).max))
        self._is_dropped = gaps.all(axis=0) & (not self.keep_empty_features)
        self.indicator_ = None
        if self.add_indicator:
            self.indicator_ = MissingIndicator(error_on_new=False).fit(_holes(gaps))

    @as_arrays
    def transform(self, X):
        """Fill in what is missing.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        X_filled : DataFrame or ndarray of shape (n_samples, n_features_out)
            A copy of X in which nothing is missing, but texts of which each row has another, and
            what had no value in `fit` and is no number. A category that is none of those in `fit`
            stays.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has other columns than in `fit`, infinite values, or others than its columns hold.
        """
        check_is_fitted(self)
        X = self._check_table(X, reset=False)
        gaps = self._table.gaps(X)
        rows = np.empty((len(gaps), 0))
        if self.autoencoder_ is not None:
            rows = self._encode(X)
            some = gaps.any(axis=1)
            if some.any():
                rows[some] = self._filled(rows[some])
        filled = self._table.fill(X, rows, with_frequent=True)
        if self._is_dropped.any():
            filled = without_columns(filled, self._is_dropped)
        if self.indicator_ is None:
            return filled
        flags = self.indicator_.transform(_holes(gaps))
        return joined(filled, flags, self.get_feature_names_out())

    def _filled(self, rows):
        """Rows of numbers with expected values, or those that are drawn, in their gaps."""
        if self._seed is None:
            return self.autoencoder_.impute(rows)
        return self.autoencoder_.impute(rows, n_draws=1, random_state=self._seed)[0]

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns, where those of `fit` are not known.

        Returns
        -------
        feature_names_out : ndarray of str
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        kept = names[~self._is_dropped]
        if self.indicator_ is None:
            return kept
        flags = [f"missingindicator_{name}" for name in names[self.indicator_.features_]]
        return np.concatenate([kept, np.asarray(flags, dtype=object)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _holes(gaps):
    """An array with NaN in the gaps, for what looks for those."""
    return np.where(gaps, np.nan, 0.0)
