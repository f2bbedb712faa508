"""Outlier detection by any autoencoder."""

import copy
import warnings
from contextlib import contextmanager
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, OutlierMixin, _fit_context, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skae._base.feature_scores import feature_scores
from skae._base.meta import all_or_nothing, fit_inside, keep_feature_names, take_input_tags
from skae._base.parameters import keep, public
from skae._base.threshold import (
    fit_without,
    held_out_scores,
    parts_to_hold_out,
    score_part,
    threshold,
    was_interrupted,
)
from skae._documented import Documented
from skae._rows.checks import check_weights
from skae._rows.source import is_read_in_place, shape_of
from skae._rows.tensors import tensors_welcome
from skae._training.listeners import CallbackSupportMixin, fit_of_steps
from skae._vae import VAETransformer

MAX_COMPONENTS = 10
# With so few features a code may have to be as wide as a row to follow it, and how wide is tried.
# What is curved is learned slowly, but such a network is small, and more surely with "tanh".
FEW_FEATURES, WIDTHS = 8, (2, 3)
# With more, several draws make for better densities, and for worse detectors.
ONE_DRAW = {"n_importance_samples": 1}
SLOWLY = {
    "activation": "tanh",
    "max_iter": 100,
    "n_iter_no_change": 20,
    "learning_rate_init": 0.006,
}


def _labels_training_rows(detector):
    if detector.novelty:
        raise AttributeError(
            "fit_predict labels the training rows, but with novelty=True the threshold is one for "
            "new rows. Set novelty=False, or use fit and predict for rows that are not in X."
        )
    return True


