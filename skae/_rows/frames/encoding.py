"""A table as an autoencoder sees it: standardized numbers, flags and one-hot blocks."""

import html
import textwrap
from dataclasses import asdict, dataclass, replace

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import has_fit_parameter

from skae._rows.amounts import find_amounts
from skae._rows.checks import warn_user
from skae._rows.frames.columns import LEARNED, LEFT_OUT, NUMBERS, Column, Values
from skae._rows.frames.layouts import from_plain, layout_of, read
from skae._rows.frames.plain import from_plain as value_of
from skae._rows.frames.plain import to_plain

# Fewer rows may well have no category that is known.
MIN_ROWS_TO_TELL = 10
# What of a table is plain as it is.
KEPT = "scaler", "means", "missing_values", "handle_unknown", "allow_nan"


@dataclass(frozen=True)
class TableEncoding:
    """What is known of a table, and with it the way to rows of numbers and back.

    Rows have the numbers first, then the flags, then a block of columns for each category. Amounts
    among the numbers are as they are, others standardized.

    Parameters
    ----------
    layout : ArrayLayout, PandasLayout or PolarsLayout
    columns : list of Column
    scaler : transformer or None
        Of the numbers; None if there are none.
    one_hot : OneHotEncoder or None
        Of the categories.
    means : array
        Of the columns of the rows in `fit`.
    missing_values : number, str or None
        What stands for missing values, beside NaN and the like.
    handle_unknown : {"ignore", "error"}
        Whether a category that is none of the known ones is missing, or refused.
    allow_nan : bool
        Whether values may be missing.
    """

    layout: object
    columns: list
    scaler: object = None
    one_hot: object = None
    means: np.ndarray | None = None
    missing_values: object = np.nan
    handle_unknown: str = "ignore"
    allow_nan: bool = True

    @classmethod
    def find(
        cls, X, kinds, max_categories, scaler, sample_weight=None, *, with_amounts=False, **settings
    ):
        """Find what each column of X holds, amounts too where asked for, and fit the encoders."""
        layout, values = layout_of(X), read(X, settings.get("missing_values", np.nan))
        columns = [
            Column.find(
                name,
                column,
                kind=kinds.get(name),
                is_category=layout.is_category(place),
                max_categories=max_categories,
            )
            for place, (name, column) in enumerate(zip(layout.names, values, strict=True))
        ]
        table = cls(layout, columns, **settings)
        numbers = table._of_kinds(values, NUMBERS)
        if with_amounts:
            table = table._with_amounts(numbers)
        if numbers.shape[1]:
            weight = {}
            if sample_weight is not None and has_fit_parameter(scaler, "sample_weight"):
                weight = {"sample_weight": sample_weight}
            table = replace(table, scaler=clone(scaler).fit(numbers, **weight))
        table = replace(table, one_hot=_one_hot(columns))
        rows = table.encode(X)
        seen = ~np.isnan(rows)
        means = np.where(seen, rows, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        return replace(table, means=means)

    def _with_amounts(self, numbers):
        """The same, with what is found of numbers that are amounts."""
        found = self.learned(NUMBERS)
        may_be = [n for n, column in enumerate(found) if not column.unit]
        amounts = {
            found[number].name: name
            for name, some in find_amounts(numbers, np.array(may_be, dtype=int))
            for number in some
        }
        columns = [replace(c, amount=amounts.get(c.name, "")) for c in self.columns]
        return replace(self, columns=columns)

    @property
    def is_amount(self):
        """Which of the numbers are amounts."""
        return np.array([column.amount != "" for column in self.learned(NUMBERS)], dtype=bool)

    def with_means(self, rows):
        """Rows with means in place of what is missing."""
        return np.where(np.isnan(rows), self.means.astype(rows.dtype), rows)

    def learned(self, kinds=LEARNED):
        """The columns of some kinds, in the order in which rows have them."""
        order = [NUMBERS, ("boolean",), ("categorical",)]
        return [c for group in order for c in self.columns if c.kind in group and c.kind in kinds]

    @property
    def blocks(self):
        """``[(Column, slice)]``: where rows have each column."""
        found, start = [], 0
        for column in self.learned():
            width = len(column.categories) if column.kind == "categorical" else 1
            found.append((column, slice(start, start + width)))
            start += width
        return found

    def _of_kinds(self, values, kinds):
        """Numbers of the columns of some kinds, an array."""
        of_name = dict(zip(self.layout.names, values, strict=True))
        found = [column.numbers(of_name[column.name]) for column in self.learned(kinds)]
        n_rows = len(values[0].array) if values else 0
        return np.column_stack(found) if found else np.empty((n_rows, 0))

    def encode(self, X):
        """Rows of numbers, NaN where a value is missing, or is none of the known categories."""
        return self.encode_values(self.read(X))

    def encode_values(self, values):
        """The same, of the `Values` of each column."""
        parts = [self._of_kinds(values, NUMBERS), self._of_kinds(values, ("boolean",))]
        self._tell_of_unknown(values, parts[1], ("boolean",))
        parts[1][parts[1] < 0] = np.nan
        if self.scaler is not None:
            scaled = np.asarray(self.scaler.transform(parts[0]))
            parts[0] = np.where(self.is_amount, parts[0], scaled)
        if self.one_hot is not None:
            places = self._of_kinds(values, ("categorical",))
            self._tell_of_unknown(values, places, ("categorical",))
            blocks = self.one_hot.transform(np.where(np.isnan(places), -1, places))
            for (_, block), place in zip(self._blocks_of_categories(), places.T, strict=True):
                blocks[~(place >= 0), block] = np.nan
            parts.append(blocks)
        return np.column_stack(parts)

    def _blocks_of_categories(self):
        found, start = [], 0
        for column in self.learned(("categorical",)):
            found.append((column, slice(start, start + len(column.categories))))
            start += len(column.categories)
        return found

    def _tell_of_unknown(self, values, places, kinds):
        """Refuse categories that are new, or tell of columns that have no other ones."""
        for column, place in zip(self.learned(kinds), places.T, strict=True):
            if not (place < 0).any():
                continue
            held, row = values[self.columns.index(column)], np.flatnonzero(place < 0)[:1]
            example = Values(held.array[row], held.missing[row]).items()[0]
            new = f"Column {column.name!r} has the category {example!r}, which it did not"
            if self.handle_unknown == "error":
                raise ValueError(
                    f"{new} have in fit. Set handle_unknown='ignore' to take such for missing."
                )
            if not (place >= 0).any() and len(place) >= MIN_ROWS_TO_TELL:
                warn_user(f"{new} have in fit, and no other: all of it is taken for missing.")

    def decode(self, rows, index=None):
        """A table with the columns, dtypes and categories of that in `fit`, of rows of numbers."""
        return self.layout.make(self.decoded(rows), index)

    def decoded(self, rows, with_frequent=False):
        """Values of each column, which are missing, and the column, of rows of numbers."""
        rows = np.asarray(rows, dtype=np.float64)
        n_numbers = len(self.learned(NUMBERS))
        found = {}
        if n_numbers:
            numbers = np.asarray(self.scaler.inverse_transform(rows[:, :n_numbers]))
            numbers = np.where(self.is_amount, rows[:, :n_numbers], numbers)
            for column, number in zip(self.learned(NUMBERS), numbers.T, strict=True):
                found[column.name] = column.values(number)
        for column, block in self.blocks[n_numbers:]:
            if column.kind == "boolean":
                found[column.name] = column.values(rows[:, block.start])
            else:
                found[column.name] = column.values(rows[:, block].argmax(axis=1))
        nowhere = np.zeros(len(rows), dtype=bool)
        return [
            (found[column.name], nowhere, column)
            if column.name in found
            else (*self._left_out(column, len(rows), with_frequent), column)
            for column in self.columns
        ]

    def _left_out(self, column, n_rows, with_frequent):
        """Values of a column that was not learned, and which of them are missing."""
        nowhere = np.zeros(n_rows, dtype=bool)
        if column.unit:
            return column.values(np.zeros(n_rows)), nowhere
        if with_frequent and column.kind == "identifier" and column.high > column.low:
            return np.full(n_rows, (column.low + column.high) // 2), nowhere
        place = self.columns.index(column)
        needs_value = column.kind != "identifier" and not self.layout.can_miss(place)
        if column.categories and (column.kind == "constant" or with_frequent or needs_value):
            values = np.empty(n_rows, dtype=object)
            values[:] = [column.categories[0]] * n_rows
            return values, nowhere
        if with_frequent and column.kind == "constant" and column.decimals is not None:
            return np.zeros(n_rows), nowhere
        if column.kind == "identifier" and column.high > column.low:
            start = int(column.high) + 1
            return np.arange(start, start + n_rows), nowhere
        return np.empty(n_rows, dtype=object), ~nowhere

    def read(self, X):
        """The values of each column of a table."""
        return read(X, self.missing_values)

    def gaps(self, X):
        """Which values are missing, of shape (n_samples, n_features)."""
        return np.column_stack([values.missing for values in self.read(X)])

    def fill(self, X, rows, *, with_frequent=False):
        """A copy of X with what rows of numbers have where it has nothing.

        Columns that were not learned stay as they are, or get their most frequent value, and 0 if
        they are of numbers and had none.
        """
        gaps, layout = self.gaps(X), layout_of(X)
        # Which may be another than in `fit`, such as integers where there were floats.
        decoded = self.decoded(rows, with_frequent=with_frequent)
        if layout.is_frame:
            like = self.layout if layout.library == self.layout.library else layout
            return layout.filled(X, like.make(decoded), gaps)
        made = np.array(X, dtype=None if X.dtype.kind == "O" else np.result_type(X, np.float32))
        return layout.filled(made, layout_of(made).make(decoded), gaps)

    def to_plain(self):
        """What files and pickles hold of it."""
        columns = [asdict(column) for column in self.columns]
        for column in columns:
            column["name"] = to_plain(column["name"])
            column["categories"] = tuple(map(to_plain, column["categories"]))
        plain = {"layout": self.layout.to_plain(), "columns": columns}
        return {**plain, **{name: getattr(self, name) for name in KEPT}}

    @classmethod
    def from_plain(cls, plain):
        """The way back."""
        plain = dict(plain)
        layout = from_plain(plain.pop("layout"))
        columns = [
            Column(
                **{
                    **column,
                    "name": value_of(column["name"]),
                    "categories": tuple(map(value_of, column["categories"])),
                }
            )
            for column in plain.pop("columns")
        ]
        return cls(layout, columns, one_hot=_one_hot(columns), **plain)

    def widened(self, X):
        """The same, which knows the range of further rows as well."""
        columns = [c.widened(v) for c, v in zip(self.columns, self.read(X), strict=True)]
        return replace(self, columns=columns)


def _one_hot(columns):
    """What makes one-hot columns of the places of categories; None where there are none."""
    sizes = [len(column.categories) for column in columns if column.kind == "categorical"]
    if not sizes:
        return None
    encoder = OneHotEncoder(
        categories=[np.arange(size) for size in sizes],
        handle_unknown="ignore",
        sparse_output=False,
    )
    return encoder.fit(np.zeros((1, len(sizes))))


class ColumnKinds(dict):
    """The kind of each column, by its name; it is printed kind by kind."""

    def __init__(self, columns):
        super().__init__((column.name, column.kind) for column in columns)
        self._columns = list(columns)

    def _lines(self):
        for kind in (*LEARNED, *LEFT_OUT):
            found = [column for column in self._columns if column.kind == kind]
            if found:
                sizes = [f" ({len(c.categories)})" * (kind == "categorical") for c in found]
                names = [f"{c.name}{size}" for c, size in zip(found, sizes, strict=True)]
                yield kind, names, "" if kind in LEARNED else f"left out: {LEFT_OUT[kind]}"

    def __repr__(self):
        width = max(map(len, (*LEARNED, *LEFT_OUT)))
        lines = []
        for kind, names, note in self._lines():
            text = f"{', '.join(names)}" + f"  ({note})" * bool(note)
            lines.append(
                textwrap.fill(
                    text,
                    96,
                    initial_indent=f"{kind:{width}}  ",
                    subsequent_indent=" " * (width + 2),
                )
            )
        return "\n".join(lines)

    def _repr_html_(self):
        rows = "".join(
            f"<tr><th>{kind}</th><td>{html.escape(', '.join(names))}</td><td>{note}</td></tr>"
            for kind, names, note in self._lines()
        )
        return f"<table>{rows}</table>"
