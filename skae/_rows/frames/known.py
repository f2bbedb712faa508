"""What is known of rows of a table that are to be drawn."""

import datetime
from dataclasses import dataclass

import numpy as np

from skae._rows.frames.columns import LEFT_OUT, NUMBERS, Values
from skae._rows.frames.layouts import index_of, is_frame, layout_of, read


@dataclass(frozen=True)
class KnownValues:
    """Values of some columns.

    Parameters
    ----------
    table : TableEncoding
    values : list of Values
        Of each column; missing where nothing is known.
    index : index of a frame of pandas, or None
    """

    table: object
    values: list
    index: object = None

    @classmethod
    def of(cls, conditions, table):
        """What a dict, of one row, or a table says.

        Raises
        ------
        ValueError
            If a column is unknown, or is of a dict and was left out, if it has none of its values,
            or if nothing is left to draw.
        """
        check_conditions(conditions)
        names = table.layout.names
        if isinstance(conditions, dict):
            kinds, n_rows = {c.name: c.kind for c in table.columns}, 1
            given = {n: _one_value(v, kinds.get(n), table) for n, v in conditions.items()}
        else:
            X = conditions if is_frame(conditions) else as_rows(conditions)
            _check_shape(X, names)
            own, n_rows = layout_of(X).names, len(X)
            of_name = {column.name: column for column in table.columns}
            given = {
                name: values
                for name, values in zip(own, read(X, table.missing_values), strict=True)
                if name not in of_name or not _says_nothing(of_name[name], values)
            }
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(
                f"conditions has columns {unknown[:10]}, but in fit the table had {names[:20]}."
            )
        nothing = Values(np.full(n_rows, np.nan), np.ones(n_rows, dtype=bool))
        known = cls(table, [given.get(name, nothing) for name in names], index_of(conditions))
        known._check()
        return known

    def _check(self):
        of_column = list(zip(self.table.columns, self.values, strict=True))
        for column, values in of_column:
            if values.is_known.any():
                _check_values(column, values)
        learned = [v for c, v in of_column if c.kind not in LEFT_OUT]
        if np.all([values.is_known for values in learned], axis=0).any():
            raise ValueError(
                "conditions has a row of which all values are known: nothing is left to draw. "
                "Leave out a column."
            )

    def encoded(self):
        """Rows of numbers, NaN where nothing is known."""
        return self.table.encode_values(self.values)

    def put_into(self, rows, n_draws):
        """A table of rows of numbers, `n_draws` for each, with the values that were given."""
        decoded = []
        for (values, missing, column), given in zip(
            self.table.decoded(rows), self.values, strict=True
        ):
            known = np.repeat(given.is_known, n_draws)
            if known.any() and column.kind in NUMBERS:  # others are none but theirs
                exact, values = np.repeat(given.array, n_draws), np.array(values)
                values[known] = exact[known]
            decoded.append((values, missing, column))
        index = None if self.index is None else self.index.repeat(n_draws)
        return self.table.layout.make(decoded, index)


def check_conditions(conditions):
    """Refuse what are neither values of columns nor rows, before it is read as some."""
    if isinstance(conditions, dict) and not conditions:
        raise ValueError(
            "conditions is empty: nothing is known. Give values of columns, or leave it out."
        )
    if is_frame(conditions):
        names = list(conditions.columns)
        if twice := sorted({str(name) for name in names if names.count(name) > 1}):
            raise ValueError(f"conditions has several columns of one name: {twice}. Give one each.")
    elif isinstance(conditions, list | tuple):
        if any(isinstance(row, dict) for row in conditions):
            raise ValueError(
                "conditions is a list of dicts, but a dict is of one row. For several rows give a "
                "table, such as pandas.DataFrame(conditions)."
            )
    elif not isinstance(conditions, dict) and np.ndim(conditions) == 0:
        raise ValueError(
            f"conditions is {conditions!r}, but it must be a dict of columns and values, or rows "
            "with missing values where some are to be drawn."
        )


def as_rows(conditions):
    """Rows that are no frame as an array; of lists, with the values that they have."""
    return np.asarray(conditions, dtype=None if hasattr(conditions, "dtype") else object)


def _says_nothing(column, values):
    """Whether a column was left out, and may hold such values: of a constant, its own."""
    if column.kind != "constant":
        return column.kind in LEFT_OUT
    own = list(column.categories)
    if column.unit:
        own = Values(column.values(np.zeros(1)), np.zeros(1, dtype=bool)).items()
    return all(value in own for value in values.items())


def _one_value(value, kind, table):
    """The `Values` of a column of one row."""
    if np.ndim(value) or isinstance(value, dict | set):
        raise ValueError(
            f"conditions has {value!r} for a column, but a dict has one value for each. For "
            "several rows give a table."
        )
    if kind == "datetime" and isinstance(value, str):
        value = _date(value)
    elif getattr(value, "tzinfo", None) is not None:  # times are counted in UTC
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    column = np.empty((1, 1), dtype=object)
    column[0, 0] = value
    if isinstance(value, np.datetime64 | np.timedelta64):
        column = np.asarray([[value]])
    return read(column, table.missing_values)[0]


def _date(text):
    try:
        return np.datetime64(text)
    except ValueError:
        raise ValueError(
            f"conditions has {text!r} for a column of dates. Give one such as '2024-01-31', or a "
            "datetime."
        ) from None


def _check_shape(X, names):
    if isinstance(X, np.ndarray) and X.shape[1:] != (len(names),):
        raise ValueError(
            f"conditions has the shape {X.shape}, but it must be rows of {len(names)} columns with "
            "missing values where some are to be drawn, a frame, or a dict of columns and values."
        )
    if not len(X):
        raise ValueError("conditions has no rows.")


def _check_values(column, values):
    """Refuse values that the column can not have; numbers out of its range are allowed."""
    name, example = column.name, values.items()[0]
    if column.kind in LEFT_OUT:
        raise ValueError(
            f"conditions has {example!r} for {name!r}, which was left out in fit: "
            f"{LEFT_OUT[column.kind]}. It can not be asked for."
        )
    numbers = column.numbers(values)[values.is_known]
    if column.kind in ("categorical", "boolean") and (numbers < 0).any():
        known = list(column.categories[:20]) or [False, True]
        example = values.items()[int(np.flatnonzero(numbers < 0)[0])]
        raise ValueError(
            f"conditions has {example!r} for {name!r}, but in fit the column had {known}."
        )
    least = numbers.min()
    if column.amount and (least < 0 or (least == 0 and column.amount == "lognormal")):
        allowed = "never negative" if least < 0 else "positive in all rows"
        raise ValueError(
            f"conditions has {least.item()!r} for {name!r}, an amount that was {allowed} in fit."
        )
    if column.kind == "integer" and (numbers != np.rint(numbers)).any():
        raise ValueError(
            f"conditions has {example!r} for {name!r}, which is a column of whole numbers."
        )
