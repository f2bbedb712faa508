"""Which columns have which likelihood."""

from dataclasses import dataclass

import numpy as np

from skae._rows.amounts import AMOUNTS, find_amounts
from skae._rows.checks import ROUNDING, check_unit_interval, warn_user
from skae._rows.source import as_source, extremes

# What the probabilities of a row may differ from 1 by, together.
SUM_ROUNDING = 1e-3
# What a count may differ from a whole number by after log1p and expm1 in float32.
LOG_ROUNDING = 0.01
COUNTS = ("negative_binomial", "poisson")
# Beyond it these can not be told from others.
MAX_LOG = 7

# The name of what is no likelihood: that of the column that says how much was counted of each row.
EXPOSURE = "exposure"
# Of so many columns of counts the sum is taken for it, without being asked.
MIN_SUMMED = 10

RANGES = {
    "bernoulli": (0, 1),
    "categorical": (0, 1),
    "hurdle_lognormal": (0, np.inf),
    "lognormal": (0, np.inf),
    "negative_binomial": (0, np.inf),
    "poisson": (0, np.inf),
}


@dataclass(frozen=True)
class Target:
    """What rows are as something to reproduce, and with it which rows can be.

    Parameters
    ----------
    unit : str or None
        The parameter that needs values in [0, 1], as text.
    columns : list of (str, integer array) or None
        Which columns have which likelihood.
    """

    unit: str | None = None
    columns: list | None = None

    def check(self, X, learned=False):
        """Refuse rows that the loss is not defined for; warn of odd ones to be learned from."""
        if self.unit is not None:
            check_unit_interval(X, self.unit)
        elif self.columns is not None:
            check_ranges(X, self.columns, learned)

    def check_asked(self, X):
        """Refuse rows, an array, that no draw could have; NaN is anything."""
        self.check(X)
        for name, columns in self.columns or ():
            values = X[:, columns]
            if name in AMOUNTS:
                _check_amounts(values, name)
            elif name in COUNTS and (odd := _between(values)).any():
                raise ValueError(
                    f"likelihood={name!r} is for counts, but X has {values[odd][0]:.6g}, which is "
                    "no whole number."
                )


def resolve_columns(pairs, known, n_features, feature_names=None, aside=()):
    """The columns of each likelihood as numbers.

    Parameters
    ----------
    pairs : list of (str, columns)
        Names of likelihoods, and columns: numbers, names, a slice of numbers or a boolean mask.
    known : collection of str
        The likelihoods that there are.
    n_features : int
    feature_names : array of shape (n_features,) or None
    aside : integer array
        Columns that have no likelihood.

    Returns
    -------
    list of (str, integer array)

    Raises
    ------
    ValueError
        If a likelihood or a column is unknown, or a column has none or several.
    """
    parts = []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or pair[0] not in known:
            raise ValueError(
                f"likelihood has {pair!r}, but it must have pairs of a name and columns; the names "
                f"are {sorted(known)}."
            )
        columns = column_numbers(pair[1], n_features, feature_names)
        if len(columns):
            parts.append((pair[0], columns))
    named = [np.array(aside, dtype=int), *(columns for _, columns in parts)]
    counts = np.bincount(np.concatenate(named), minlength=n_features)
    if (counts != 1).any():
        wrong = np.flatnonzero(counts != 1)
        raise ValueError(
            f"likelihood must name each of the {n_features} columns of X once, but columns "
            f"{wrong[:10].tolist()} have {counts[wrong[:10]].tolist()} likelihoods"
            f"{', that of `exposure` included' if len(aside) else ''}."
        )
    return parts


def column_numbers(columns, n_features, feature_names=None, parameter="likelihood"):
    """The columns that a parameter names: numbers, names, a slice of numbers or a boolean mask."""
    if isinstance(columns, slice):
        if any(isinstance(part, str) for part in (columns.start, columns.stop)):
            raise ValueError(
                f"{parameter} has {columns}. Give a list of names, or a slice of numbers."
            )
        return np.arange(n_features)[columns]
    columns = np.atleast_1d(np.asarray(columns))
    if not columns.size:
        return np.empty(0, dtype=int)
    if columns.dtype.kind in "OU":
        names = [] if feature_names is None else list(feature_names)
        missing = sorted(set(columns.tolist()) - set(names))
        if missing:
            raise ValueError(f"{parameter} has columns {missing}, but X has {names or 'no names'}.")
        return np.array([names.index(name) for name in columns])
    if columns.dtype.kind == "b" and len(columns) == n_features:
        return np.flatnonzero(columns)
    if columns.dtype.kind not in "iu" or ((columns < 0) | (columns >= n_features)).any():
        raise ValueError(
            f"{parameter} has columns {columns.tolist()}, but X has columns 0 to {n_features - 1}. "
            "Give numbers, names, a slice or a mask."
        )
    return columns


