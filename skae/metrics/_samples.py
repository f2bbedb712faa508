"""A report on drawn rows beside real ones."""

import contextlib
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_array, check_random_state
from sklearn.utils.validation import check_consistent_length

from skae._rows.frames.columns import LEFT_OUT
from skae._rows.frames.encoding import TableEncoding
from skae._rows.frames.layouts import is_frame, layout_of
from skae._rows.labels import as_labels, is_labelled
from skae._rows.numbers import are_fractions, are_many
from skae._rows.source import in_memory
from skae._rows.tensors import as_numpy
from skae.metrics._checks import (
    NEAR,
    ROUNDING,
    classes_kept,
    correlations,
    distributions,
    missing,
    nearest,
    outside,
    told_apart,
    unknown,
    values_kept,
    whole,
)
from skae.metrics._report import Check, SampleReport

# A class of fewer rows, or so few rows of all, can not be judged.
MIN_ROWS, MIN_ROWS_OF_A_CLASS = 20, 2
# Of more rows a sample is compared.
MAX_ROWS = 5000
MAX_CATEGORIES = 40
BY_COLUMN = {
    "outside": ("out of range", outside),
    "unknown": ("unknown categories and flags", unknown),
    "whole": ("whole where all are", whole),
}


def sample_report(X_real, X_drawn, y_real=None, y_drawn=None, *, X_train=None, random_state=0):
    r"""Hold drawn rows against real ones.

    Beside each figure of the drawn rows stands that of real rows, where it can be known: what even
    rows of the same distribution have. Columns are read as by
    :class:`~skae.TabularAutoencoder`; those that it would leave out are not compared, and named
    below the table.

    Parameters
    ----------
    X_real : DataFrame of pandas or polars, or array-like, of shape (n_real, n_features)
        Real rows, at least 20; with `X_train` some that the model has not seen.
    X_drawn : DataFrame or array-like of shape (n_drawn, n_features)
        Drawn rows, at least 20, with the same columns in the same order.
    y_real : array-like of shape (n_real,), default=None
        Classes of the real rows, at least two rows of each, -1 where there is none; or numbers: if
        one of `y_real` and `y_drawn` has fractions, or if there are more than 20 whole numbers in
        `y_real`, with fewer than 20 rows each.
    y_drawn : array-like of shape (n_drawn,), default=None
        What was asked for.
    X_train : DataFrame or array-like of shape (n_train, n_features), default=None
        The rows that the model has learned from. Without them `X_real` stands for these too.
    random_state : int, RandomState instance or None, default=0
        Determines the folds, and of more than 5000 rows which ones are compared.

    Returns
    -------
    report : dict
        Of checks, printed as a table. Each has the figures `drawn` and, where it is known, `real`;
        `by`, the figures of columns, of pairs of columns or of classes, with `worst` among them.
        ``report.left_out`` has the columns that are not compared, and why.
        The checks are

        - ``"asked"``, if there is y: the share of rows whose class is the one that was asked for,
          according to a classifier of real rows (the mean of the probabilities of a logistic
          regression and of boosted trees); its share of real rows is cross-validated. Of numbers it
          is the root mean squared error of such a regressor, in units of y.
        - ``"missing"``: the share of missing values.
        - ``"outside"``: the share of numbers beyond the range of the training rows.
        - ``"unknown"``: the share of categories that the training rows do not have, and of flags
          that are neither of the two.
        - ``"whole"``: the share of whole numbers in columns that have no others.
        - ``"distribution"``: the mean over the columns of the distance of their distributions:
          the statistic of Kolmogorov and Smirnov of numbers, the total variation of categories.
        - ``"correlation"``: the mean difference of Spearman's correlations, over pairs of columns.
        - ``"told"``: the area under the ROC curve of the same kind of classifier that learns to
          tell drawn rows from real ones, cross-validated [1]_. 0.5 if there is nothing to tell; 1
          if no drawn row passes for real. Copies have less than 0.5.
        - ``"distance"``: the median distance to the nearest training row, in standardized columns.
        - ``"near"``: the share of drawn rows that are at most as far from the nearest training row
          as the nearest 5 % of the real rows. Much more than that is a sign of copying [2]_.
        - ``"copies"``: the share of rows that are training rows.

    Raises
    ------
    ValueError
        If there are too few rows or other columns, if nothing can be compared, if one y is there
        without the other, or has classes that the real rows lack.

    Notes
    -----
    No check shows that rows give nobody away: a few that are nearly copied, or a category that one
    person had, are seen by none of the figures.

    References
    ----------
    .. [1] Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
    .. [2] Platzer and Reutterer, "Holdout-based empirical assessment of mixed-type synthetic data",
       Frontiers in Big Data 4, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.metrics import sample_report
    >>> rng = np.random.default_rng(0)
    >>> train, real, drawn = rng.normal(size=(3, 500, 2)) @ [[1, 1], [0, 1]]
    >>> report = sample_report(real, rng.permuted(drawn, axis=0), X_train=train)
    >>> report["correlation"].drawn > 0.5 > report["correlation"].real
    True
    """
    X_real, X_drawn = _as_table(X_real, "X_real"), _as_table(X_drawn, "X_drawn")
    is_held_out = X_train is not None
    X_train = _as_table(X_train, "X_train") if is_held_out else X_real
    for name, X in (("X_drawn", X_drawn), ("X_train", X_train)):
        _check_columns(X_real, X, name)
    y_real, y_drawn = _check_targets(X_real, X_drawn, y_real, y_drawn)
    table = TableEncoding.find(X_train, {}, MAX_CATEGORIES, StandardScaler())
    if not table.learned():
        raise ValueError("Nothing can be compared: no column has several numbers or categories.")
    random_state = check_random_state(random_state)
    seed = random_state.randint(np.iinfo(np.int32).max)
    is_number = y_real is not None and _are_numbers(y_real, y_drawn)
    real = _Rows.some(table, X_real, y_real, random_state)
    drawn = _Rows.some(table, X_drawn, y_drawn, random_state)
    train = _Rows.some(table, X_train)
    return SampleReport(
        {
            **({} if y_real is None else _asked(real, drawn, seed, is_number)),
            **_by_column(table, real, drawn),
            **_of_columns_together(table, real, drawn, train if is_held_out else None),
            **_told(real, drawn, seed),
            **_near(real, drawn, train, is_held_out),
        },
        {c.name: LEFT_OUT[c.kind] for c in table.columns if c.kind in LEFT_OUT},
    )