@public
class AutoencoderOutlierDetector(
    OutlierMixin, MetaEstimatorMixin, Documented, CallbackSupportMixin, BaseEstimator
):
    r"""Detects rows that an autoencoder of the other rows does not know.

    The score of a row is that of the autoencoder: minus the error of its reconstruction, or the
    log-likelihood :math:`\log p(x)` where it has one. Rows that score below `offset_` are outliers.
    It is found by rows that were not trained on, so that the share `contamination` of new rows like
    the training rows scores below it.

    Scale features that are not comparable, for example with `StandardScaler` before this in a
    Pipeline: the error of a feature counts by its spread.

    Parameters
    ----------
    autoencoder : estimator with `fit` and `score_samples`, default=None
        Any autoencoder of skae, or a Pipeline that ends in one. None means a `VAETransformer` with
        a quarter as many components as features, at most 10; with 2 to 8 features the better, by
        the rows that are held out, of two with 2 and 3 components and ``activation="tanh"`` that
        are trained for longer. One in a `sklearn.frozen.FrozenEstimator` is used as it is.
    contamination : float or "auto", default=0.1
        The share of outliers in the training rows, in (0, 0.5]; of rows without any, the share of
        false alarms. With "auto" their share is not known: the threshold is one that a hundredth
        of clean rows would be below, as the middle of the scores has it, which a fifth of outliers
        does not move far. See Notes.
    novelty : bool, default=True
        Whether new rows are to be judged, as in `sklearn.neighbors.LocalOutlierFactor`: `offset_`
        then comes from rows that were held out. With False it is a quantile of the scores of the
        training rows, which costs no further training: the share `contamination` of *those* is
        below it, as `fit_predict` needs, which is there only then, and several times as many new
        rows may be.
    random_state : int, RandomState instance or None, default=None
        Of the default autoencoder; one that is given has its own.

    Attributes
    ----------
    autoencoder_ : estimator
        The fitted one.
    offset_ : float
        What `decision_function` subtracts from the scores.
    held_out_scores_ : ndarray of shape (n_held_out,) or None
        The scores that `offset_` comes from, in rising order, of rows that were not trained on;
        those of folds corrected as the Notes say. None if there are none: with ``novelty=False``,
        with fewer than ten rows, and after an interruption.
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
    An autoencoder knows the training rows better than new ones, which is why others judge. Rows are
    held out until 50 are expected below the threshold: where that is a tenth of them at most (5000
    rows, with a `contamination` of 0.1), the autoencoder does without those; where rows are fewer,
    up to five more autoencoders are fitted, each to four fifths of them. So `fit` takes up to five
    times as long, with 1000 rows and 0.1 two to three and a half times. The autoencoders of the
    folds know a little less than `autoencoder_`: each quantile of their scores is moved a tenth of
    the way to that of the rows that they were fitted to, by what is expected of one over the number
    of rows.
    Of n rows that were held out the rate's 95 % interval is that of a beta distribution with
    parameters ``contamination * (n + 1)`` and ``(1 - contamination) * (n + 1)``: a `contamination`
    far below ``10 / n`` can not be kept.

    A row of the training rows scores better than a new one like it, so `predict` calls fewer of
    them outliers than `contamination`: use ``novelty=False`` to label them. Rows that come more
    than once, or neighbours in time, are no fair judges. Rows given to an autoencoder in a
    `FrozenEstimator` are taken for rows that it was not trained on.

    With ``contamination="auto"`` the scores are taken for shifted log-normal, by their median and
    their quantiles 0.2 and 0.8. Where they are, 0.01 of clean rows are called outliers; on real
    tables, whose tails are heavier, 0.02 to 0.09.

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
    >>> X = rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 2))  # alike in both features
    >>> detector = AutoencoderOutlierDetector(contamination=0.05, random_state=0).fit(X)
    >>> detector.predict([[1, 1], [1, -1]])  # the values are ordinary, together they are not
    array([ 1, -1])
    """

    _parameter_constraints: dict = {
        "autoencoder": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right"), StrOptions({"auto"})],
        "novelty": ["boolean"],
    }
    # Of detectors from before it was a parameter, whose `offset_` is one of training rows.
    novelty = False

    def __init__(self, autoencoder=None, *, contamination=0.1, novelty=True, random_state=None):
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
    def _quiet(self, again):
        """Rows may well be draws of one distribution: a default that finds so has not failed.

        And of rows that are learned from `again` all was said the first time.
        """
        with warnings.catch_warnings():
            if again:
                warnings.filterwarnings("ignore", "A few values lie far beyond")
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
            `contamination`, but for rows of weight 0: those are not looked at for the threshold
            with ``novelty=True``.

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
        shape = shape_of(X)
        X = X if hasattr(X, "shape") or is_read_in_place(X) else np.asarray(X)
        n_rows, n_features = shape if len(shape) == 2 else (0, 4)
        candidates = self._candidates(n_features)
        parts, n_folds = self._parts(n_rows, sample_weight)
        fitted = []
        with fit_of_steps(self, len(candidates) + n_folds, X, y) as step:
            for candidate in map(clone, candidates):
                with step("fit-autoencoder", candidate), self._quiet(bool(fitted)):
                    if parts and not n_folds:
                        fit_without(candidate, X, sample_weight, parts[0])
                    else:
                        fit_inside(candidate, X, sample_weight)
                fitted.append(candidate)
                if was_interrupted(candidate):
                    break
            several = len(fitted) > 1
            self.autoencoder_ = min(fitted, key=lambda c: c.best_loss_) if several else fitted[0]
            keep_feature_names(self, self.autoencoder_)
            self._find_threshold(X, sample_weight, parts, n_folds, step)

    def _parts(self, n_rows, sample_weight):
        """What to hold out: nothing of rows that the autoencoder was not trained on anyway."""
        if not self.novelty or not n_rows or isinstance(self.autoencoder, FrozenEstimator):
            return [], 0
        rows, _ = check_weights(np.empty((n_rows, 0)), sample_weight)
        parts, n_folds = parts_to_hold_out(len(rows), self.contamination)
        return [rows[part] for part in parts], n_folds

    def _find_threshold(self, X, sample_weight, parts, n_folds, step):
        if parts and not n_folds:
            scores = score_part(self.autoencoder_, X, parts[0])
        elif was_interrupted(self.autoencoder_):
            scores = None
        elif self.novelty and isinstance(self.autoencoder, FrozenEstimator):
            scores = self.autoencoder_.score_samples(X)
        else:
            scores = held_out_scores(self.autoencoder_, X, sample_weight, parts, n_folds, step)
        held_out = scores is not None
        self.held_out_scores_ = np.sort(scores) if held_out else None
        if not held_out:
            scores = self.autoencoder_.score_samples(X)
        self.offset_ = threshold(scores, self.contamination, held_out=held_out)

    @available_if(_labels_training_rows)
    def fit_predict(self, X, y=None, **kwargs):
        """Fit the autoencoder, and tell which of the training rows are outliers.

        It is there with ``novelty=False`` only.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored.
        **kwargs : dict
            What `fit` takes, such as `sample_weight`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            -1 for outliers, which are the share `contamination`, and 1 for others.

        Raises
        ------
        ValueError, TypeError
            As `fit` does.
        """
        return super().fit_predict(X, y, **kwargs)

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
    def feature_scores(self, X, *, groups=None):
        r"""Score each feature of each row; the lower, the more it makes the row an outlier.

        How much lower the score of the row is than it would be if the feature had the value that
        the others lead to expect:

        .. math:: s(x) - s(x_1, \dots, \hat x_j(x_{-j}), \dots, x_p)

        The network is shown the row without the feature for that, so that a strange value does not
        speak for itself. Of an outlier, where setting one feature right does not make an inlier of
        it, that feature is set aside, and the others are scored anew without it: so two or three
        strange ones are found that hide each other.

        Parameters
        ----------
        X : {array-like, sparse matrix} or DataFrame of shape (n_samples, n_features)
            Rows.
        groups : list of lists of int, default=None
            Numbers of features that count as one, such as the one-hot columns of a category. None
            means that each is one.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_features), float64
            Or (n_samples, n_groups). In units of `score_samples`, 0 at most; of a likelihood nats,
            by its bound at the posterior mean. 0 where a value is missing, and of columns that a
            `TabularAutoencoder` leaves out. One-hot columns of one feature that a step of a
            Pipeline inside made count as one.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If there is no autoencoder of skae inside, or one whose decoder is told the class.
        ValueError
            As in `score_samples`, and if a step before the autoencoder, such as `PCA`, makes
            columns that are of no one feature of X, or if `groups` are not as described.
        """
        scores = self.score_samples(X)
        return feature_scores(self.autoencoder_, X, groups, scores, self.offset_)

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
