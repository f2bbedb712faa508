"""What the estimators share that take tables, and have an autoencoder inside."""

import contextlib
import functools

import numpy as np
from sklearn import config_context
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    check_is_fitted,
    validate_data,
)

from skae._base.frames import VERBS, framed
from skae._base.meta import all_or_nothing, weights_for
from skae._documented import Documented
from skae._rows.checks import warn_user
from skae._rows.frames.columns import LEARNED, LEFT_OUT
from skae._rows.frames.encoding import ColumnKinds, TableEncoding
from skae._rows.frames.known import KnownValues
from skae._rows.frames.layouts import is_frame
from skae._rows.refused import refuse
from skae._training.listeners import CallbackSupportMixin, fit_of_steps
from skae._training.state import unshared
from skae._training.unwatched import unwatched

# Likelihoods that numbers may have; with those that find amounts other numbers are "gaussian".
OF_NUMBERS = ("gaussian", "laplace", "mixed")
FIND_AMOUNTS = ("gaussian", "mixed")
# Kinds that a column can be said to have.
GIVEN_KINDS = (*LEARNED, "drop")


def as_arrays(verb):
    """For verbs that ask others: these give arrays, whatever all are set to give.

    Tables that are arrays become what `set_output` asks for.
    """

    @functools.wraps(verb)
    def asking(self, *args, **kwargs):
        with config_context(transform_output="default"):
            result = verb(self, *args, **kwargs)
        if verb.__name__ not in VERBS:
            return result
        return framed(self, result, args[0] if args else kwargs.get("X"))

    return asking


