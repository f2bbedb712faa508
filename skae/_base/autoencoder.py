"""What the autoencoders share: an encoder, a decoder, and their verbs."""

from abc import abstractmethod
from numbers import Integral

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from skae._base.applying import as_codes, in_float64, map_codes, tell_exposure
from skae._base.estimator import NeuralEstimator
from skae._base.frames import FramesMixin
from skae._base.holding import hold
from skae._base.networks import NetworksMixin
from skae._base.writing import OutMixin, filled
from skae._rows.checks import check_finite, check_weights
from skae._rows.source import as_source
from skae._rows.sources.dtypes import float_dtype
from skae._rows.tensors import tensors_welcome


class BaseAutoencoder(
    ClassNamePrefixFeaturesOutMixin,
    FramesMixin,
    OutMixin,
    TransformerMixin,
    NetworksMixin,
    NeuralEstimator,
):
    """Base class of the autoencoders."""

    # What a model fills in.

    # Whether `_row_scores` sees to it that products are of enough rows: see `padded`.
    _pads_scores = False

    @abstractmethod
    def _row_scores(self, module, x):
        """Scores of standardized rows in units of X, ``(batch, n_features) -> (batch,)``."""

    def _quick_scores(self, module, x):
        """The same, to compare many rows that differ in a feature: it may be nearly the same."""
        return self._row_scores(module, x)

    def _is_conditional(self):
        """Whether the decoder of the fitted model is told the class."""
        return False

    @abstractmethod
    def _draw_codes(self, n_samples, random_state, y=None):
        """Codes to decode as rows of the classes y, ``(n_samples, n_components)``."""

    # Where results go is the caller's business, not one of metadata.
    __metadata_request__transform = {"out": UNUSED}
    __metadata_request__inverse_transform = {"out": UNUSED}

    # Training.

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Fit the model to X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. What lies elsewhere (a memory-mapped array, what HDF5, zarr, AnnData,
            pyarrow or Dask have) is read batch by batch, never copied whole.
        y : array-like of shape (n_samples,), default=None
            Ignored, but by a model that was made with ``conditional=True``, which needs labels:
            numbers or texts, and -1 where a row has none; or a quantity (see `conditional`).
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss. None means equal weights.
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features), default=None
            Rows to validate on, in place of a part of X; not with labels.

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
            and in a search, KeyboardInterrupt is passed on.
        """
        return self._fit(X, y, sample_weight, X_val)

    @_fit_context(prefer_skip_nested_validation=True)
    @tensors_welcome
    def partial_fit(self, X, y=None, sample_weight=None):
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
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As in `fit`, and if all rows of the first call are equal: they show no scale.
        """
        return self._partial_fit(X, y, sample_weight)

    @property
    def _n_features_out(self):
        # Without a start there is no such attribute, by which scikit-learn knows who is not fitted.
        return self._start.params.get("n_components", self.n_components)

    _has_normal_prior = False

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        hold(self.module_, [part for part in rows if part is not None], self._has_normal_prior)

    # Inference.

    @tensors_welcome
    def transform(self, X, *, out=None):
        """Encode X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        out : object of shape (n_samples, n_components), default=None
            What to write the codes to, block by block, and return: a memory map, an `h5py.Dataset`,
            an array of zarr, a tensor, or what else has slice assignment. What was written before
            an error stays. None makes an array.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            Codes, in the floating dtype of X; or `out`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another number of features, NaN or infinity, or is too far from the training
            data for float32; or `out` another shape, or is read-only.
        TypeError
            If `out` can not be written to, or its dtype would cut off values.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False, finite=False)
        if out is None:
            return self._encode(X)
        source = as_source(X)
        shape = len(source), self._n_features_out
        return filled(out, lambda rows: self._encode(source.block(rows)), shape)

    def _encode(self, X):
        """Codes of checked rows."""
        codes = check_finite(self._map_rows(X, self.module_.encode), "transform")
        return codes.astype(self._code_dtype(X), copy=False)

    def _code_dtype(self, X):
        """The dtype of the codes of X."""
        return float_dtype(X.dtype)

    @tensors_welcome
    def inverse_transform(self, X, *, out=None):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, such as `transform` gives.
        out : object of shape (n_samples, n_features), default=None
            What to write the rows to, block by block, and return: see `transform`.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Reconstructions, in the units of the training data and the floating dtype of the codes;
            or `out`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another number of columns, NaN or infinity, or `out` another shape.
        TypeError
            As in `transform`.
        """
        return self._decode(X, out=out)

    def _decode(self, X, y=None, out=None, log_exposure=None):
        """Rows for codes, as they come or as rows of the classes y and of other exposures."""
        check_is_fitted(self)
        source = as_codes(X, self._n_features_out, type(self).__name__)
        told, module = tell_exposure(self._tell(source, y), log_exposure), self.module_

        def decode(rows):
            some = [None if part is None else part[rows] for part in told]
            found = map_codes(module.decode, source.block(rows), some, self.scaling_, module)
            return check_finite(found, "inverse_transform")

        if out is None:
            return decode(slice(None))
        return filled(out, decode, (len(source), self.n_features_in_))

    @tensors_welcome
    def score_samples(self, X):
        """Score each row; higher is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            See the class.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As in `transform`, and if the loss needs X in [0, 1] and it is not.
        """
        return self._score_rows(X, self._row_scores)

    def _score_rows(self, X, function):
        """Apply a function of a module and rows in its dtype, ``(batch,)``, to X."""
        X = self._validate_target(X)
        module, dtype = in_float64(self.module_, self._row_scores, self.n_features_in_)
        scores = self._map_rows(X, lambda x: function(module, x.to(dtype)), pads=self._pads_scores)
        return check_finite(scores.astype(np.float64, copy=False), "score_samples")

    @tensors_welcome
    def score(self, X, y=None, sample_weight=None):
        """Mean of `score_samples`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the mean. None means equal weights.

        Returns
        -------
        score : float
            Higher is better.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As in `score_samples`, and if weights are negative or all are zero.
        """
        scores = self.score_samples(X)
        _, weight = check_weights(scores, sample_weight)
        return float(np.average(scores, weights=weight))

    def sample(self, n_samples=1, random_state=None):
        """Draw new rows: decode codes that are drawn at random.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            Determines the draw. Pass an int for the same rows at each call.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            New rows, in the units and the floating dtype of the training data.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `n_samples` is below 1.
        """
        return self._sample(n_samples, random_state)

    def _sample(self, n_samples, random_state, y=None, noise=False, exposure=None):
        """The verb of all: codes, what the decoder is told beside them, and their rows."""
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        random_state = check_random_state(random_state)
        y = self._draw_labels(n_samples, random_state) if y is None else y
        codes = self._draw_codes(n_samples, random_state, y)
        log_exposure = self._exposures_of(codes, y, exposure, random_state)
        codes = np.asarray(codes, dtype=self._start.dtype)
        if noise:
            return self._draw_rows(codes, y, random_state, log_exposure)
        return self._mean_rows(codes, y, log_exposure)

    def _mean_rows(self, codes, y=None, log_exposure=None):
        """Rows for codes that were drawn."""
        return self._decode(codes, y, log_exposure=log_exposure)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
