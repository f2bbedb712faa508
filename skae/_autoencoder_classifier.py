"""A classifier on the codes of an autoencoder."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skae._autoencoder import AutoencoderTransformer
from skae._base.autoencoder import BaseAutoencoder
from skae._base.fine_tuning import FineTuner, check_settings
from skae._base.meta import (
    all_or_nothing,
    fit_inside,
    keep_feature_names,
    take_input_tags,
    weights_for,
)
from skae._base.parameters import keep, public
from skae._documented import Documented
from skae._rows.labels import check_labels
from skae._rows.source import as_source, is_read_in_place, shape_of, some_rows
from skae._rows.tensors import tensors_welcome
from skae._training.listeners import CallbackSupportMixin, fit_of_steps
from skae._training.unwatched import unwatched


def _classifier_has(method):
    def has(self):
        getattr(getattr(self, "classifier_", self._default("classifier")), method)
        return True

    return available_if(has)


@public
class AutoencoderClassifier(
    ClassifierMixin, MetaEstimatorMixin, Documented, CallbackSupportMixin, BaseEstimator
):
    """A representation that is learned from all rows, and a classifier on it of the labelled ones.

    The plain way to use unlabelled rows, and a fast one; `LadderClassifier` learns both at once.
    With a `VAETransformer` and an `SVC` it is the model M1 of [1]_.

    Parameters
    ----------
    transformer : transformer, default=None
        Learns the representation, from X alone. None means ``AutoencoderTransformer(10)``, or fewer
        components where there are fewer features. One in a `sklearn.frozen.FrozenEstimator` is used
        as it is.
    classifier : classifier, default=None
        Learns the classes, from the codes of the labelled rows. None means a `LogisticRegression`.
    fine_tune : bool, default=False
        Whether to go on training the encoder with the labels, by the cross-entropy of a linear
        layer on its codes, before the classifier learns from them. The transformer must be an
        autoencoder of skae. It needs more labels than the representation alone. What started as
        PCA in the encoder stays, and the decoder knows nothing of it: codes no longer decode well.
    fine_tune_params : dict, default=None
        Settings of that training, such as ``{"max_iter": 20}``. What is not there is as in the
        transformer, but for `learning_rate_init`, 0.001, `max_iter`, 50, and `early_stopping`,
        False.
    random_state : int, RandomState instance or None, default=None
        Of the default transformer; one that is given has its own.

    Attributes
    ----------
    transformer_ : transformer
        The fitted one.
    classifier_ : classifier
        The fitted one.
    classes_ : ndarray of shape (n_classes,)
        The labels, without -1.
    n_features_in_ : int
        Number of features, if the transformer knows it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings and the transformer keeps them.

    See Also
    --------
    LadderClassifier : One model for both; slower.
    skae.model_selection.SemiSupervisedSplit : Cross-validation on the labelled rows only.
    sklearn.semi_supervised.SelfTrainingClassifier : Uses unlabelled rows with any classifier.

    References
    ----------
    .. [1] Kingma, Rezende, Mohamed and Welling, "Semi-supervised learning with deep generative
       models", NeurIPS 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> from skae import AutoencoderClassifier, AutoencoderTransformer
    >>> X, y = load_digits(return_X_y=True)
    >>> some = np.where(np.arange(len(y)) < 200, y, -1)
    >>> transformer = AutoencoderTransformer(10, max_iter=5, random_state=0)
    >>> model = AutoencoderClassifier(transformer, SVC()).fit(X, some)
    >>> model.score(X[200:], y[200:]) > 0.8
    True
    """

    _parameter_constraints: dict = {
        "transformer": [HasMethods(["fit", "transform"]), None],
        "classifier": [HasMethods(["fit", "predict"]), None],
        "fine_tune": ["boolean"],
        "fine_tune_params": [dict, None],
    }

    def __init__(
        self,
        transformer=None,
        classifier=None,
        *,
        fine_tune=False,
        fine_tune_params=None,
        random_state=None,
    ):
        keep(self, locals())

    def _default(self, name, n_features=10):
        given = getattr(self, name)
        if given is not None:
            return given
        if name == "classifier":
            return LogisticRegression(max_iter=1000)
        n_components = max(1, min(10, n_features))  # that there is no feature, it says itself
        return AutoencoderTransformer(n_components, random_state=self.random_state)

    @_fit_context(prefer_skip_nested_validation=False)
    @tensors_welcome
    def fit(self, X, y, sample_weight=None):
        """Learn the representation from X, and the classes from the rows with a label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, as the transformer takes them.
        y : array-like of shape (n_samples,)
            Labels: numbers or texts, and -1 where a row has none. Beside texts -1 may stand as a
            number, in a list or an array of objects, or as "-1".
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, for the transformer and the classifier.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If y has fewer than two classes, or the transformer or the classifier refuses the data.
        TypeError
            If there are weights and one of the two takes none, or if the transformer can not be
            fine-tuned.
        """
        with all_or_nothing(self):
            self._fit(X, y, sample_weight)
        return self

    def _fit(self, X, y, sample_weight):
        check_settings(self.fine_tune_params or {})
        rows = as_source(X) if is_read_in_place(X) else X
        self.classes_, labels = check_labels(y, rows, type(self).__name__)
        labelled = np.flatnonzero(labels >= 0)
        # What has no such shape is for the transformer to take or to refuse.
        shape = shape_of(X)
        n_features = shape[1] if len(shape) == 2 else 10
        self.transformer_ = clone(self._default("transformer", n_features))
        frozen = isinstance(self.transformer_, FrozenEstimator)  # learns no more, whatever it needs
        if not frozen and get_tags(self.transformer_).target_tags.required:
            raise ValueError(
                f"{type(self.transformer_).__name__} as it is set needs y, but here a transformer "
                "learns from X alone. Set conditional=False where that is why, or give it fitted, "
                "in a FrozenEstimator."
            )
        with fit_of_steps(self, 2 + self.fine_tune, X, y) as step:
            with step("fit-transformer", self.transformer_):
                fit_inside(self.transformer_, X, sample_weight)
            if sample_weight is not None:
                weight = _check_sample_weight(sample_weight, labels, ensure_non_negative=True)
                sample_weight = weight[labelled]
            known = self.classes_[labels[labelled]]
            if self.fine_tune:
                tuner = self._make_tuner()
                with step("fine-tune", tuner):
                    tuner.fit(some_rows(X, labelled), known, sample_weight)
            codes = _safe_indexing(self.transformer_.transform(X), labelled)
            self.classifier_ = clone(self._default("classifier"))
            with step("fit-classifier", self.classifier_):
                weights = weights_for(self.classifier_, sample_weight)
                with unwatched():
                    self.classifier_.fit(codes, known, **weights)
            keep_feature_names(self, self.transformer_)

    def _make_tuner(self):
        if not isinstance(self.transformer_, BaseAutoencoder):
            name = type(self.transformer_).__name__
            why = "is to stay as it is" if isinstance(self.transformer_, FrozenEstimator) else ""
            raise TypeError(
                f"fine_tune=True needs an autoencoder of skae as the transformer, but {name} "
                f"{why or 'is none'}. Set fine_tune=False, or let other steps, such as a scaler, "
                "come before the AutoencoderClassifier in a Pipeline."
            )
        return FineTuner(self.transformer_, self.fine_tune_params or {})

    def _codes(self, X):
        check_is_fitted(self)
        return self.transformer_.transform(X)

    @tensors_welcome
    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels, of those in `classes_`.
        """
        codes = self._codes(X)
        return self.classifier_.predict(codes)

    @_classifier_has("predict_proba")
    @tensors_welcome
    def predict_proba(self, X):
        """Estimate the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        codes = self._codes(X)
        return self.classifier_.predict_proba(codes)

    @_classifier_has("decision_function")
    @tensors_welcome
    def decision_function(self, X):
        """Give the classifier's decision function.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            See the classifier.
        """
        codes = self._codes(X)
        return self.classifier_.decision_function(codes)

    def __sklearn_tags__(self):
        return take_input_tags(super().__sklearn_tags__(), self._default("transformer"))
