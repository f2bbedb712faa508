"""The steps of scikit-learn before an autoencoder, undone: encoded rows as columns of the table."""

from dataclasses import replace

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from skae.plotting._columns import columns_of, likeliest, listed

# What rare categories are called that an encoder has made one.
INFREQUENT = "infrequent"


class CannotUndo(Exception):
    """There is no way back."""


def undo(step, columns, names=None):
    """What a fitted step made of a table, as columns of that table.

    Parameters
    ----------
    step : object
        A transformer, a pipeline of such, or "passthrough".
    columns : list of Column
        What it gave.
    names : list of str, default=None
        Those of its input, where the step itself has been told none.

    Returns
    -------
    list of Column

    Raises
    ------
    CannotUndo
        If there is no way back.
    """
    if step is None or isinstance(step, str):
        return _named(columns, names)
    if isinstance(step, Pipeline):
        for position, (_, inner) in reversed(list(enumerate(step.steps))):
            columns = undo(inner, columns, names if position == 0 else None)
        return columns
    names = getattr(step, "feature_names_in_", names)
    if isinstance(step, ColumnTransformer):
        return _undo_parts(step, columns)
    if isinstance(step, OneHotEncoder):
        return _undo_one_hot(step, columns, names)
    if isinstance(step, OrdinalEncoder):
        return _undo_ordinal(step, columns, names)
    if _keeps_values(step):
        return _named(columns[: step.n_features_in_], names)
    return _undo_numbers(step, columns, names)


def _named(columns, names):
    if names is None:
        return columns
    if len(columns) != len(names):
        raise CannotUndo
    return [replace(column, name=str(name)) for column, name in zip(columns, names, strict=True)]


def _keeps_values(step):
    """Whether the first columns that a step gives are those that it was given, but for holes."""
    if isinstance(step, FunctionTransformer):
        return step.func is None
    if not hasattr(step, "add_indicator"):
        return False
    # An imputer leaves out columns without any value, unless it is told not to.
    kept = step.get_feature_names_out()[: step.n_features_in_].tolist()
    return kept == listed(getattr(step, "feature_names_in_", None), step.n_features_in_)


def _undo_numbers(step, columns, names):
    if any(column.is_category for column in columns):
        raise CannotUndo
    if isinstance(step, FunctionTransformer) and step.inverse_func is None:
        raise CannotUndo  # its own inverse would leave the values as they are
    rows = np.column_stack([column.values for column in columns])
    try:
        table = columns_of(step.inverse_transform(rows), names)
    except (AttributeError, TypeError, ValueError) as error:
        raise CannotUndo from error
    return table if names is None else _named(table, names)


def _undo_one_hot(step, columns, names):
    """The likeliest of each block of columns."""
    table, start = [], 0
    n_features = len(step.categories_)
    infrequent = getattr(step, "infrequent_categories_", [None] * n_features)
    dropped = [None] * n_features if step.drop_idx_ is None else step.drop_idx_
    for number, name in enumerate(listed(names, n_features)):
        known = step.categories_[number].tolist()
        rare = [] if infrequent[number] is None else infrequent[number].tolist()
        gone = None if dropped[number] is None else known[dropped[number]]
        gone = INFREQUENT if gone in rare else gone
        left = [c for c in known if c not in rare] + [INFREQUENT] * bool(rare)
        left = [c for c in left if gone is None or c != gone]
        block = {c: columns[start + i].values for i, c in enumerate(left)}
        start += len(left)
        if gone is not None:
            block[gone] = 1 - sum(values.clip(0, 1) for values in block.values())
        table.append(likeliest(name, block))
    if start != len(columns):
        raise CannotUndo
    return table


def _undo_ordinal(step, columns, names):
    """The nearest of the numbers that stand for categories."""
    names = listed(names, len(step.categories_))
    if len(columns) != len(names):
        raise CannotUndo
    table = []
    for name, known, column in zip(names, step.categories_, columns, strict=True):
        nearest = np.rint(np.nan_to_num(column.values)).clip(0, len(known) - 1)
        one_hot = nearest[:, None] == np.arange(len(known))
        one_hot &= np.isfinite(column.values)[:, None]
        block = dict(zip(known.tolist(), one_hot.T, strict=True))
        table.append(replace(likeliest(name, block), probabilities=None))
    return table


def _undo_parts(step, columns):
    """The parts of a `ColumnTransformer`, in the order of the table.

    A part without a way back stays as it is, after the others, under the names that it has there.
    """
    names_in = listed(getattr(step, "feature_names_in_", None), step.n_features_in_)
    table, rest = {}, []
    for name, inner, chosen in step.transformers_:
        places = step.output_indices_.get(name, slice(0, 0))
        part = columns[places]
        if not part or (isinstance(inner, str) and inner == "drop"):
            continue
        names = _chosen(chosen, names_in)
        try:
            undone = undo(inner, part, names)
        except CannotUndo:
            rest += [replace(column, encoded=True) for column in part]
            continue
        for column in undone:
            # A column that goes two ways comes back on the first.
            if column.name not in table:
                table[column.name] = column
    place = {name: number for number, name in enumerate(names_in)}
    return sorted(table.values(), key=lambda c: place.get(c.name, len(place))) + rest


def _chosen(chosen, names):
    """The names of the columns that are named in any of the ways of a `ColumnTransformer`."""
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, slice):
        ends = [names.index(e) if isinstance(e, str) else e for e in (chosen.start, chosen.stop)]
        ends[1] = ends[1] + 1 if isinstance(chosen.stop, str) else ends[1]  # names include theirs
        return names[slice(*ends, chosen.step)]
    chosen = np.atleast_1d(np.asarray(chosen))
    if chosen.dtype.kind in "bi":
        return np.array(names, dtype=object)[chosen].tolist()
    return chosen.tolist()


def fold(columns, blocks):
    """One-hot blocks as one column each.

    Parameters
    ----------
    columns : list of Column
        Numbers.
    blocks : list of integer array
        Which of them are a block.

    Returns
    -------
    list of Column
        Each block at the place of its first column.
    """
    first = {int(block[0]): block for block in blocks}
    inside = {int(i) for block in blocks for i in block}
    table = []
    for number, column in enumerate(columns):
        if number in first:
            table.append(_fold(columns, first[number]))
        elif number not in inside:
            table.append(column)
    return table


def _fold(columns, block):
    block = [columns[i] for i in block]
    names = [column.name for column in block]
    same = [len(set(letters)) == 1 for letters in zip(*names, strict=False)]
    length = names[0][: [*same, False].index(False)].rfind("_")
    name = names[0][:length] if length > 0 else f"{names[0]} to {names[-1]}"
    categories = [other[length + 1 :] for other in names] if length > 0 else names
    return likeliest(name, {c: o.values for c, o in zip(categories, block, strict=True)})
