"""Starts of a clustering, and how they are compared."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.datasets import make_blobs, make_circles
from sklearn.metrics import adjusted_rand_score

from skae._base.cluster_starts import (
    _cheapest,
    agreement,
    expected_shares,
    merged,
    neighbors_of,
    pairs,
    start_of,
)


def joint_of(n, seed):
    found = np.random.default_rng(seed).gamma(0.5, size=(n, n)) + 1e-3
    return (found + found.T) / (2 * found.sum())


def information(joint):
    shares = joint.sum(axis=1)
    return (joint * np.log(joint / np.outer(shares, shares))).sum()


def test_pairs_are_counted_both_ways():
    labels, neighbors = np.array([0, 0, 1]), np.array([[1, 2], [0, 2], [0, 1]])
    np.testing.assert_allclose(pairs(labels, neighbors) * 12, [[4, 4], [4, 0]])


@pytest.mark.parametrize("seed", range(5))
def test_the_cheapest_merger_is_that_which_costs_least_information(seed):
    joint = joint_of(6, seed)

    def left(a, b):
        groups = np.eye(6)
        groups[a] += groups[b]
        groups = np.delete(groups, b, axis=0)
        return information(groups @ joint @ groups.T)

    assert tuple(_cheapest(joint)) == max(combinations(range(6), 2), key=lambda ab: left(*ab))


def test_merged_are_those_whose_rows_are_neighbours():
    """Six clusters in three pairs, of uneven sizes, hardly any rows of others beside them."""
    joint = np.full((6, 6), 1e-4) + np.diag([9.0, 4, 5, 6, 3, 8])
    for a, b in ((0, 3), (1, 4), (2, 5)):
        joint[a, b] = joint[b, a] = 2.0
    labels = merged(joint / joint.sum(), 3)
    np.testing.assert_array_equal(labels[:3], labels[3:])
    assert sorted(labels[:3]) == [0, 1, 2]


def test_agreement_is_of_information_and_of_the_share_of_it():
    k = np.full(4, 1 / 4)
    assert agreement(np.diag(k)) == pytest.approx(np.log(4))
    assert agreement(np.outer(k, k)) == pytest.approx(0, abs=1e-12)
    assert agreement(np.ones((1, 1))) == 0
    joint = joint_of(4, 0)
    shares = joint.sum(axis=1)
    entropy = -(shares * np.log(shares)).sum()
    expected = information(joint) ** 5 / entropy**4
    assert agreement(joint) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rows", "n_clusters"),
    [
        (make_circles(400, noise=0.05, factor=0.4, random_state=0), 2),  # no matter for k-means
        (make_blobs([300, 60, 20], 5, cluster_std=1.2, random_state=3), 3),
        (make_blobs(5, 2, centers=3, cluster_std=0.1, random_state=0), 3),  # too few for the others
    ],
)
def test_the_start_is_one_that_fits(rows, n_clusters):
    X, y = rows
    neighbors, _ = neighbors_of(X)
    labels = start_of(X, neighbors, n_clusters, np.random.RandomState(0))
    assert adjusted_rand_score(y, labels) > 0.95


def test_neighbours_of_many_features_are_those_of_all_nearly():
    X = np.random.default_rng(0).normal(size=(200, 3)) @ np.random.default_rng(1).normal(
        size=(3, 80)
    )
    neighbors, tenth = neighbors_of(X)
    distances = np.linalg.norm(X[:, None] - X, axis=2)
    found = np.take_along_axis(distances, neighbors, axis=1)
    np.testing.assert_allclose(found, np.sort(distances)[:, 1:6])
    np.testing.assert_allclose(tenth, np.sort(distances)[:, 10])


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        ("start", [11 / 24, 4 / 24, 9 / 24]),
        ("uniform", [1 / 3] * 3),
        ([1, 5, 2], [5 / 8, 1 / 8, 2 / 8]),  # by rank
    ],
)
def test_expected_shares(prior, expected):
    np.testing.assert_allclose(expected_shares(prior, np.array([10, 3, 8])), expected)


def test_the_rarest_has_a_logarithm():
    found = expected_shares([1e-300, 1, 1], np.array([10, 3, 8])).astype(np.float32)
    assert np.isfinite(np.log(found)).all()
