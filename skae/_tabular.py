"""Autoencoders of tables: frames in, frames out."""

import inspect
from numbers import Integral

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, _fit_context
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae._base.parameters import keep, public
from skae._base.tabular import as_arrays, inside_has
from skae._base.tabular_scores import ScoringTable
from skae._rows.frames.layouts import index_of
from skae._vae import VAETransformer

MAX_COMPONENTS = 10


@public
class TabularAutoencoder(ClassNamePrefixFeaturesOutMixin, ScoringTable):
    r"""An autoencoder of a table with columns of all kinds, which gives such tables back.

    It finds what each column of a frame of pandas or polars holds, gives the autoencoder inside
    numbers, and makes of what that gives frames with the same columns, dtypes and categories.
    Numbers, dates and durations are standardized, booleans are 0 and 1, and categories, texts of
    few values among them, become one-hot columns. An autoencoder with a likelihood gets that of
    each kind: the objective is then, of a table without amounts,

    .. math:: -\log p(x | z) = -\sum_{\text{numbers}} \log N(x_j; \mu_j, \sigma_j^2)
        - \sum_{\text{booleans}} \log B(x_j; \pi_j)
        - \sum_{\text{categories}} \log \pi_{j, x_j}

    and others weigh all columns that it is given by their squares.

    Parameters
    ----------
    autoencoder : autoencoder of skae, default=None
        What learns the table. A copy is fitted, with `allow_nan` and `likelihood`, where it has
        these, set for the table: with "gaussian" or "mixed" numbers that are amounts, positive or
        zero and skewed, are "lognormal" or "hurdle_lognormal" and go in as they are, others are
        "gaussian"; with "laplace" all numbers are that. None means a `VAETransformer` with half as
        many components as columns, at least 2 and at most 10.
    column_kinds : dict, default=None
        What columns hold, ``{name: kind}``, where what is found is not what is meant: "numeric",
        "integer" (whole numbers), "boolean", "categorical", "datetime", "duration", or "drop" to
        leave one out. Columns of an array have their numbers as names.
    max_categories : int, default=40
        Columns with more texts than these, or more categories, are left out.
    handle_unknown : {"ignore", "error"}, default="ignore"
        Whether a category that was not there in `fit` is taken for missing, or refused.
    allow_nan : bool, default=True
        Whether values may be missing. An autoencoder that has no such parameter itself is given
        means in their place.
    scaler : transformer, default=None
        What standardizes the numbers; it needs `inverse_transform`, and lets NaN pass. None means a
        `StandardScaler`.
    random_state : int, RandomState instance or None, default=None
        Of the default autoencoder; one that is given has its own.

    Attributes
    ----------
    autoencoder_ : estimator
        The fitted one.
    column_statistics_ : dict
        Mean and standard deviation of each column of numbers or flags; dates and durations in days.
    column_kinds_ : dict
        What was found of each column: one of the kinds above, or why it is left out: "constant",
        "identifier" (texts, or consecutive whole numbers, of which each row has another), "text"
        (more than `max_categories`), "unknown" (lists and the like) or "drop".
    classes_ : ndarray of shape (n_classes,)
        The classes, of an autoencoder that learns those.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are all strings.

    See Also
    --------
    AutoencoderImputer : Fills a table as a step of a Pipeline.
    VAETransformer : What learns it by default.
    skae.export.to_onnx : For where there is no Python, of a table without missing values.

    Notes
    -----
    Frames that come back have all columns of that in `fit`. Numbers lie within the range that they
    had there and are rounded as they were; of categories it is the likeliest, or with `sample`
    and a likelihood one that is drawn. Columns that are left out have their one value if they
    are constant, go on counting if they are identifiers of whole numbers, and are missing
    otherwise; `impute` and `denoise` leave them as they are.

    A scaler, the kinds and the categories are those of the first rows: with `partial_fit`, give it
    first rows that have all categories. It finds no amounts.

    References
    ----------
    .. [1] Nazabal, Olmos, Ghahramani and Valera, "Handling incomplete heterogeneous data using
       VAEs", Pattern Recognition 107, 2020.

    Examples
    --------
    >>> import pandas as pd
    >>> from skae import TabularAutoencoder
    >>> table = pd.DataFrame({
    ...     "age": [23, 35, None, 52, 41] * 8,
    ...     "city": ["Ulm", "Bonn", "Ulm", None, "Bonn"] * 8,
    ...     "paid": [True, False, True, True, False] * 8,
    ... })
    >>> model = TabularAutoencoder(random_state=0).fit(table)
    >>> model.column_kinds_
    integer      age
    boolean      paid
    categorical  city (2)
    >>> int(model.impute(table).isna().sum().sum())
    0
    >>> model.sample(2, random_state=0).dtypes.equals(table.dtypes)
    True
    """

    _parameter_constraints: dict = {
        "autoencoder": [HasMethods("fit"), None],
        "column_kinds": [dict, None],
        "max_categories": [Interval(Integral, 2, None, closed="left")],
        "handle_unknown": [StrOptions({"ignore", "error"})],
        "allow_nan": ["boolean"],
        "scaler": [HasMethods(["fit", "transform", "inverse_transform"]), None],
    }

    def __init__(
        self,
        autoencoder=None,
        *,
        column_kinds=None,
        max_categories=40,
        handle_unknown="ignore",
        allow_nan=True,
        scaler=None,
        random_state=None,
    ):
        keep(self, locals())

    def _make_autoencoder(self, n_columns):
        n_components = max(2, min(MAX_COMPONENTS, n_columns // 2))
        return VAETransformer(n_components, random_state=self.random_state)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Find what columns hold, and fit the autoencoder.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or array-like, of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            Labels, for an autoencoder that learns those.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        X_val : DataFrame or array-like of shape (n_val_samples, n_features), default=None
            Rows to validate on, in place of a part of X, for an autoencoder that takes those.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If no column is left to learn, if a column has infinite values or others than those that
            `column_kinds` says, or if the autoencoder refuses the rows.
        TypeError
            If there are weights, or X_val, and the autoencoder takes none.

        Warns
        -----
        UserWarning
            If columns are left out.
        """
        return self._fit_table(X, y, sample_weight, X_val)

    @inside_has("partial_fit")
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, sample_weight=None, **kwargs):
        """Take one more pass over X; the first call finds what columns hold.

        Parameters
        ----------
        X : DataFrame of pandas or polars, or array-like, of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            Labels, for an autoencoder that learns those.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        **kwargs : dict
            What else `partial_fit` of the autoencoder takes, such as `classes`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            As `fit` does.
        """
        return self._partial_fit_table(X, y, sample_weight, kwargs)

    @as_arrays
    def transform(self, X):
        """Encode X.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            Codes.
        """
        rows = self._rows(X)
        return np.asarray(self.autoencoder_.transform(rows))

    @inside_has("inverse_transform")
    @as_arrays
    def inverse_transform(self, X, y=None):
        """Decode codes.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_components)
            Codes.
        y : array-like of shape (n_samples,) or a label, default=None
            The classes, where the decoder is told those.

        Returns
        -------
        X_original : DataFrame or ndarray of shape (n_samples, n_features)
            A table like that in `fit`; of a frame of pandas it has the index.
        """
        check_is_fitted(self)
        told = {} if y is None else {"y": y}
        rows = self.autoencoder_.inverse_transform(_codes(X), **told)
        return self._table.decode(rows, index_of(X))

    @inside_has("sample")
    @as_arrays
    def sample(
        self,
        n_samples=1,
        random_state=None,
        y=None,
        *,
        noise=True,
        conditions=None,
        return_ess=False,
    ):
        """Draw new rows, or the rest of rows of which some values are known.

        Parameters
        ----------
        n_samples : int, default=1
            How many. With `conditions`, for each row of them.
        random_state : int, RandomState instance or None, default=None
            Determines the draw. Pass an int for the same rows at each call.
        y : array-like of shape (n_samples,) or a label, default=None
            The classes, where the decoder is told those.
        noise : bool, default=True
            Whether values are drawn from the likelihood, if the autoencoder has one, rather than
            taken to be its means and its likeliest categories.
        conditions : dict or table of shape (n_rows, n_features), default=None
            What is known: values of columns, such as ``{"town": "Paris", "age": 30}``, or rows in
            which what is to be drawn is missing. Columns of rows that were left out in `fit` say
            nothing; they may be there, constant ones with the value that they had.
        return_ess : bool, default=False
            Whether to return the effective sample size as well: see `VAETransformer.sample`.

        Returns
        -------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            A table like that in `fit`, its rows numbered from 0. With `conditions` of shape
            (n_rows * n_samples, n_features), those of one row together, under its index, with the
            values that were asked for.
        ess : ndarray of shape (n_rows,)
            If `return_ess`.

        Raises
        ------
        ValueError
            If `conditions` has a column that there is not or that is left out, a category that was
            not there in `fit`, or all values of a row, or if the autoencoder can not draw given
            some.

        Warns
        -----
        UserWarning
            If the autoencoder finds the values hardly possible together.
        """
        check_is_fitted(self)
        settings = {} if y is None else {"y": y}
        takes = inspect.signature(self.autoencoder_.sample).parameters
        if "noise" in takes:
            settings["noise"] = noise
        if conditions is not None:
            return self._sample_given(
                conditions, n_samples, random_state, return_ess, settings, takes
            )
        if return_ess:
            raise ValueError("return_ess=True is for draws with conditions.")
        return self._table.decode(self.autoencoder_.sample(n_samples, random_state, **settings))

    @inside_has("impute")
    @as_arrays
    def impute(self, X, *, n_draws=None, random_state=None):
        """Fill in what is missing.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.
        n_draws : int, default=None
            How many times to fill in values that are drawn, in place of those that are expected, if
            the autoencoder has a likelihood: see `VAETransformer.impute`.
        random_state : int, RandomState instance or None, default=None
            Determines the draws. Pass an int for the same ones at each call.

        Returns
        -------
        X_filled : DataFrame or ndarray of shape (n_samples, n_features)
            A copy of X, with its dtypes and index. Columns that are left out are filled if they
            are constant. A category that is none of those in `fit` stays. With `n_draws` a list of
            so many frames, or an array of shape (n_draws, n_samples, n_features).
        """
        check_is_fitted(self)
        X = self._check_table(X, reset=False)
        rows = self._encode(X)
        if n_draws is None:
            return self._table.fill(X, self.autoencoder_.impute(rows))
        drawn = self.autoencoder_.impute(rows, n_draws=n_draws, random_state=random_state)
        tables = [self._table.fill(X, one) for one in drawn]
        return np.stack(tables) if isinstance(tables[0], np.ndarray) else tables

    @inside_has("denoise")
    @as_arrays
    def denoise(self, X):
        """Reconstruct X.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        X_denoised : DataFrame or ndarray of shape (n_samples, n_features)
            A table like that in `fit`, with the index of X.
        """
        rows = self.autoencoder_.denoise(self._rows(X))
        return self._table.decode(rows, index_of(X))

    @property
    def classes_(self):
        """The classes, of an autoencoder that learns those."""
        return self.autoencoder_.classes_

    @property
    def _n_features_out(self):
        return self.autoencoder_._n_features_out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.autoencoder is not None:
            inside = get_tags(self.autoencoder)
            tags.estimator_type = inside.estimator_type
            tags.classifier_tags = inside.classifier_tags
            tags.target_tags = inside.target_tags
        return tags


def _codes(X):
    """Codes without the names that a frame of them has, which are ours."""
    return X.to_numpy() if hasattr(X, "to_numpy") else X
