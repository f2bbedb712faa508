"""Values that were not observed."""

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skae._batches import dense_block


class MissingValuesMixin:
    """Adds `allow_nan`, with which NaN in X is "not observed", and `impute`, to an autoencoder."""

    _missing_constraints: dict = {"allow_nan": ["boolean"]}

    def __init__(self, *args, allow_nan, **shared):
        super().__init__(*args, **shared)
        self.allow_nan = allow_nan

    def impute(self, X, *, n_iter=10):
        """Fill in what was not observed.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, with NaN for values that were not observed.
        n_iter : int, default=10
            How often reconstructions take the place of those values, to be encoded anew. The first
            time it is the means of the features.

        Returns
        -------
        X_filled : ndarray of shape (n_samples, n_features)
            X, with reconstructions in place of NaN, within the range that the feature had in `fit`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the model was fitted with ``allow_nan=False``, or X is not as described.
        """
        check_is_fitted(self)
        if not self._started_with["allow_nan"]:
            raise ValueError(
                "impute needs a model that was fitted with allow_nan=True: others take NaN for an "
                "error."
            )
        check_scalar(n_iter, "n_iter", int, min_val=1)
        X = self._validate(X, reset=False)
        filled = np.array(dense_block(X, slice(None)), dtype=np.result_type(X.dtype, np.float32))
        missing = np.isnan(filled)
        rows = np.flatnonzero(missing.any(axis=1))
        current, places = filled[rows], missing[rows]
        for _ in range(n_iter if len(rows) else 0):
            # What is taken for input again must not run away from the data.
            current[places] = self._decode(self.transform(current)).clip(*self._range)[places]
        filled[rows] = current
        return filled

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.allow_nan)
        return tags
