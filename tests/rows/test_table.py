"""A table to learn from, and which of its rows are held out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skae._rows.columns import Target
from skae._rows.scaling import Scaling
from skae._rows.source import as_source
from skae._rows.table import Table

CPU = torch.device("cpu")


def table(n_rows, **params):
    X = np.arange(2.0 * n_rows).reshape(n_rows, 2)
    return Table(as_source(X), Target(), **{"subset": np.arange(n_rows), **params})


def held(table, fraction, seed=0, **params):
    """The rows to learn from, and those that are held out."""
    found = table.held_out(fraction, np.random.RandomState(seed), **params)
    return found.subset[: found.n_train], found.subset[found.n_train :]


@pytest.mark.parametrize(
    ("n_rows", "fraction", "n_val"),
    [
        *((3, 0.1, 1), (4, 0.1, 2), (5, 0.1, 2), (19, 0.1, 2), (30, 0.1, 3), (39, 0.1, 3)),
        *((3, 0.9, 2), (4, 0.9, 3), (20, 0.999, 19)),
    ],
)
def test_two_rows_at_least_are_held_out_and_one_is_learned_from(n_rows, fraction, n_val):
    train, val = held(table(n_rows), fraction)
    assert (len(train), len(val)) == (n_rows - n_val, n_val)
    assert sorted([*train, *val]) == list(range(n_rows))


@pytest.mark.parametrize("n_rows", [1, 2])
def test_of_two_rows_none_is_held_out(n_rows):
    whole = table(n_rows)
    assert whole.held_out(0.5, np.random.RandomState(0)) is whole
    all_rows, rows, rows_val = whole.rows(Scaling(np.zeros(2), 1.0), CPU)
    assert rows is all_rows
    assert rows_val is None


def test_rows_are_drawn_by_the_seed_and_each_part_is_in_order():
    some = np.arange(0, 100, 2)  # the others weigh nothing
    train, val = held(table(100, subset=some), 0.3)
    for part in (train, val):
        assert (np.diff(part) > 0).all()
    np.testing.assert_array_equal(np.sort([*train, *val]), some)
    np.testing.assert_array_equal(held(table(100, subset=some), 0.3)[1], val)
    assert not np.array_equal(held(table(100, subset=some), 0.3, seed=1)[1], val)
    assert val.min() < 50 < val.max()


def test_of_each_class_its_share_is_held_out():
    labels = np.repeat([0, 1, 2, 3, -1], [20, 11, 3, 1, 25])
    rows = table(60, labels=np.random.default_rng(0).permutation(labels))
    train, val = held(rows, 0.1)
    # Of a class one row at least, if another is left.
    assert np.bincount(rows.labels[val] + 1, minlength=5).tolist() == [2, 2, 1, 1, 0]
    assert len(train) + len(val) == len({*train, *val}) == 60
    assert not np.array_equal(held(rows, 0.1, seed=1)[1], val)


def test_who_is_judged_by_labels_needs_two_of_a_class():
    alone = np.where(np.arange(30) < 3, np.arange(30), -1)
    assert (alone[held(table(30, labels=alone), 0.1)[1]] == -1).all()
    with pytest.raises(ValueError, match="no class has two"):
        held(table(30, labels=alone), 0.1, judged_by_labels=True)
    _, val = held(table(30, labels=np.where(alone == 2, 1, alone)), 0.1, judged_by_labels=True)
    assert len(set(val) & {1, 2}) == 1


def test_rows_to_validate_on_that_are_given_take_the_place_of_some():
    X_val = np.full((4, 2), 7.0)
    given = table(30, X_val=X_val, weight=np.linspace(0.1, 2, 30))
    assert given.held_out(0.5, np.random.RandomState(0)) is given
    all_rows, rows, rows_val = given.rows(Scaling(np.ones(2), 2.0), CPU)
    assert rows is all_rows
    assert len(rows) == 30
    assert rows_val.weight is None
    assert (rows_val.held == 3).all()
    assert (X_val == 7).all()


def test_parts_have_the_rows_labels_and_weights_that_are_theirs():
    labels, weight = np.arange(20) % 3 - 1, np.arange(20) + 1.0
    split = table(20, labels=labels, weight=weight).held_out(0.25, np.random.RandomState(0))
    all_rows, *parts = split.rows(Scaling(np.zeros(2), 1.0), CPU)
    assert len(all_rows) == 20
    for part, subset in zip(parts, np.split(split.subset, [split.n_train]), strict=True):
        np.testing.assert_array_equal(part.subset, subset)
        np.testing.assert_array_equal(part.held, split.X.block(subset))
        np.testing.assert_array_equal(part.labels, labels[subset])
        np.testing.assert_allclose(part.weight, weight[subset] / weight[subset].mean(), rtol=1e-6)


def test_a_table_before_another():
    """Each row with what is known of it; who says no weight says one."""
    labels = np.array([0, 1, -1, 2])
    first = table(4, subset=np.array([1, 3]), labels=labels)
    first = replace(first, X=as_source(first.X))
    second = replace(first, subset=np.array([2, 0]), weight=np.array([4.0, 3, 2, 1]))
    joined = first.before(second)
    _, rows, _ = joined.rows(Scaling(np.zeros(2), 1.0), CPU)
    np.testing.assert_array_equal(rows.held[:, 0], [2, 6, 4, 0])
    np.testing.assert_array_equal(rows.labels, [1, 2, -1, 0])
    np.testing.assert_array_equal(rows.raw_weight, [1, 1, 2, 4])
    assert first.before(first).weight is None
    np.testing.assert_array_equal(second.before(first).weight[joined.subset], [3, 1, 1, 1])
