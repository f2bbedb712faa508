"""Decoders that are told the class beside the code."""

from abc import abstractmethod
from numbers import Integral

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state, check_scalar, column_or_1d
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._labels import check_labels, is_labelled
from skae._tensors import tensors_welcome


class ConditionalMixin:
    """The verbs of an autoencoder whose decoder may be told the class."""

    @abstractmethod
    def _is_conditional(self):
        """Whether the decoder of the fitted model is told the class."""

    def _told_classes(self):
        """The labels that the decoder knows."""
        return self.classes_

    @tensors_welcome
    def inverse_transform(self, X, y=None):
        """Decode codes; where the decoder is told the class, as rows of the given classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, such as `transform` gives.
        y : array-like of shape (n_samples,) or a label, default=None
            Labels of `classes_`, needed where the decoder is told the class: with `conditional` and
            in classifiers. With `conditional` also -1, no class, if there were such rows in `fit`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Rows, in the units of the training data and the floating dtype of the codes.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another number of columns, NaN or infinity, or if y is not as described.
        """
        check_is_fitted(self)
        if not self._is_conditional():
            if y is not None:
                raise ValueError("y is for models that were fitted with conditional=True.")
            return self._decode(X)
        if y is None:
            raise ValueError(
                "The decoder of this model is told the class; codes hold the style only. Give y "
                f"as well, labels of {self._told_classes()}."
            )
        y = np.full(len(X), y) if np.ndim(y) == 0 else column_or_1d(y)
        check_consistent_length(X, y)
        return self._decode(X, self._class_numbers(y))

    def _class_numbers(self, y):
        labelled = is_labelled(y)
        unknown = ~np.isin(y[labelled], self._told_classes())
        if unknown.any():
            raise ValueError(
                f"y has labels that fit was not given: {np.unique(y[labelled][unknown])}; the "
                f"classes are {self._told_classes()}."
            )
        if not labelled.all() and not self._decodes_unlabelled:
            raise ValueError(
                "y has -1, but this model has not learned to decode rows without a class. Give "
                f"labels of {self._told_classes()} only."
            )
        numbers = np.full(len(y), -1)
        numbers[labelled] = np.searchsorted(self._told_classes(), y[labelled])
        return numbers

    def sample(self, n_samples=1, random_state=None, y=None):
        """Draw new rows: decode draws of the prior.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            Determines the draw. Pass an int for the same rows at each call.
        y : array-like of shape (n_samples,) or a label, default=None
            Where the decoder is told the class, those of the rows; None draws them as often as
            `fit` was given them.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            New rows, in the units and the floating dtype of the training data.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `n_samples` is below 1, or if y is not as described.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        random_state = check_random_state(random_state)
        codes = np.asarray(self._draw_codes(n_samples, random_state), dtype=self._dtype)
        if y is None and self._is_conditional():
            y = random_state.choice(self._told_classes(), n_samples, p=self._class_shares)
        return self.inverse_transform(codes, y)

    # Whether the decoder has seen codes without a class.
    _decodes_unlabelled = False

    def _count_classes(self, rows):
        """Remember how often there is each class."""
        labels = rows.labels.cpu().numpy()
        labelled = labels >= 0
        weight = np.ones(len(labels)) if rows.raw_weight is None else rows.raw_weight
        counts = np.bincount(
            labels[labelled], weight[labelled], minlength=len(self._told_classes())
        )
        if not counts.all():  # classes that are yet to come count as the rarest
            counts[counts == 0] = counts[counts > 0].min(initial=weight.mean())
        self._class_shares = counts / counts.sum()
        self._labelled_share = float(weight[labelled].sum() / weight.sum())


class ConditionalOnRequest(ConditionalMixin):
    """Adds `conditional`, with which `fit` needs y and the decoder is told the class."""

    _conditional_constraints: dict = {"conditional": ["boolean"]}

    def __init__(self, *args, conditional, **shared):
        super().__init__(*args, **shared)
        self.conditional = conditional

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Learn to encode and decode X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. A memory-mapped array is read batch by batch, never copied whole.
        y : array-like of shape (n_samples,), default=None
            With `conditional`: labels, numbers or texts, and -1 where a row has none. Otherwise
            ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss. None means equal weights.
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features), default=None
            Rows to validate on, in place of a part of X; not with `conditional`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, a weight or a parameter is not as described, or if training diverges.
        TypeError
            If an architecture gives something else than a torch module.

        Warns
        -----
        ConvergenceWarning
            If training was interrupted after its first epoch; the model is usable. Before that,
            KeyboardInterrupt is passed on.
        """
        return self._fit(X, y, sample_weight, X_val)

    def _is_conditional(self):
        return self._started_with["conditional"]

    def _learn_classes(self, rows):
        """How many classes the decoder of a new model is told."""
        if not self.conditional:
            return 0
        if rows is not None:
            self._count_classes(rows)
            self._decodes_unlabelled = bool((rows.labels < 0).any())
        return len(self.classes_)

    def _labels(self, y, X, *, fresh):
        if not self.conditional:
            return None
        known = None if fresh else self.classes_
        self.classes_, labels = check_labels(y, X, type(self).__name__, known)
        return labels

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = bool(self.conditional)
        return tags