@dataclass(frozen=True)
class _Rows:
    """Rows as a table, encoded with NaN and with means in its place, and what was asked for."""

    X: object
    encoded: np.ndarray
    filled: np.ndarray
    y: np.ndarray | None

    @classmethod
    def some(cls, table, X, y=None, random_state=None):
        """Of these rows, or of as many of them as are compared if there is a random state."""
        if random_state is not None and X.shape[0] > MAX_ROWS:
            chosen = random_state.permutation(X.shape[0])[:MAX_ROWS]
            X, y = (None if part is None else _safe_indexing(part, chosen) for part in (X, y))
        with warnings.catch_warnings(action="ignore"):  # the report says what is unknown
            encoded = table.encode(X)
        return cls(X, encoded, table.with_means(encoded), y)


def _asked(real, drawn, seed, is_number):
    if is_number:
        found, of_real = values_kept(
            real.filled, real.y.astype(float), drawn.filled, drawn.y.astype(float), seed
        )
        return {"asked": Check("from what was asked, RMSE", found, of_real)}
    labelled = is_labelled(real.y)
    y_real = real.y[labelled]
    _check_classes(y_real, drawn.y)
    found, of_real = classes_kept(real.filled[labelled], y_real, drawn.filled, drawn.y, seed)
    shares = [
        float(np.mean([by[label] for label in y.tolist()]))
        for by, y in ((found, drawn.y), (of_real, y_real))
    ]
    return {"asked": Check("of the class asked for", *shares, found, more_is_better=True)}


def _by_column(table, real, drawn):
    of_missing = [missing(table, rows.X) for rows in (drawn, real)]
    found = {"missing": Check("missing", *map(_mean, of_missing), of_missing[0])}
    for name, (text, figures) in BY_COLUMN.items():
        by, of_real = (figures(table, rows.X) for rows in (drawn, real))
        if by:
            found[name] = Check(text, _mean(by), _mean(of_real), by, name == "whole")
    return found


def _of_columns_together(table, real, drawn, train):
    apart = distributions(table, real.X, drawn.X)
    mean, pairs = correlations(table, real.encoded, drawn.encoded)
    of_real = None, None
    if train is not None:
        of_real = (
            _mean(distributions(table, real.X, train.X)),
            correlations(table, real.encoded, train.encoded)[0],
        )
    found = {"distribution": Check("distributions differ by", _mean(apart), of_real[0], apart)}
    if pairs:
        found["correlation"] = Check("correlations differ by", mean, of_real[1], pairs)
    return found


