"""Rows before and after a model, as the table or as the images that they are."""

import numpy as np

from skae._rows.frames.columns import LEFT_OUT
from skae.plotting._columns import as_given_table, as_table, chosen_columns


def compare(steps, X, rows, X_corrupted, features, reference):
    """A table before and after, as settings of the display."""
    original, reconstructed, corrupted = rows
    after = steps.outside(reconstructed, X)
    blocks = {"X": steps.as_given(after, original, X), "X_reconstructed": after}
    if X_corrupted is not None:
        blocks["X_corrupted"] = steps.as_given(after, corrupted, X_corrupted)
    elif corrupted is not None:
        blocks["X_corrupted"] = steps.outside(corrupted, X)
    if reference is None:
        scales = steps.scales(after)
    else:
        seen = steps.as_given(after, steps.enter(reference), reference)
        scales = np.array([_moments(column) for column in seen]).T
    if features is None:  # but columns that were not learned: what they come back with says nothing
        kinds = getattr(steps.last, "column_kinds_", {})
        features = [c.name for c in after if kinds.get(c.name) not in LEFT_OUT]
    chosen = chosen_columns([column.name for column in after], features)
    blocks = {name: [columns[i] for i in chosen] for name, columns in blocks.items()}
    after = blocks["X_reconstructed"]
    chances = {c.name: c.probabilities for c in after if c.probabilities is not None}
    return {
        **{name: as_given_table(columns) for name, columns in blocks.items()},
        "feature_names": [column.name for column in after],
        "scales": None if scales is None else scales[:, chosen],
        "probabilities": chances or None,
    }


def _moments(column):
    if column.is_category:
        return np.nan, np.nan
    values = np.ma.masked_invalid(column.values)
    return [float(np.ma.filled(value, np.nan)) for value in (values.mean(), values.std())]


def as_images(steps, X, rows, X_corrupted):
    """Arrays before and after, as settings of the display."""
    original, reconstructed, corrupted = rows
    outside = steps.leave(reconstructed)
    if outside is None:
        return {
            "X": as_table(original),
            "X_reconstructed": as_table(reconstructed),
            "X_corrupted": None if corrupted is None else as_table(corrupted),
        }
    if corrupted is not None:
        corrupted = steps.leave(corrupted) if X_corrupted is None else as_table(X_corrupted)
    return {"X": as_table(X), "X_reconstructed": outside, "X_corrupted": corrupted}


def reconstruct(steps, X, X_corrupted, y, random_state):
    """Original, reconstructed and corrupted rows, the last or None, as the last step has them."""
    original = steps.enter(X)
    corrupted = None
    if X_corrupted is not None:
        corrupted = steps.enter(X_corrupted)
    elif hasattr(steps.last, "corrupt"):
        corrupted = steps.last.corrupt(original, random_state=random_state)
    given = original if corrupted is None else corrupted
    classes = steps.found_classes(given) if y is None else y
    return original, steps.decode(steps.encode(given), classes), corrupted
