"""What the displays ask of estimators, and of the steps of pipelines."""

import contextlib
import inspect
import warnings
from dataclasses import replace

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skae.plotting._columns import (
    MISSING,
    as_table,
    columns_of,
    is_frame,
    listed,
    read_column,
    stacked,
)
from skae.plotting._undo import CannotUndo, fold, undo

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
        self.fitted_names = getattr(estimator, "feature_names_in_", None)
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
        return self.last.inverse_transform(codes, *told)

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
        return listed(X.columns if is_frame(X) else self.fitted_names, n_features)

    def names_inside(self, n_features):
        """Names of what the last step is given."""
        names = getattr(self.last, "feature_names_in_", None)
        if names is None:
            # Steps without names have either no such method, or one that asks them in vain.
            with contextlib.suppress(AttributeError, ValueError):
                for step in self.earlier:
                    names = step.get_feature_names_out(names)
        return listed(names, n_features)

    def outside(self, inside, X=None):
        """The columns of the table, for rows as the last step has them.

        Where there is no way back, the columns that the last step has; one-hot blocks are one.
        """
        inside = inside if is_frame(inside) else as_table(inside)
        names = self.names_inside(inside.shape[1])
        if not self.earlier:
            return fold(columns_of(inside, self.names(inside.shape[1], X)), self._blocks())
        encoded = columns = columns_of(inside, names)
        try:
            for step in reversed(self.earlier):
                is_first = step is self.earlier[0]
                names = (X.columns if is_frame(X) else self.fitted_names) if is_first else None
                columns = undo(step, columns, names)
        except CannotUndo:
            return [replace(c, encoded=True) for c in fold(encoded, self._blocks())]
        return columns

    def as_given(self, columns, inside, X):
        """The same columns of the rows X themselves, which the last step has as `inside`."""
        encoded = {column.name: column for column in self.outside(inside, X)}
        n_features = np.shape(X)[1] if not is_frame(X) else len(X.columns)
        given = {column.name: column for column in columns_of(X, self.names(n_features))}
        return [_as_given(c, encoded[c.name], given.get(c.name)) for c in columns]

    def scales(self, columns):
        """Means and deviations of columns in the training rows, or None if they are not known.

        An estimator that has tables inside may say so: `column_statistics_`, pairs by column.
        """
        told = getattr(self.last, "column_statistics_", None)
        if told is not None:
            unknown = (np.nan, np.nan)
            return np.array([told.get(column.name, unknown) for column in columns], float).T
        moments = self._moments()
        if moments is None:
            return None
        mean, deviation = moments
        some = np.arange(len(mean)) % 2
        shifts = [0, deviation, -deviation, some * deviation]
        center, up, down, mixed = stacked(self.outside(np.stack([mean + by for by in shifts])))
        scale = np.abs(up - down) / 2
        # Where columns were mixed, as by PCA, deviations can not be told one by one.
        tolerance = 1e-3 * scale + 1e-12 * np.abs(center)
        apart = np.minimum(np.abs(mixed - center), np.abs(mixed - up)) > tolerance
        return None if apart.any() else np.stack([center, scale])

    def _moments(self):
        """Means and deviations of what the last step was fitted to, or None."""
        start = getattr(self.last, "_start", None)
        if start is not None:
            return start.statistics.mean, start.statistics.deviation
        before = self.earlier[-1] if self.earlier else None
        if isinstance(before, StandardScaler) and before.with_mean and before.with_std:
            return np.zeros_like(before.mean_), np.sign(before.var_)
        return None

    def _blocks(self):
        """Which columns of the last step it knows to be one-hot."""
        start = getattr(self.last, "_start", None)
        kinds = (start.target.columns if start is not None else None) or []
        return [columns for kind, columns in kinds if kind == "categorical"]


def _as_given(column, encoded, given):
    """A column as it was given, if it is of the same kind, otherwise as it was encoded."""
    if given is None or column.encoded:
        return encoded
    if column.is_category:
        given = read_column(given.name, given.values, "category")
        if MISSING in column.categories:
            holes = [MISSING if value is None else value for value in given.values]
            given = replace(given, values=np.array([*holes, None], dtype=object)[:-1])
    return given if given.kind == column.kind else encoded


def flat(estimator):
    """The steps of a pipeline, those of pipelines inside as well; or the estimator alone."""
    if not isinstance(estimator, Pipeline):
        return [estimator]
    steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    return [inner for step in steps for inner in flat(step)]


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