def detect_columns(X):
    """Likelihoods for columns as encoders leave them: blocks of one-hot columns, flags, numbers.

    Neighbouring columns of zeros and ones of which each row has exactly one 1 are "categorical",
    other columns of zeros and ones "bernoulli". Others are amounts as `find_amounts` has it, or
    "gaussian".

    Parameters
    ----------
    X : Source, or what has one, of shape (n_samples, n_features)

    Returns
    -------
    list of (str, integer array)
    """
    source = as_source(X)
    n_features = source.shape[1]
    binary, observed = np.ones(n_features, dtype=bool), np.zeros(n_features, dtype=bool)
    for block in source.blocks():
        observed |= ~np.isnan(block).all(axis=0)
        binary &= ((block == 0) | (block == 1) | np.isnan(block)).all(axis=0)
    binary &= observed
    blocks, start = [], 0
    while start < n_features:
        end = _block_end(source, start, binary) if binary[start] else None
        if end is not None:
            blocks.append(("categorical", np.arange(start, end)))
        start = start + 1 if end is None else end
    one_hot = np.zeros_like(binary)
    for _, columns in blocks:
        one_hot[columns] = True
    amounts = find_amounts(source, np.flatnonzero(~binary))
    is_number = ~binary
    for _, columns in amounts:
        is_number[columns] = False
    others = [
        ("gaussian", np.flatnonzero(is_number)),
        *amounts,
        ("bernoulli", np.flatnonzero(binary & ~one_hot)),
    ]
    return [(name, columns) for name, columns in others if len(columns)] + blocks


def _block_end(source, start, binary):
    """Where the one-hot block ends that starts here, or None: the first sum that is always 1."""
    stop = start + np.flatnonzero(~np.append(binary[start:], False))[0]
    always, once = np.ones(stop - start, dtype=bool), np.zeros(stop - start, dtype=bool)
    for block in source.blocks():
        sums = block[:, start:stop].cumsum(axis=1)
        always &= ((sums == 1) | np.isnan(sums)).all(axis=0)
        once |= (sums == 1).any(axis=0)
    ends = np.flatnonzero((always & once)[1:])  # one constant column is no block
    return start + ends[0] + 2 if len(ends) else None


def check_ranges(X, parts, learned=False):
    """Refuse values that the likelihood of their column can not have.

    Amounts are looked at where they are to be `learned` only: others may be as unlikely as can be.
    Then it can tell of counts that are no whole numbers as well: the likelihood is defined for
    them, but they are most likely no counts.
    """
    check_exposures(X, parts)
    bounded = [(name, columns, *RANGES[name]) for name, columns in parts if name in RANGES]
    bounded = [part for part in bounded if learned or part[0] not in AMOUNTS]
    if not bounded:
        return
    no_counts = None
    for block in as_source(X).blocks():
        for name, columns, low, high in bounded:
            values = block if len(columns) == block.shape[1] else block[:, columns]
            if name in AMOUNTS:
                _check_amounts(values, name)
                continue
            lowest, highest = extremes(values)
            if lowest < low - ROUNDING or highest > high + ROUNDING:
                allowed = "[0, 1]" if high == 1 else "[0, inf), counts"
                raise ValueError(
                    f"likelihood={name!r} needs values in {allowed}, but X has values from "
                    f"{lowest:.8g} to {highest:.8g}. Rescale those columns, for example "
                    "with MinMaxScaler(clip=True), or choose another."
                )
            if name == "categorical":
                _check_one_hot(values)
            elif learned and high == np.inf and no_counts is None:
                no_counts = _no_counts(values, name)
    if no_counts is not None:
        warn_user(no_counts)


def _check_amounts(values, name):
    lowest, _ = extremes(values)
    if lowest < 0 or (lowest == 0 and name == "lognormal"):
        allowed = "(0, inf)" if name == "lognormal" else "[0, inf)"
        other = "'hurdle_lognormal' where some are 0, or " if lowest == 0 else ""
        raise ValueError(
            f"likelihood={name!r} needs values in {allowed}, but X has {lowest:.8g}. Choose "
            f"{other}'gaussian' for such a column."
        )


def check_exposures(X, parts):
    """Refuse what is not positive in a column that says how much was counted of each row."""
    for columns in [columns for name, columns in parts or () if name == EXPOSURE]:
        for block in as_source(X).blocks():
            values = block[:, columns]
            if (values <= 0).any():
                raise ValueError(
                    "exposure must be positive, but the column of X that says how much was counted "
                    f"of each row has {np.nanmin(values):.6g}. Leave out rows of which nothing was "
                    "counted."
                )


def _no_counts(values, name):
    """What is to be said of values that are no counts, or None."""
    if values.dtype.kind in "iub" or not (odd := _between(values)).any():
        return None
    small = values[odd & (values < MAX_LOG)].astype(np.float64)
    if small.size and not _between(np.expm1(small), LOG_ROUNDING).any():
        advice = "They are log1p of counts: give the counts themselves, np.expm1(X)"
    else:
        advice = "Give counts as they were counted, neither scaled nor as logarithms"
    return (
        f"likelihood={name!r} is for counts, but X has values that are no whole numbers, such as "
        f"{values[odd][0]:.6g}. {advice}; for values that are no counts take another likelihood, "
        "such as 'gaussian'."
    )


def _between(values, rounding=ROUNDING):
    """Which values lie between whole numbers; NaN does not."""
    return np.abs(values - np.rint(values)) > rounding


def _check_one_hot(values):
    sums = values.sum(axis=1)
    wrong = np.abs(sums - 1) > SUM_ROUNDING  # of NaN it is not
    if wrong.any() or values.shape[1] < 2:
        found = f"a row where they sum to {sums[wrong][0]:.8g}" if wrong.any() else "one column"
        raise ValueError(
            "likelihood='categorical' needs the columns of one-hot categories, of which each row "
            f"has exactly one, but X has {found}. OneHotEncoder gives them, without `drop` and "
            "with categories that it knows; for flags take 'bernoulli'."
        )
