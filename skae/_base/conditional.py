"""Decoders that are told the class, or a number, beside the code."""

from abc import abstractmethod
from dataclasses import replace

import numpy as np
import torch
from sklearn.base import _fit_context
from sklearn.utils.validation import check_consistent_length

from skae._base.class_codes import EarlierCodes, Missed, look
from skae._base.holes import Holes
from skae._base.labelled import KnownLabels, LabelledMixin
from skae._base.numbers import NumbersMixin
from skae._base.reservoir import RareRows
from skae._rows.labels import as_labels, is_labelled, places_of
from skae._rows.tensors import tensors_welcome
from skae._training.device import plain_torch
from skae._training.state import plain_module


class ConditionalMixin(Holes):
    """The verbs of an autoencoder whose decoder may be told the class."""

    # Whether codes of rows without a class are decoded in training.
    _learns_to_decode_unlabelled = False

    @abstractmethod
    def _is_conditional(self):
        """Whether the decoder of the fitted model is told the class."""

    def _told_classes(self):
        """The labels that the decoder knows."""
        return self.classes_

    @tensors_welcome
    def inverse_transform(self, X, y=None, *, out=None):
        """Decode codes; where the decoder is told the class, as rows of the given classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, such as `transform` gives.
        y : array-like of shape (n_samples,) or a label, default=None
            Labels of `classes_`, needed where the decoder is told the class: with `conditional` and
            in classifiers. With `conditional` also -1, no class, if there were such rows in
            training; or numbers, if the model was told those.
        out : object of shape (n_samples, n_features), default=None
            What to write the rows to, block by block, and return: see `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Rows, in the units of the training data and the floating dtype of the codes; or `out`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another number of columns, NaN or infinity, or if y is not as described.
        TypeError
            As in `transform`.
        """
        return self._decode(X, y, out)

    def _tell(self, X, y):
        """What else the decoder is told of codes X."""
        if not self._is_conditional():
            if y is not None:
                raise ValueError("y is for models that were fitted with conditional=True.")
            return ()
        if y is None:
            raise ValueError(
                "The decoder of this model is told the class; codes hold the style only. Give y "
                f"as well, labels of {self._told_classes()}."
            )
        y = as_labels([y] * len(X) if np.ndim(y) == 0 else y)
        check_consistent_length(X, y)
        return (self._class_numbers(y),)

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
        if not labelled.all() and not self._known_labels.with_unlabelled:
            raise ValueError(
                "y has -1, but this model has not learned to decode rows without a class. Give "
                f"labels of {self._told_classes()} only."
            )
        return numbers

    def sample(self, n_samples=1, random_state=None, y=None):
        """Draw new rows: decode draws of the prior, or codes such as those of the class.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            Determines the draw. Pass an int for the same rows at each call.
        y : array-like of shape (n_samples,) or a label, default=None
            Where the decoder is told the class, those of the rows; None draws them as often as
            they were given in training. Codes are then drawn as those of training rows of the
            class lie, and not of the prior, from which codes of one class may be far. Where it is
            told a number, the same holds for rows with nearly that number; numbers beyond those
            of training are warned of.

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
        TypeError
            As in `transform`.
        """
        return self._sample(n_samples, random_state, y)

    def _draw_labels(self, n_samples, random_state):
        if not self._is_conditional():
            return None
        shares = self._known_labels.shares
        return random_state.choice(self._told_classes(), n_samples, p=shares)

    def _draw_codes(self, n_samples, random_state, y=None):
        """Codes such as rows of the classes y have, as far as those are known."""
        codes = super()._draw_codes(n_samples, random_state)
        if y is None or not self._is_conditional():
            return codes
        (numbers,) = self._tell(codes, y)
        self._see_classes()
        if hasattr(self, "_class_codes"):  # not in a file from before there were any
            self._class_codes.replace(codes, numbers, random_state)
        return codes

    def _see_classes(self):
        """Look at the codes of what is rehearsed of a stream, unless that was done."""
        if not hasattr(self, "_class_codes") and hasattr(self, "_reservoir"):
            with plain_torch(grad=False):
                found = look(self.module_, [self._rehearsed_rows()])
                if hasattr(self, "_rare_rows"):
                    rare = look(self.module_, [self._standardized(self._rare_rows)])
                    found = found.beside(rare, stream=True)
            self._class_codes = found.beside(getattr(self, "_earlier_codes", None), stream=True)

    def _with_rehearsed(self, table):
        if self.n_rehearsed == 0 and hasattr(self, "net_") and self._is_conditional():
            self._see_classes()  # the rows that are there are about to be forgotten
        before = getattr(self, "_reservoir", None)
        rehearsed = super()._with_rehearsed(table)
        now = getattr(self, "_reservoir", None)
        if before is None or now is None or not self._is_conditional():
            return rehearsed
        if now.labels is not None and now.labels.dtype.kind != "f":
            found = RareRows.of(before, now, getattr(self, "_rare_rows", None))
            if found is not None:
                self._rare_rows = found
        return rehearsed

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        if not self._is_conditional():
            return
        before = vars(self).pop("_class_codes", None)
        if hasattr(self, "_reservoir"):
            if not hasattr(self, "_earlier_codes") and not self._reservoir.knows_all:
                self._keep_earlier(before)
            if stream:  # all of its rows so far are many, beside those of a piece
                return
            self._see_classes()
            before = self._class_codes
        vars(self).pop("_earlier_codes", None)
        vars(self).pop("_rare_rows", None)
        n_classes, tables = self.module_.n_classes, [part for part in rows if part is not None]
        missed = Missed(n_classes, self.n_features_in_) if n_classes and not stream else None
        self._class_codes = look(self.module_, tables, missed).beside(before, stream)
        if missed is not None:
            self.module_.levels.add(missed.levels() * self._free_columns())

    def _keep_earlier(self, codes):
        """Note the codes of rows of which a stream, which has just begun, does not know."""
        if codes is not None:
            self._earlier_codes = EarlierCodes(**vars(codes))

    def _free_columns(self):
        """Where a decoded value may be anything, and is a mean: a mask of the columns."""
        free, target = np.zeros(self.n_features_in_, dtype=bool), self._start.target
        if target.unit is None:
            for cost, columns in target.columns or [(self._as_fitted("loss"), slice(None))]:
                free[columns] = cost in ("gaussian", "squared_error")
        if self.scaling_.bounds is not None:
            free &= ~np.isfinite(self.scaling_.bounds).any(axis=0)
        return torch.from_numpy(free)

    def __getstate__(self):
        if hasattr(self, "net_") and self._is_conditional():
            self._see_classes()
        return super().__getstate__()

    def _note(self, rows, n_new):
        super()._note(rows, n_new)
        if rows.labels is None:
            return
        is_new = not hasattr(self, "net_")
        before = None if is_new else self._known_labels
        known = KnownLabels.of(rows, len(self._told_classes()), before, n_new)
        decodes = known.with_unlabelled and self._learns_to_decode_unlabelled
        self._known_labels = replace(known, with_unlabelled=decodes)
        if not is_new:
            self.module_.set_class_shares(torch.from_numpy(self._known_labels.shares))
            plain_module(self.net_).objective = self._make_objective()


