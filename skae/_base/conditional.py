"""Decoders that are told the class beside the code."""

from abc import abstractmethod
from numbers import Integral

import numpy as np
import torch
from sklearn.base import _fit_context
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._rows.labels import as_labels, is_labelled, places_of
from skae._rows.tensors import tensors_welcome
from skae._training.state import plain_module


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
            in classifiers. With `conditional` also -1, no class, if there were such rows in
            training.

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
        y = as_labels([y] * len(X) if np.ndim(y) == 0 else y)
        check_consistent_length(X, y)
        return self._decode(X, self._class_numbers(y))

    def _class_numbers(self, y):
        labelled = is_labelled(y)
        numbers = np.full(len(y), -1)
        numbers[labelled] = places_of(y[labelled], self._told_classes())
        unknown = labelled & (numbers < 0)
        if unknown.any():
            raise ValueError(
                f"y has labels that fit was not given: {np.unique(y[unknown].tolist())}; the "
                f"classes are {self._told_classes()}."
            )
        if not labelled.all() and not self._decodes_unlabelled:
            raise ValueError(
                "y has -1, but this model has not learned to decode rows without a class. Give "
                f"labels of {self._told_classes()} only."
            )
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
            they were given in training.

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

    def _note_labels(self, rows, stream=False):
        if rows.labels is None:
            return
        labels = rows.labels.cpu().numpy()
        labelled = labels >= 0
        weight = np.ones(len(labels)) if rows.raw_weight is None else rows.raw_weight
        counts = np.bincount(
            labels[labelled], weight[labelled], minlength=len(self._told_classes())
        )
        # Another fit counts anew, but rows without any label say nothing of the classes.
        if hasattr(self, "net_") and (stream or not labelled.any()):
            # A model of the first version knows shares only.
            counts = counts + getattr(self, "_class_counts", self._class_shares)
        self._class_counts = counts
        # Classes that are yet to come count as the rarest, or as one row where that is less.
        rarest = counts[counts > 0].min(initial=weight.mean())
        shares = np.where(counts > 0, counts, rarest)
        self._class_shares = shares / shares.sum()
        self._labelled_share = float(weight[labelled].sum() / weight.sum())

    def _go_on(self, rows, stream):
        super()._go_on(rows, stream)
        if rows.labels is not None:
            self.module_.set_class_shares(torch.from_numpy(self._class_shares))
            plain_module(self.net_).objective = self._make_objective()


class ConditionalOnRequest(ConditionalMixin):
    """Adds `conditional`, with which `fit` needs y and the decoder is told the class."""

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

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def partial_fit(self, X, y=None, sample_weight=None, *, classes=None):
        """Take one more pass over X with the constant learning rate `learning_rate_init`.

        The first call, if there was no `fit`, starts the model, its scaling included, from the rows
        it is given: let them be a fair sample. After a `fit`, the bounds that its rows showed hold
        (see `output_activation`). There is no early stopping.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            With `conditional`: labels as in `fit`; if the classes are known already, all may be -1.
            Otherwise ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss.
        classes : array-like of shape (n_classes,), default=None
            With `conditional`: all classes, -1 or not; needed in the first call unless y has them
            all. Later they need not be given again, and may not be others.

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

    def _is_conditional(self):
        return self._started_with["conditional"]

    def _n_told_classes(self):
        """How many classes the decoder of a new model is told."""
        return len(self.classes_) if self.conditional else 0

    def _learns_classes(self):
        return self.conditional

    def _note_labels(self, rows, stream=False):
        super()._note_labels(rows, stream)
        if rows.labels is not None:
            before = hasattr(self, "net_") and self._decodes_unlabelled
            self._decodes_unlabelled = before or bool((rows.labels < 0).any())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = bool(self.conditional)
        return tags
