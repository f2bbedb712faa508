"""Cross-validation where only some rows have labels."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, indexable

from skae._rows.labels import as_labels, is_labelled
from skae._rows.tensors import as_numpy

__all__ = ["SemiSupervisedSplit"]


class SemiSupervisedSplit:
    """Split the labelled rows; those without a label are in every training part.

    With any other splitter unlabelled rows come into the test parts, where ``-1`` would be scored
    as if it were a class, which no classifier predicts.

    Parameters
    ----------
    cv : int, cross-validator or iterable, default=5
        How to split the labelled rows. An int makes that many stratified folds; an iterable gives
        places among the labelled rows.

    Raises
    ------
    TypeError
        If `cv` is none of these.

    See Also
    --------
    sklearn.model_selection.StratifiedKFold : What an int stands for.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.model_selection import SemiSupervisedSplit
    >>> y = np.array([0, -1, 1, -1, 1, 0])
    >>> for train, test in SemiSupervisedSplit(2).split(np.zeros((6, 1)), y):
    ...     print(train, test)
    [1 3 4 5] [0 2]
    [0 1 2 3] [4 5]
    """

    def __init__(self, cv=5):
        one_of_many = hasattr(cv, "split") or isinstance(cv, Integral)
        if not one_of_many and not np.iterable(cv):
            raise TypeError(
                f"cv={cv!r} must be a number of folds, a splitter such as StratifiedKFold, or an "
                "iterable of pairs of places among the labelled rows."
            )
        self.cv = cv if one_of_many else list(cv)  # an iterator would be spent after one use

    def __repr__(self):
        return f"SemiSupervisedSplit({self.cv!r})"

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Labels, -1 where there is none.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, for a `cv` that needs them.

        Returns
        -------
        n_splits : int
            The number of splits.
        """
        if y is None:  # as grid searches ask where the number can not depend on the rows
            return check_cv(self.cv, classifier=True).get_n_splits()
        cv, _, parts = self._of_labelled(X, y, groups)
        return cv.get_n_splits(*parts)

    def split(self, X, y, groups=None):
        """Generate the places of training and test rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Labels, -1 where there is none.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, for a `cv` that needs them.

        Yields
        ------
        train : ndarray
            All rows without a label, and the labelled ones to train on.
        test : ndarray
            Labelled rows.

        Raises
        ------
        ValueError
            If y is missing or has missing values, if no row has a label, or if `cv` refuses to
            split the labelled ones.
        """
        cv, labelled, parts = self._of_labelled(X, y, groups)
        unlabelled = np.setdiff1d(np.arange(len(y)), labelled)
        for train, test in cv.split(*parts):
            yield np.sort(np.concatenate([unlabelled, labelled[train]])), labelled[test]

    def _of_labelled(self, X, y, groups):
        X, y, groups = indexable(*map(as_numpy, (X, y, groups)))
        if y is None:
            raise ValueError(
                "SemiSupervisedSplit needs y, which says what rows have a label: give it, with -1 "
                "where there is none."
            )
        labelled = np.flatnonzero(is_labelled(as_labels(y)))
        if not len(labelled):
            raise ValueError("y has no label, only -1: there is nothing to test on.")
        parts = [
            part if part is None else _safe_indexing(part, labelled) for part in (X, y, groups)
        ]
        return check_cv(self.cv, parts[1], classifier=True), labelled, parts