class TableEstimator(
    MetaEstimatorMixin, TransformerMixin, Documented, CallbackSupportMixin, BaseEstimator
):
    """Base class: finds what columns hold, and gives an autoencoder rows of numbers."""

    # What a class has that does not take it as a parameter.
    missing_values = np.nan
    allow_nan = True
    handle_unknown = "ignore"

    # What a class fills in.

    def _make_autoencoder(self, n_columns):
        """The autoencoder where none is given."""
        raise NotImplementedError

    def _note_table(self, X):
        """What else is known of a table that is learned from."""

    # Training.

    @as_arrays
    def _fit_table(self, X, y=None, sample_weight=None, X_val=None):
        with all_or_nothing(self):
            X = self._check_table(X, reset=True)
            self._table = self._find_table(X, sample_weight, self._finds_amounts())
            self._note_table(X)
            model = self._prepared(X.shape[1]) if self._table.learned() else None
            if model is not None:
                self._fit_inside(model, X, y, sample_weight, X_val)
            self.autoencoder_ = model
        return self

    def _fit_inside(self, model, X, y, sample_weight, X_val):
        settings = weights_for(model, sample_weight)
        if X_val is not None:
            settings["X_val"] = self._encode(self._check_table(X_val, reset=False))
        with fit_of_steps(self, 1, X, y) as step, step("fit-autoencoder", model), unwatched():
            model.fit(self._encode(X), y, **settings)

    @as_arrays
    def _partial_fit_table(self, X, y, sample_weight, settings):
        is_new = not hasattr(self, "autoencoder_")
        X = self._check_table(X, reset=is_new)
        with all_or_nothing(self) if is_new else contextlib.nullcontext():
            table = self._find_table(X, sample_weight) if is_new else self._table.widened(X)
            before, self._table = getattr(self, "_table", table), table
            try:
                model = self._prepared(X.shape[1]) if is_new else self.autoencoder_
                settings = {**settings, **weights_for(model, sample_weight)}
                model.partial_fit(self._encode(X), y, **settings)
            except BaseException:
                self._table = before
                raise
            self.autoencoder_ = model
        return self

    def _finds_amounts(self):
        """Whether the autoencoder can take amounts for what they are."""
        model = self._make_autoencoder(2) if self.autoencoder is None else self.autoencoder
        return model.get_params(deep=False).get("likelihood") in FIND_AMOUNTS

    def _find_table(self, X, sample_weight=None, with_amounts=False):
        scaler = StandardScaler() if self.scaler is None else self.scaler
        kinds = self._given_kinds(X)
        table = TableEncoding.find(
            X,
            kinds,
            self.max_categories,
            scaler,
            sample_weight,
            with_amounts=with_amounts,
            missing_values=self.missing_values,
            handle_unknown=self.handle_unknown,
            allow_nan=self.allow_nan,
        )
        self._tell_what_is_left_out(table, [c for c in table.columns if c.kind in LEFT_OUT], X)
        return table

    def _tell_what_is_left_out(self, table, left_out, X):
        left_out = [column for column in left_out if column.kind != "drop"]
        if not table.learned():
            few = " X has 1 sample, and" if X.shape[0] == 1 else ""
            raise ValueError(
                f"Nothing is left to learn:{few} of {len(table.columns)} columns all are left out. "
                f"{_said(left_out)}"
            )
        if left_out:
            warn_user(f"{type(self).__name__} leaves out columns. {_said(left_out)}")

    def _given_kinds(self, X):
        kinds = dict(self.column_kinds or {})
        names = list(X.columns) if is_frame(X) else list(range(X.shape[1]))
        for name, kind in kinds.items():
            if name not in names:
                raise ValueError(f"column_kinds has {name!r}, but X has the columns {names[:20]}.")
            if kind not in GIVEN_KINDS:
                raise ValueError(
                    f"column_kinds has {kind!r} for {name!r}, but it must be one of "
                    f"{list(GIVEN_KINDS)}."
                )
        return kinds

    def _prepared(self, n_columns):
        """The autoencoder to fit, set for what rows have."""
        given = self.autoencoder
        model = self._make_autoencoder(n_columns) if given is None else clone(given)
        params = model.get_params(deep=False)
        settings = {}
        if "allow_nan" in params:
            settings["allow_nan"] = self.allow_nan
        likelihood = params.get("likelihood")
        if isinstance(likelihood, str) and likelihood not in OF_NUMBERS:
            raise ValueError(
                f"{type(model).__name__} has likelihood={likelihood!r}, but a table has columns of "
                f"many kinds. Give one of {list(OF_NUMBERS)} for the numbers, or pairs of a name "
                "and columns of the encoded rows."
            )
        if likelihood in OF_NUMBERS:
            settings["likelihood"] = self._likelihoods(params["likelihood"])
        return model.set_params(**settings)

    def _likelihoods(self, of_numbers):
        """Pairs of likelihoods and columns of the rows."""
        of_numbers = "gaussian" if of_numbers in FIND_AMOUNTS else of_numbers
        alone = {"boolean": "bernoulli", "categorical": None}
        numbers, pairs = {}, []
        for column, block in self._table.blocks:
            name = alone.get(column.kind, column.amount or of_numbers)
            if name is None:
                pairs.append(("categorical", list(range(block.start, block.stop))))
            else:
                numbers.setdefault(name, []).append(block.start)
        return [*numbers.items(), *pairs]

    # What goes in.

    def _check_table(self, X, reset):
        """X as a frame, or as an array of numbers or of objects."""
        of_arrays = not reset and not self._table.layout.is_frame
        if of_arrays or not is_frame(X):
            return self._check_array(X, reset)
        if X.shape[0] == 0 or X.shape[1] == 0:
            what = "sample" if X.shape[0] == 0 else "feature"
            raise ValueError(
                f"Found a table with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is "
                "required."
            )
        names = list(X.columns)
        if len(set(names)) < len(names):
            twice = sorted({str(name) for name in names if names.count(name) > 1})
            raise ValueError(
                f"X has several columns of one name: {twice}. Rename them, as what comes back is "
                "found by its name."
            )
        _check_feature_names(self, X, reset=reset)
        _check_n_features(self, X, reset=reset)
        known = names if reset else self._table.layout.names
        # scikit-learn compares names only where all are strings.
        if (
            names != known
            and not hasattr(self, "feature_names_in_")
            and self._table.layout.is_frame
        ):
            raise ValueError(f"X has the columns {names[:20]}, but in fit it had {known[:20]}.")
        return X

    def _check_array(self, X, reset):
        refuse(X)
        if not hasattr(X, "dtype") and not hasattr(X, "__array__"):
            X = _as_array(X)
        if type(X).__module__.partition(".")[0] == "pyarrow":
            raise TypeError(
                f"X is pyarrow's {type(X).__name__}. Give X.to_pandas(), or polars.from_arrow(X)."
            )
        if getattr(getattr(X, "dtype", None), "kind", None) in ("S", "U"):
            X = X.astype(object)
        if isinstance(X, np.ndarray) and X.dtype == object and not _has_text(X):
            with contextlib.suppress(TypeError, ValueError):
                X = X.astype(np.float64)  # numbers, and None
        return validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")

    def _encode(self, X):
        """Rows of numbers of a checked table."""
        rows = self._table.encode(X)
        if isinstance(X, np.ndarray) and X.dtype == np.float32:
            rows = rows.astype(np.float32)
        gaps = np.isnan(rows)
        if not gaps.any():
            return rows
        if not self._table.allow_nan:
            names = [c.name for c, block in self._table.blocks if gaps[:, block].any()]
            raise ValueError(
                f"Columns {names[:10]} have missing values, or categories that they did not have "
                "in fit, and this model has allow_nan=False. Fit one with allow_nan=True, or fill "
                "them before, for example with AutoencoderImputer."
            )
        return rows if self._takes_nan() else self._table.with_means(rows)

    def _takes_nan(self):
        """Whether the autoencoder knows itself what to do with what is missing."""
        model = getattr(self, "autoencoder_", self.autoencoder)
        return model is None or "allow_nan" in model.get_params(deep=False)

    def _rows(self, X):
        """Rows of numbers for a fitted autoencoder."""
        check_is_fitted(self)
        return self._encode(self._check_table(X, reset=False))

    def _sample_given(self, conditions, n_samples, random_state, return_ess, settings, takes):
        """Rows that have some values, and the effective sample size if that is wanted."""
        if "conditions" not in takes:
            raise ValueError(
                f"{type(self.autoencoder_).__name__} can not draw rows given some of their values. "
                "Give a VAETransformer, as the default is one."
            )
        known = KnownValues.of(conditions, self._table)
        rows, ess = self.autoencoder_.sample(
            n_samples, random_state, conditions=known.encoded(), return_ess=True, **settings
        )
        table = known.put_into(rows, n_samples)
        return (table, ess) if return_ess else table

    # What is known of the table.

    @property
    def column_statistics_(self):
        """Mean and standard deviation of what `fit` was given, ``{column: (mean, deviation)}``.

        Of numbers and flags; dates and durations are in days, dates since 1970.
        """
        check_is_fitted(self)
        return {c.name: c.statistics() for c in self._table.learned() if c.kind != "categorical"}

    @property
    def column_kinds_(self):
        """What was found of each column, by its name: a dict, printed kind by kind."""
        check_is_fitted(self)
        return ColumnKinds(self._table.columns)

    def __getstate__(self):
        state = super().__getstate__()
        if "_table" in state:
            state = {**state, "_table": unshared(state["_table"].to_plain())}
        return state

    def __setstate__(self, state):
        if "_table" in state:
            state = {**state, "_table": TableEncoding.from_plain(state["_table"])}
        super().__setstate__(state)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "autoencoder_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(self.allow_nan)
        tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def inside_has(method):
    """For verbs that are there where the autoencoder inside has them."""

    def has(self):
        inside = getattr(self, "autoencoder_", None)
        if inside is None:
            inside = self._make_autoencoder(2) if self.autoencoder is None else self.autoencoder
        getattr(inside, method)
        return True

    return available_if(has)


def _said(left_out):
    """Why columns are left out, and what to do about it."""
    of_kind = {}
    for column in left_out:
        of_kind.setdefault(column.kind, []).append(repr(column.name))
    said = [
        f"{', '.join(names[:10])}{', ...' * (len(names) > 10)}: {LEFT_OUT[kind]}"
        for kind, names in of_kind.items()
    ]
    if {"text", "identifier"} & of_kind.keys():
        said.append(
            "say in column_kinds where one is to be learned, as 'categorical' or, of whole "
            "numbers, 'integer'; max_categories is for all texts"
        )
    return "; ".join(said) + "." if said else "Give columns that vary."


def _as_array(X):
    """Lists of rows as an array; with texts in them, of objects."""
    return np.asarray(X, dtype=object if _has_text(X) else None)


def _has_text(X):
    rows = (row for row in X if isinstance(row, list | tuple | np.ndarray))
    return any(isinstance(value, str) for row in rows for value in row)
