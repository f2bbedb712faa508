"""Outlier detection by any autoencoder."""

import copy
import warnings
from contextlib import contextmanager
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, OutlierMixin, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from skae._base.meta import all_or_nothing, fit_inside, keep_feature_names, take_input_tags
from skae._base.parameters import keep, public
from skae._documented import Documented
from skae._rows.tensors import tensors_welcome
from skae._training.listeners import CallbackSupportMixin, fit_of_steps
from skae._vae import VAETransformer

MAX_COMPONENTS = 10
# With so few features a code may have to be as wide as a row to follow it, and how wide is tried.
# What is curved is learned slowly, but such a network is small.
FEW_FEATURES, WIDTHS = 8, (2, 3)
# With more, several draws make for better densities, and for worse detectors.
ONE_DRAW = {"n_importance_samples": 1}
SLOWLY = {"max_iter": 100, "n_iter_no_change": 20, "learning_rate_init": 0.006}


@public
class AutoencoderOutlierDetector(
    OutlierMixin, MetaEstimatorMixin, Documented, CallbackSupportMixin, BaseEstimator
):
    r"""Detects rows that an autoencoder of the other rows does not know.

    The score of a row is that of the autoencoder: minus the error of its reconstruction, or the
    log-likelihood :math:`\log p(x)` where it has one. Rows that score below `offset_` are outliers:
    in `fit` those are the share `contamination` of the training rows.

    Scale features that are not comparable, for example with `StandardScaler` before this in a
    Pipeline: the error of a feature counts by its spread.

    Parameters
    ----------
    autoencoder : estimator with `fit` and `score_samples`, default=None
        Any autoencoder of skae, or a Pipeline that ends in one. None means a `VAETransformer` with
        a quarter as many components as features, at most 10; with 2 to 8 features the better, by
        the rows that are held out, of two with 2 and 3 components that are trained for longer. One
        in a `sklearn.frozen.FrozenEstimator` is used as it is.
    contamination : float, default=0.1
        The share of outliers in the training rows, in (0, 0.5].
    random_state : int, RandomState instance or None, default=None
        Of the default autoencoder; one that is given has its own.

    Attributes
    ----------
    autoencoder_ : estimator
        The fitted one.
    offset_ : float
        What `decision_function` subtracts from the scores.
    n_features_in_ : int
        Number of features, if the autoencoder knows it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings and the autoencoder keeps them.

    See Also
    --------
    AutoencoderTransformer : Scores by the error of the reconstruction.
    sklearn.ensemble.IsolationForest : Fast, and does not mind the scales of features.

    Notes
    -----
    The autoencoder knows the training rows better than new ones, so more than the share
    `contamination` of new rows are called outliers; of few rows with many features, far more. Take
    a quantile of `score_samples` on held-out rows for a threshold where that matters.

    Scores are the same at each call. An autoencoder that has outliers among its training rows
    learns to reproduce them if it is wide or trained for long: take few components then.

    Outliers break what features have to do with each other, or lie far from all rows. The default
    sees the first best; ``VAETransformer(noise_variance="mean")`` gives more weight to the second.

    References
    ----------
    .. [1] Hawkins, He, Williams and Baxter, "Outlier detection using replicator neural networks",
       DaWaK 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import AutoencoderOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 1)) + 0.1 * rng.normal(size=(500, 2))  # alike in both features
    >>> detector = AutoencoderOutlierDetector(contamination=0.01, random_state=0).fit(X)
    >>> detector.predict([[1, 1], [1, -1]])  # the values are ordinary, together they are not
    array([ 1, -1])
    """

    _parameter_constraints: dict = {
        "autoencoder": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
    }

    def __init__(self, autoencoder=None, *, contamination=0.1, random_state=None):
        keep(self, locals())

    def _candidates(self, n_features=4):
        """Autoencoders to fit, of which the best is kept."""
        if self.autoencoder is not None:
            return [self.autoencoder]
        widths, settings = [max(1, min(MAX_COMPONENTS, n_features // 4))], ONE_DRAW
        if 1 < n_features <= FEW_FEATURES:
            widths, settings = [width for width in WIDTHS if width <= n_features], SLOWLY
        seed = self.random_state
        if seed is None and len(widths) > 1:  # that all hold out the same rows
            seed = int(check_random_state(None).randint(np.iinfo(np.int32).max))
        return [
            VAETransformer(width, **settings, random_state=copy.deepcopy(seed)) for width in widths
        ]

    @contextmanager
    def _quiet(self):
        """Rows may well be draws of one distribution: a default that finds so has not failed."""
        with warnings.catch_warnings():
            if self.autoencoder is None:
                warnings.filterwarnings("ignore", "The code is not used")
            yield

    @_fit_context(prefer_skip_nested_validation=False)
    @tensors_welcome
    def fit(self, X, y=None, sample_weight=None):
        """Fit the autoencoder, and find the score below which rows are outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, mostly without outliers.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, for the autoencoder; they do not change what share is
            `contamination`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the autoencoder refuses X, or a parameter is not as described.
        TypeError
            If there are weights and the autoencoder takes none.
        """
        with all_or_nothing(self):
            self._fit(X, y, sample_weight)
        return self

    def _fit(self, X, y, sample_weight):
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
        candidates = self._candidates(shape[1] if len(shape) == 2 else 4)
        fitted = []
        with fit_of_steps(self, len(candidates), X, y) as step:
            for candidate in map(clone, candidates):
                with step("fit-autoencoder", candidate), self._quiet():
                    fit_inside(candidate, X, sample_weight)
                fitted.append(candidate)
                if len(candidates) > 1 and candidate.net_.interrupted_:
                    break
            several = len(fitted) > 1
            self.autoencoder_ = min(fitted, key=lambda c: c.best_loss_) if several else fitted[0]
            keep_feature_names(self, self.autoencoder_)
            scores = self.autoencoder_.score_samples(X)
            self.offset_ = float(np.percentile(scores, 100 * self.contamination))

    @tensors_welcome
    def score_samples(self, X):
        """Score each row; the lower, the more it is an outlier.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Those of the autoencoder.
        """
        check_is_fitted(self)
        return self.autoencoder_.score_samples(X)

    @tensors_welcome
    def decision_function(self, X):
        """Score each row; outliers are below zero.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    @tensors_welcome
    def predict(self, X):
        """Tell outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            -1 for outliers, 1 for others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self):
        inside = VAETransformer() if self.autoencoder is None else self.autoencoder
        return take_input_tags(super().__sklearn_tags__(), inside)
