"""What the classifiers share that learn from rows with and without labels."""

from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from skae._base.estimator import NeuralEstimator
from skae._base.labelled import LabelledMixin
from skae._rows.tensors import tensors_welcome

# Labelled rows in a batch, at most, where the user leaves it to us.
MAX_LABELLED = 100


class SemiSupervisedClassifier(ClassifierMixin, LabelledMixin, NeuralEstimator):
    """Base class of the classifiers that learn from unlabelled rows as well.

    A model's module has `classify`, which gives logits.
    """

    _judged_by_labels = True

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def fit(self, X, y, sample_weight=None):
        """Learn from rows with and without labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. What lies elsewhere (a memory-mapped array, what HDF5, zarr, AnnData,
            pyarrow or Dask have) is read batch by batch, never copied whole.
        y : array-like of shape (n_samples,)
            Labels: numbers or texts, and -1 where a row has none. Beside texts -1 may stand as a
            number, in a list or an array of objects, or as "-1".
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss. None means equal weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, a weight or a parameter is not as described, if there are fewer than two
            classes, or if training diverges.

        Warns
        -----
        ConvergenceWarning
            If training was interrupted after its first epoch; the model is usable. Before that,
            and in a search, KeyboardInterrupt is passed on.
        """
        return self._fit(X, y, sample_weight)

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Take one more pass over X with the constant learning rate `learning_rate_init`.

        As many rows of the calls before are rehearsed with it, at most, with their labels, from a
        sample in which each has the same chance (see `n_rehearsed`). So pieces may come in any
        order. The first call, if there was no `fit`, starts the model, its scaling included. While
        all rows are kept the model starts anew, with one pass over them, where their scale turns
        out to be more than twice that of its first rows or less than half of it, or means to lie a
        scale apart.

        After a `fit`, its rows are not rehearsed. There is no early stopping.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Labels as in `fit`; if the classes are known already, all may be -1.
        classes : array-like of shape (n_classes,), default=None
            All classes, -1 or not; needed in the first call unless y has them all. Later they
            need not be given again, and may not be others.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As in `fit`, if y has a class that was not there before, if `classes` are fewer than two
            or not those of before, and if all rows of the first call are equal: they show no scale.
        """
        return self._partial_fit(X, y, sample_weight, classes)

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

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another number of features, NaN or infinity, or is too far from the training
            data for float32.
        """
        places = self.predict_proba(X).argmax(axis=1)
        return self.classes_.take(places)

    @tensors_welcome
    def predict_proba(self, X):
        """Estimate the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`; each row sums to one.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As in `predict`.
        """
        check_is_fitted(self)
        return self._probabilities(self._validate_target(X))

    def _n_labelled(self, rows):
        """Labelled rows that are added to a batch."""
        if self.labelled_batch_size != "auto":
            return self.labelled_batch_size
        return min(MAX_LABELLED, int((rows.labels >= 0).sum()))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
