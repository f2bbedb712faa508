"""The estimator that every model of skae is: validation, training and inference, written once."""

import copy
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
import torch
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_array, check_random_state, check_scalar
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from skae._batches import Rows, chunks, dense_tensor
from skae._device import forked_seed, resolve_device
from skae._net import make_net, train
from skae._scaling import ColumnStatistics, Scaling
from skae.architectures import MLP

# These fit into float32 without loss and may be large: they are cast batch by batch.
_SMALL_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "float16")


class BaseAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of the autoencoders.

    A model fills in `_make_module` and `_make_objective`; the rest is here.
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str],
        "architecture": [HasMethods(["make_encoder", "make_decoder"]), None],
        "learning_rate": [StrOptions({"annealed", "constant"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "callbacks": [list, tuple, None],
        "net_params": [dict, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def __init__(
        self,
        n_components,
        *,
        hidden_layer_sizes,
        activation,
        architecture,
        learning_rate,
        learning_rate_init,
        batch_size,
        max_iter,
        early_stopping,
        validation_fraction,
        n_iter_no_change,
        tol,
        warm_start,
        device,
        callbacks,
        net_params,
        random_state,
        verbose,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.architecture = architecture
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.net_params = net_params
        self.random_state = random_state
        self.verbose = verbose

    # What a model fills in.

    @abstractmethod
    def _make_module(self, rows, statistics):
        """The torch module, for standardized rows; `rows` are those to learn from."""

    @abstractmethod
    def _make_objective(self):
        """The objective: ``(module, x, y) -> {"term": (batch,)}``."""

    @abstractmethod
    def _needs_unit_interval(self):
        """The parameter that needs X in [0, 1], as text, or None."""

    @abstractmethod
    def _row_scores(self, module, x):
        """Scores of standardized rows in units of X, ``(batch, n_features) -> (batch,)``."""

    @abstractmethod
    def _draw_codes(self, n_samples, random_state):
        """Codes to decode, ``(n_samples, n_components)``."""

    @abstractmethod
    def _describe_training(self, rows, terms):
        """Set further fitted attributes; `terms` are the kept model's mean terms."""

    # Training.

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Learn to encode and decode X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. A memory-mapped array is read batch by batch, never copied whole.
        y : None
            Ignored, for compatibility with pipelines.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the loss. None means equal weights.
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features), default=None
            Rows to validate on, in place of a part of X.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, a weight or a parameter is not as described, or if training diverges.
        """
        fresh = not (self.warm_start and hasattr(self, "net_"))
        X = self._validate_target(X, reset=fresh)
        subset, weight = _weigh(X, sample_weight)
        if fresh:
            self._rng = check_random_state(self.random_state)
        X_held_out, subset_val, weight_val = X, None, weight
        if X_val is not None:
            X_held_out, weight_val = self._validate_target(X_val, reset=False), None
            subset_val = np.arange(X_held_out.shape[0])
        elif self.early_stopping:
            subset, subset_val = self._split(subset)
        rows = self._start(X, subset, weight) if fresh else self._rows(X, subset, weight)
        has_val = subset_val is not None and len(subset_val) > 0
        self._train(
            rows,
            rows_val=self._rows(X_held_out, subset_val, weight_val) if has_val else None,
            max_epochs=self.max_iter,
            learning_rate=self.learning_rate,
            patience=self.n_iter_no_change if self.early_stopping else None,
            tol=self.tol,
        )
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take one more pass over X with the constant learning rate `learning_rate_init`.

        The first call, if there was no `fit`, starts the model, its scaling included, from the rows
        it is given. There is no early stopping.

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
        """
        fresh = not hasattr(self, "net_")
        X = self._validate_target(X, reset=fresh)
        subset, weight = _weigh(X, sample_weight)
        if fresh:
            self._rng = check_random_state(self.random_state)
        rows = self._start(X, subset, weight) if fresh else self._rows(X, subset, weight)
        self._train(rows, max_epochs=1, learning_rate="constant")
        return self

    def _split(self, subset):
        """Split row numbers at random into those to learn from and those to validate on."""
        n_val = round(self.validation_fraction * len(subset))
        shuffled = self._rng.permutation(subset)
        return np.sort(shuffled[n_val:]), np.sort(shuffled[:n_val])

    def _rows(self, X, subset, weight):
        return Rows(X, self.scaling_, subset=subset, weight=weight, device=self._device())

    def _device(self):
        return resolve_device(self.device)

    def _seeded(self):
        """Seed torch from `random_state` and give the caller's random state back at the end."""
        return forked_seed(self._device(), int(self._rng.randint(np.iinfo(np.int32).max)))

    def _start(self, X, subset, weight):
        """Scale, build the module and the net; returns the rows to learn from."""
        vars(self).pop("net_", None)
        statistics = ColumnStatistics.measure(X, subset, weight)
        standardized = self._needs_unit_interval() is None
        self.scaling_ = statistics.scaling() if standardized else Scaling(np.zeros(X.shape[1]), 1.0)
        self._dtype, self._n_features_out = _float_dtype(X), self.n_components
        rows = self._rows(X, subset, weight)
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = int(np.clip(len(rows) // 50, 8, 128))
        with self._seeded():
            self.net_ = make_net(
                self._make_module(rows, statistics),
                self._make_objective(),
                lr=self.learning_rate_init,
                batch_size=batch_size,
                device=str(self._device()),
                verbose=int(self.verbose),
                callbacks=self.callbacks,
                net_params=self.net_params,
            )
        return rows

    def _train(self, rows, **settings):
        try:
            with self._seeded():
                terms = train(self.net_, rows, **settings)
        except BaseException:
            del self.net_  # half a training is no model
            raise
        history = self.net_.history
        self.n_iter_ = len(history)
        self.best_loss_ = terms["loss"]
        self.loss_curve_ = history[:, "train_loss"]
        validated = settings.get("rows_val") is not None
        self.validation_scores_ = (
            [-row["valid_loss"] for row in history if "valid_loss" in row] if validated else None
        )
        self._describe_training(rows, terms)

    def _make_networks(self, n_outputs, n_inputs):
        """An encoder with `n_outputs` and a decoder with `n_inputs`, their widths checked."""
        architecture = self.architecture
        if architecture is None:
            architecture = MLP(self.hidden_layer_sizes, self.activation)
        n_features = self.n_features_in_
        return (
            _check_widths(
                architecture.make_encoder(n_features, n_outputs),
                n_features,
                n_outputs,
                f"encoder (n_components={self.n_components})",
            ),
            _check_widths(
                architecture.make_decoder(n_inputs, n_features), n_inputs, n_features, "decoder"
            ),
        )

    # Inference.

    def transform(self, X):
        """Encode X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            Codes, in the floating dtype of X.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        return self._map_rows(X, self.module_.encode).numpy().astype(_float_dtype(X), copy=False)

    def inverse_transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, such as `transform` gives.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Reconstructions, in the units of the training data and the floating dtype of the codes.
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=[np.float64, np.float32], input_name="X")
        if Z.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {Z.shape[1]} columns, but codes of this {type(self).__name__} have "
                f"{self._n_features_out} (n_components)."
            )
        decoded = np.empty((Z.shape[0], self.n_features_in_), dtype=Z.dtype)
        with torch.inference_mode():
            for chunk in chunks(Z.shape[0]):
                z = dense_tensor(Z, chunk).float().to(self._module_device())
                x = self.module_.decode(z).cpu().to(_TORCH_DTYPES[Z.dtype.name])
                decoded[chunk] = self.scaling_.inverse(x).numpy()
        return decoded

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
        """
        check_is_fitted(self)
        X = self._validate_target(X, reset=False)
        # In float64 the score of a row does not depend on the rows beside it, which in float32 it
        # does in the last digits: sums are then taken in another order.
        module = copy.deepcopy(self.module_).double()
        return self._map_rows(X, lambda x: self._row_scores(module, x.double())).numpy()

    def score(self, X, y=None):
        """Mean of `score_samples`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Higher is better.
        """
        return float(self.score_samples(X).mean())

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
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        codes = self._draw_codes(n_samples, check_random_state(random_state))
        return self.inverse_transform(np.asarray(codes, dtype=self._dtype))

    @property
    def module_(self):
        """The trained torch module, in evaluation mode; it works on standardized rows."""
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no module_ before fit.")
        return self.net_.module_.model

    def _module_device(self):
        return next(self.module_.parameters()).device

    def _map_rows(self, X, function):
        """Apply a function of standardized rows to X, chunk by chunk."""
        device, outputs = self._module_device(), []
        with torch.inference_mode():
            for chunk in chunks(X.shape[0]):
                x = self.scaling_(dense_tensor(X, chunk)).to(device)
                outputs.append(function(x).cpu())
        return torch.cat(outputs)

    # What scikit-learn asks of an estimator.

    def _validate(self, X, *, reset):
        """Check X as scikit-learn does, without a copy where that can be avoided."""
        keep = isinstance(X, np.ndarray) and X.dtype.name in _SMALL_DTYPES
        try:
            X = validate_data(
                self,
                X,
                accept_sparse="csr",
                dtype=None if keep else [np.float64, np.float32],
                reset=reset,
            )
        except ValueError as error:
            if "could not convert string to float" not in str(error):
                raise
            raise ValueError(
                f"X has text that is not a number: {error}. Encode such columns first, for example "
                "with OneHotEncoder in a ColumnTransformer."
            ) from error
        return X

    def _validate_target(self, X, *, reset):
        """Check X where it is also what the decoder must reproduce."""
        X = self._validate(X, reset=reset)
        needs = self._needs_unit_interval()
        if needs is not None:
            _check_unit_interval(X, needs)
        return X

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


_TORCH_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def _float_dtype(X):
    """The floating dtype of results for X: float64 where values may need it, else float32."""
    return np.float64 if X.dtype == np.float64 else np.float32


def _weigh(X, sample_weight):
    """The rows of positive weight, and all weights divided by the mean of those, or None."""
    if sample_weight is None:
        return np.arange(X.shape[0]), None
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    subset = np.flatnonzero(weight)
    if not len(subset):
        raise ValueError(
            "All of sample_weight is zero: nothing is left to learn from. At least one weight must "
            "be positive."
        )
    return subset, weight / weight[subset].mean()


def _check_unit_interval(X, parameter):
    values = X.data if sparse.issparse(X) else X
    if values.size and (values.min() < 0 or values.max() > 1):
        raise ValueError(
            f"{parameter} needs values in [0, 1], but X has values from {values.min():.6g} to "
            f"{values.max():.6g}. Rescale X, for example with MinMaxScaler(clip=True), or choose "
            "another."
        )


def _check_widths(network, n_inputs, n_outputs, role):
    """Try a network on two rows; a wrong shape would broadcast and learn nonsense."""
    network.eval()
    with torch.no_grad():
        shape = tuple(network(torch.zeros(2, n_inputs)).shape)
    network.train()
    if shape != (2, n_outputs):
        raise ValueError(
            f"The {role} turns 2 rows of width {n_inputs} into an output of shape {shape}, but it "
            f"must be (2, {n_outputs}). Check the module that the architecture returns: its "
            "arguments are the widths of its input and output, in this order."
        )
    return network