def _told(real, drawn, seed):
    area = told_apart(real.filled, drawn.filled, seed)
    return {"told": Check("told from real, ROC AUC", area, 0.5)}


def _near(real, drawn, train, is_held_out):
    of_real = nearest(train.filled, real.filled, with_itself=not is_held_out)
    of_drawn = nearest(train.filled, drawn.filled)
    near = max(np.quantile(of_real, NEAR), ROUNDING)
    checks = {
        "distance": ("distance to training rows", np.median),
        "near": ("very near to training rows", lambda far: np.mean(far <= near)),
        "copies": ("copies of training rows", lambda far: np.mean(far < ROUNDING)),
    }
    return {
        name: Check(text, float(figure(of_drawn)), float(figure(of_real)))
        for name, (text, figure) in checks.items()
    }


def _mean(by):
    return float(np.mean(list(by.values())))


# What is given.


def _as_table(X, name):
    """X as a frame, or as an array of numbers or of objects, with enough rows."""
    if not is_frame(X):
        X = in_memory(as_numpy(X))
        X = X.toarray() if sparse.issparse(X) else X
        if not hasattr(X, "dtype"):
            X = np.array(X, dtype=object)
        X = check_array(X, dtype=None, ensure_all_finite="allow-nan", input_name=name)
        if X.dtype.kind == "O":
            with contextlib.suppress(TypeError, ValueError):
                X = X.astype(np.float64)  # numbers, and None
    if X.shape[0] < MIN_ROWS:
        raise ValueError(
            f"{name} has {X.shape[0]} rows, but at least {MIN_ROWS} are needed to say anything."
        )
    return X


def _check_columns(X_real, X, name):
    expected, found = (layout_of(table).names for table in (X_real, X))
    if is_frame(X_real) and is_frame(X) and expected != found:
        lacking = [column for column in expected if column not in found]
        more = [column for column in found if column not in expected]
        what = (
            f"lacks {lacking[:10]} and has {more[:10]} instead"
            if lacking or more
            else (f"has them in another order: {found[:10]}")
        )
        raise ValueError(
            f"{name} does not have the columns of X_real, {expected[:10]}: it {what}. Select them: "
            f"{name}[list(X_real.columns)]."
        )
    if len(expected) != len(found):
        raise ValueError(f"{name} has {len(found)} columns, but X_real has {len(expected)}.")


def _check_targets(X_real, X_drawn, y_real, y_drawn):
    """Both as arrays."""
    if (y_real is None) != (y_drawn is None):
        given, other = ("y_real", "y_drawn") if y_drawn is None else ("y_drawn", "y_real")
        raise ValueError(f"{given} is given without {other}: both are needed, or none.")
    if y_real is None:
        return None, None
    y_real, y_drawn = as_labels(as_numpy(y_real)), as_labels(as_numpy(y_drawn))
    check_consistent_length(X_real, y_real)
    check_consistent_length(X_drawn, y_drawn)
    return y_real, y_drawn


def _are_numbers(y_real, y_drawn):
    """Whether y is a quantity: what is asked for may have fractions where real values are whole."""
    if are_fractions(y_real) or are_fractions(y_drawn):
        return all(y.dtype.kind in "iuf" for y in (y_real, y_drawn))
    return are_many(np.unique(y_real[is_labelled(y_real)]), len(y_real))


def _check_classes(y_real, y_drawn):
    classes, counts = np.unique(y_real, return_counts=True)
    if new := sorted(set(y_drawn.tolist()) - set(classes.tolist()), key=str):
        raise ValueError(
            f"y_drawn has classes that no real row has: {new[:10]}; y_real has "
            f"{classes[:10].tolist()}."
        )
    if len(classes) < 2 or counts.min() < MIN_ROWS_OF_A_CLASS:
        rarest = classes[counts.argmin()].item()
        raise ValueError(
            f"A judge of classes needs at least two of them and {MIN_ROWS_OF_A_CLASS} real rows of "
            f"each, but of {rarest!r} {counts.min()} of {len(y_real)} are compared. Give more real "
            "rows, or leave out y. (Whole numbers are a quantity where there are many of them.)"
        )
