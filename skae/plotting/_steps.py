"""What the displays ask of estimators, and of the steps of pipelines."""

import contextlib
import inspect
import warnings

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae._rows.source import in_memory
from skae._rows.tensors import as_numpy

# Where estimators that neither encode nor decode have the one that does.
INNER = ("autoencoder_", "transformer_", "best_estimator_")


class Steps:
    """The last step of a pipeline, which encodes and decodes, and those before; or an estimator.

    Parameters
    ----------
    estimator : object
        Fitted.
    *methods : str
        What the last step must have.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If the last step has no such method.
    """

    def __init__(self, estimator, *methods):
        check_is_fitted(estimator)
        *self.earlier, self.last = flat(estimator) or [estimator]
        self._names = getattr(estimator, "feature_names_in_", None)
        for method in methods:
            if not hasattr(self.last, method):
                raise TypeError(
                    f"{type(self.last).__name__} has no {method}, which this picture needs. Give "
                    f"{_what_has_it(self)}."
                )

    def enter(self, X):
        """Rows as the last step is given them."""
        for step in self.earlier:
            X = step.transform(X)
        return X

    def leave(self, rows):
        """From there back to rows like X; None where a step can not be undone, or gives text."""
        try:
            for step in reversed(self.earlier):
                rows = step.inverse_transform(rows)
            return as_table(rows)
        except (AttributeError, TypeError, ValueError):
            return None

    def encode(self, rows):
        """Codes of what `enter` gives."""
        with _nameless():
            return self.last.transform(rows)

    def decode(self, codes, y=None):
        """Rows for codes, of classes y where the decoder is told them."""
        told = () if self.told_classes() is None else (y,)
        return np.asarray(as_numpy(self.last.inverse_transform(codes, *told)))

    def told_classes(self):
        """The classes, or clusters, that the decoder is told, or None."""
        if "y" not in inspect.signature(self.last.inverse_transform).parameters:
            return None
        if hasattr(self.last, "cluster_heads_"):
            return np.arange(len(self.last.cluster_heads_))
        return getattr(self.last, "classes_", None)

    def found_classes(self, rows):
        """The classes that the model itself finds, where its decoder is told them, or None."""
        if self.told_classes() is None or not hasattr(self.last, "predict"):
            return None
        with _nameless():
            return self.last.predict(rows)

    def names(self, n_features, X=None):
        """Names of the features of X, or x0, x1, ..."""
        return _listed(getattr(X, "columns", self._names), n_features)

    def names_inside(self, n_features):
        """Names of what the last step is given."""
        names = getattr(self.last, "feature_names_in_", None)
        if names is None:
            # Steps without names have either no such method, or one that asks them in vain.
            with contextlib.suppress(AttributeError, ValueError):
                for step in self.earlier:
                    names = step.get_feature_names_out(names)
        return _listed(names, n_features)


def flat(estimator):
    """The steps of a pipeline, those of pipelines inside as well; or the estimator alone."""
    if not isinstance(estimator, Pipeline):
        return [estimator]
    steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    return [inner for step in steps for inner in flat(step)]


def as_table(rows):
    """Rows of any kind as an array of floating numbers."""
    rows = check_array(
        in_memory(as_numpy(rows)),
        accept_sparse=True,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan",
    )
    return rows.toarray() if hasattr(rows, "toarray") else rows


@contextlib.contextmanager
def _nameless():
    """Take rows without names, made of such with names, for what they are: in the same order."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        yield


def _what_has_it(steps):
    for name in INNER:
        if hasattr(steps.last, name):
            inner = f"its {name}"
            return f"a pipeline of the earlier steps and {inner}" if steps.earlier else inner
    return "an autoencoder, something like PCA, or a pipeline that ends in one"


def _listed(names, n_features):
    return [f"x{i}" for i in range(n_features)] if names is None else [str(name) for name in names]
