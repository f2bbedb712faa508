"""Clusters in the order of their size."""

from types import SimpleNamespace

import numpy as np
import pytest

from skae._base.class_codes import ClassCodes
from skae._base.clusters import ClusteringMixin, Clusters
from skae._base.labelled import KnownLabels


def by_size(counts, has_row):
    return Clusters.by_size(np.array(counts, dtype=float), np.array(has_row))


@pytest.mark.parametrize(
    ("counts", "has_row", "order"),
    [
        ([3, 9, 5], [True] * 3, [1, 2, 0]),
        ([4, 4, 7, 4], [True] * 4, [2, 0, 1, 3]),  # of one size in the order of the module
        ([0, 2, 0, 1], [False, True, True, True], [1, 3, 2, 0]),  # rows of no weight are rows
        ([0, 0, 0], [False, False, True], [2, 0, 1]),
        ([0.1, 0.7, 0.3], [True] * 3, [1, 2, 0]),
    ],
)
def test_the_largest_comes_first_and_the_empty_last(counts, has_row, order):
    clusters = by_size(counts, has_row)
    assert clusters.order.tolist() == order
    assert clusters.ranks[clusters.order].tolist() == list(range(len(counts)))


def test_files_know_them_by_flat_names():
    clusters = by_size([3, 9, 5], [True] * 3)
    state = {**clusters.to_state(), "other": 1}
    assert state.keys() == {"_order", "_ranks", "other"}
    found = Clusters.from_state(state)
    assert state == {"other": 1}
    np.testing.assert_array_equal(found.order, clusters.order)
    np.testing.assert_array_equal(found.ranks, clusters.ranks)
    assert Clusters.from_state(state) is None


class Placed(ClusteringMixin):
    """Rows whose values are the places in the module of their clusters, of which it has five."""

    n_clusters = 5
    n_features_in_ = 1
    module_ = SimpleNamespace(n_classes=0)
    _make_module = _make_objective = None

    def _is_conditional(self):
        return True

    def _validate_target(self, X):
        return X

    def _probabilities(self, X):
        return np.eye(self.n_clusters)[X[:, 0]]


@pytest.fixture
def learned(monkeypatch):
    """After a fit to four rows at place 1, one at 3 that weighs the most, one at 4 of no weight."""
    places = np.array([1, 1, 1, 1, 3, 4])[:, None]
    codes = ClassCodes(np.zeros((6, 1)), places[:, 0])
    monkeypatch.setattr("skae._base.conditional.look", lambda *_: codes)
    model = Placed()
    model._note(SimpleNamespace(labels=None), False)
    table = SimpleNamespace(X=places, weight=np.array([1.0, 1, 1, 1, 6, 0]))
    model._after_training(table, [None], {}, False)
    return model


def test_a_new_model_knows_no_order():
    model = Placed()
    model._note(SimpleNamespace(labels=None), False)
    assert model.predict(np.arange(5)[:, None]).tolist() == [0, 1, 2, 3, 4]
    assert model._known_labels.shares.tolist() == [0.2] * 5


def test_labels_are_ranks_by_weight(learned):
    assert learned.labels_.tolist() == [1, 1, 1, 1, 0, 2]
    assert learned.predict(np.arange(5)[:, None]).tolist() == [3, 1, 4, 0, 2]
    assert learned._known_labels.shares.tolist() == [0.6, 0.4, 0, 0, 0]


def test_rows_are_decoded_at_the_place_of_their_cluster(learned):
    (places,) = (learned._class_numbers(np.array([0, 1, 2])),)
    assert places.tolist() == [3, 1, 4]
    with pytest.raises(ValueError, match=r"y has labels that fit was not given: \[5\]"):
        learned._class_numbers(np.array([0, 5]))


def test_a_stream_keeps_the_order_and_no_labels(learned):
    before = learned._clusters
    table = SimpleNamespace(X=np.array([[0]]), weight=None)
    learned._after_training(table, [None], {}, True)
    assert learned._clusters is before
    assert not hasattr(learned, "labels_")
    assert isinstance(learned._known_labels, KnownLabels)