class ConditionalOnRequest(NumbersMixin, LabelledMixin, ConditionalMixin):
    """Adds `conditional`, with which `fit` needs y and the decoder is told the class."""

    _learns_to_decode_unlabelled = True

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def partial_fit(self, X, y=None, sample_weight=None, *, classes=None):
        """Take one more pass over X with the constant learning rate `learning_rate_init`.

        As many rows of the calls before are rehearsed with it, at most, from a sample in which each
        has the same chance (see `n_rehearsed`). So pieces may come in any order. The first call, if
        there was no `fit`, starts the model, its scaling included. While all rows are kept the
        model starts anew, with one pass over them, where their scale turns out to be more than
        twice that of its first rows or less than half of it, or means to lie a scale apart.

        After a `fit`, the bounds that its rows showed hold (see `output_activation`), and its rows
        are not rehearsed. There is no early stopping.

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
        return self._as_fitted("conditional")

    def _n_told_classes(self):
        """How many classes the decoder of a new model is told."""
        return len(self.classes_) if self.conditional and not self._tells_number() else 0

    def _n_told(self):
        """How many values the decoder of a new model is told."""
        return self._n_told_classes() + self._tells_number()

    def _learns_classes(self):
        return bool(self.conditional)

    def _draw_labels(self, n_samples, random_state):
        if not self._tells_number():
            return super()._draw_labels(n_samples, random_state)
        self._see_classes()
        drawn = self._class_codes.draw_numbers(n_samples, random_state)
        return self._known_numbers.in_units(drawn)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = bool(self.conditional)
        return tags
