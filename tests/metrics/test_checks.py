"""Checks of drawn rows, in closed form."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, spearmanr
from sklearn.preprocessing import StandardScaler

from skae._rows.frames.encoding import TableEncoding
from skae.metrics import _checks


def encoded(known, *others):
    table = TableEncoding.find(known, {}, 40, StandardScaler())
    return table, *(table.encode(X) for X in others)


def objects(*columns):
    return np.array(list(zip(*columns, strict=True)), dtype=object)


def test_values_are_held_against_what_was_there():
    known = objects([1, 2, 7, 4], [0.5, 1.25, 2.0, 1.1], ["a", "b", "a", "b"], [0, 1, 1, 0])
    drawn = objects([1, 8, 2.5, np.nan], [0.4, 2.1, 9, 1.0], ["a", "c", None, "b"], [0.3, 1, 0, 1])
    table = TableEncoding.find(known, {}, 40, StandardScaler())
    assert _checks.missing(table, drawn) == {0: 0.25, 1: 0, 2: 0.25, 3: 0}
    assert _checks.outside(table, drawn) == {0: pytest.approx(1 / 3), 1: 0.75}
    assert _checks.unknown(table, drawn) == {2: pytest.approx(1 / 3), 3: 0.25}
    assert _checks.whole(table, drawn) == {0: pytest.approx(2 / 3)}
    for check in (_checks.outside, _checks.unknown):
        assert set(check(table, known).values()) == {0.0}


def test_bounds_forgive_what_float32_rounds():
    known = np.random.default_rng(0).normal(size=(50, 1)) + 100
    table = TableEncoding.find(known, {}, 40, StandardScaler())
    assert _checks.outside(table, known.astype(np.float32)) == {0: 0}
    assert _checks.outside(table, known + 0.01)[0] > 0


def test_distributions_are_those_of_kolmogorov_and_of_shares():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=40), rng.normal(1, size=30)
    first = objects(numbers[0], ["a"] * 10 + ["b"] * 30)
    second = objects(numbers[1], ["a"] * 15 + ["c"] * 3 + ["b"] * 12)
    table = TableEncoding.find(first, {}, 40, StandardScaler())
    found = _checks.distributions(table, first, second)
    assert found[0] == pytest.approx(ks_2samp(*numbers).statistic)
    # Shares of a, b and of what is new: 1/4, 3/4, 0 and 1/2, 2/5, 1/10.
    assert found[1] == pytest.approx(0.35)


def test_a_column_without_any_value_is_as_far_as_can_be():
    first = np.arange(20.0)[:, None] ** 2
    table = TableEncoding.find(first, {}, 40, StandardScaler())
    assert _checks.distributions(table, first, np.full_like(first, np.nan)) == {0: 1}


def test_correlations_are_spearmans_of_the_rows_that_have_both():
    rng = np.random.default_rng(0)
    rows = np.exp(rng.normal(size=(60, 3)) @ rng.normal(size=(3, 3)))
    np.testing.assert_allclose(_checks._spearman(rows), spearmanr(rows).statistic, atol=1e-12)
    a, b = rows[:, 0].argsort().argsort(), np.arange(60)
    holes = np.column_stack([a, b]).astype(float)
    holes[30:, 0] = np.nan
    expected = np.corrcoef(a[:30].argsort().argsort(), b[:30])[0, 1]
    assert _checks._spearman(holes)[0, 1] == pytest.approx(expected)
    assert np.isfinite(_checks._spearman(np.ones((5, 2)))).all()


def test_the_worst_pair_is_that_which_was_permuted():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=200)
    towns = np.where(numbers > 0, "up", "down")
    real = objects(numbers, numbers + rng.normal(size=200), towns)
    table, first = encoded(real, real)
    assert _checks.correlations(table, first, first)[0] == 0
    turned = real.copy()
    turned[:, 2] = np.where(numbers > 0, "down", "up")  # as strong, the other way round
    mean, pairs = _checks.correlations(table, first, table.encode(turned))
    assert [set(pair) for pair in list(pairs)[:2]] == [{0, 2}, {1, 2}]
    assert pairs[0, 2] > 1.5
    assert pairs[0, 1] == 0
    assert mean == pytest.approx(sum(pairs.values()) / 3)


def test_few_pairs_are_named_and_all_are_counted():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 100, 20))
    table = TableEncoding.find(first, {}, 40, StandardScaler())
    mean, pairs = _checks.correlations(table, first, second)
    assert len(pairs) == _checks.MAX_PAIRS < 190
    assert 0 < mean < np.mean(list(pairs.values()))
    assert sorted(pairs.values(), reverse=True) == list(pairs.values())


def test_classes_and_values_are_read_by_a_judge_of_real_rows():
    rng = np.random.default_rng(0)
    y = np.repeat(["x", "y"], 50)
    X = (y == "y")[:, None] * 5 + rng.normal(size=(100, 2))
    asked = np.repeat(["x", "y"], [30, 70])  # of which 20 are of the other class
    found, of_real = _checks.classes_kept(X, y, X, asked, 0)
    assert found == {"x": 1, "y": pytest.approx(50 / 70)}
    assert min(of_real.values()) > 0.9
    number = rng.uniform(size=100)
    X = np.column_stack([number, rng.normal(size=100)])
    found, of_real = _checks.values_kept(X, number, X, number, 0)
    assert found < of_real < 0.1
    off, _ = _checks.values_kept(X, number, X, number + 0.5, 0)
    assert off == pytest.approx(np.hypot(found, 0.5), abs=0.01)
    near_half = np.abs(number - 0.5) < 0.1  # though these hardly vary
    assert _checks.values_kept(X, number, X[near_half], np.full(near_half.sum(), 0.5), 0)[0] < 0.1


def test_training_rows_are_nearest_to_another():
    train = np.array([[0.0], [1.0], [3.0], [3.0]])
    assert _checks.nearest(train, np.array([[0.2], [9.0]])).tolist() == pytest.approx([0.2, 6])
    assert _checks.nearest(train, train, with_itself=True).tolist() == [1, 1, 0, 0]
    assert _checks.nearest(train, train).tolist() == [0, 0, 0, 0]
