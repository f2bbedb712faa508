"""The cells of a table before and after: colours, texts, and how much of each column is kept."""

from dataclasses import dataclass, field

import numpy as np

from skae.plotting._columns import Column, write_difference

# A list of pale colours, which texts can be read on; it begins anew where categories are more.
PALETTE = "Set3"


@dataclass
class Cells:
    """What stands in each line and column; lines are those of all blocks, one below the other.

    Parameters
    ----------
    numbers : masked array of shape (n_lines, n_columns)
        In units of the deviation of each column; masked where there is no number.
    colours : ndarray of shape (n_lines, n_columns, 4)
        Of categories; transparent elsewhere.
    missed : masked array of shape (n_lines, n_columns)
        Probabilities that the true category was not given, in the last block.
    texts : list of list of str
        What is to be written.
    shares : list of (float or None)
        How much of each column is kept.
    """

    numbers: np.ma.MaskedArray
    colours: np.ndarray
    missed: np.ma.MaskedArray
    texts: list
    shares: list = field(default_factory=list)

    @classmethod
    def make(cls, blocks, n_shown, scales=None):
        """Cells of lists of columns: the original, maybe the corrupted, the reconstructed one."""
        n_columns, n_rows = len(blocks[0]), len(blocks[0][0].values)
        n_each = min(n_shown, n_rows)
        n_lines = n_each * (len(blocks) + 1)
        nothing = np.ma.array(np.zeros((n_lines, n_columns)), mask=True)
        texts = [[""] * n_columns for _ in range(n_lines)]
        cells = cls(nothing, np.zeros((n_lines, n_columns, 4)), nothing.copy(), texts)
        for place in range(n_columns):
            columns = [block[place] for block in blocks]
            if columns[0].is_category:
                cells._add_category(place, columns, n_each)
            else:
                scale = None if scales is None else np.asarray(scales, float)[:, place]
                cells._add_number(place, columns, n_each, scale)
        return cells

    def _add_number(self, place, columns, n_each, scale):
        X, *others = (np.ma.masked_invalid(column.values) for column in columns)
        missed = X - others[-1]  # of masked values means, unlike nanmean, never warn
        varies = X.count() > 0 and X.max() > X.min()
        if scale is None:
            center, deviation = X.mean(), X.std() if varies else np.ma.masked
            unit = 1.0 if len(X) == 1 else deviation
        else:
            center, unit = scale
            unit = unit if unit > 0 else np.ma.masked
        parts = [(values[:n_each] - center) / unit for values in (X, *others)]
        column = np.ma.concatenate([*parts, missed[:n_each] / unit])
        # What lies under the mask is drawn, too, before it is covered.
        self.numbers[:, place] = np.ma.array(column.filled(0), mask=np.ma.getmaskarray(column))
        self.shares.append(float(1 - (missed**2).mean() / X.var()) if varies else None)
        digits = float(np.ma.filled(unit if len(X) > 1 or scale is not None else 0.0, 0.0))
        lines = [text for c in columns for text in _first(c, n_each).write(digits)]
        gone = missed[:n_each].filled(np.nan)
        lines += [write_difference(value, columns[0].kind, digits) for value in gone]
        self._write(place, lines)

    def _add_category(self, place, columns, n_each):
        import matplotlib

        before, after = columns[0], columns[-1]
        known = list(dict.fromkeys(c for column in columns[::-1] for c in column.categories))
        palette = matplotlib.colormaps[PALETTE]
        lines = []
        for number, column in enumerate(columns):
            some, where = _first(column, n_each), slice(number * n_each, (number + 1) * n_each)
            codes, sure = some.codes(known), _sureness(some, some.values)
            colours = palette(codes % palette.N)
            colours[:, :3] = 1 - sure[:, None] * (1 - colours[:, :3])
            colours[codes < 0] = 0
            self.colours[where, place] = colours
            texts, told = some.write(0), some.probabilities is not None
            lines += [f"{t} {s:.0%}" if t and told else t for t, s in zip(texts, sure, strict=True)]
        is_known = before.codes(known) >= 0
        missed = np.ma.masked_where(~is_known, 1 - _sureness(after, before.values))
        self.missed[-n_each:, place] = missed[:n_each]
        right = np.array([a == b for a, b in zip(after.values, before.values, strict=True)])
        several = len(right) > 1 and is_known.any()
        self.shares.append(float(right[is_known].mean()) if several else None)
        said = [f"{m:.0%}" if m is not np.ma.masked else "" for m in missed[:n_each]]
        self._write(place, lines + said)

    def _write(self, place, lines):
        for line, text in zip(self.texts, lines, strict=True):
            line[place] = text


def _first(column, n_each):
    probabilities = column.probabilities
    if probabilities is not None:
        probabilities = {name: values[:n_each] for name, values in probabilities.items()}
    return Column(
        column.name, column.values[:n_each], column.kind, column.categories, probabilities
    )


def _sureness(column, values):
    """The probability that a column gives each of some values."""
    if column.probabilities is None:
        return np.array([a == b for a, b in zip(column.values, values, strict=True)], dtype=float)
    sure = np.zeros(len(values))
    for category, probability in column.probabilities.items():
        is_it = np.array([value == category for value in values], dtype=bool)
        sure[is_it] = probability[is_it]
    return sure
