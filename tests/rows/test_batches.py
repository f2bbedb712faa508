"""Batches are the same rows wherever these lie, each once in a pass."""

import numpy as np
import pytest
import torch
from scipy import sparse

import skae._rows.batches
from skae._rows.batches import BatchIterator, Rows
from skae._rows.scaling import Scaling

X = np.arange(60.0).reshape(20, 3)
SCALING = Scaling(np.array([1.0, 2.0, 3.0]), 2.0)


def mapped(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.fixture(params=["memory", "file", "sparse", "small file", "small sparse"])
def anywhere(request, tmp_path, monkeypatch):
    """X in memory, in a file and sparse; the small ones are copied into memory."""
    if "small" not in request.param:
        monkeypatch.setattr(skae._rows.batches, "MAX_DENSE_BYTES", 0)
    if "sparse" in request.param:
        return sparse.csr_array(X)
    return mapped(tmp_path) if "file" in request.param else X


def test_rows_are_the_same_from_everywhere(anywhere):
    weight = np.arange(20.0)
    subset = np.array([1, 4, 5, 19])
    rows = Rows(anywhere, SCALING, subset=subset, weight=weight)
    x, (y, w) = rows[torch.tensor([3, 0, 2])]
    np.testing.assert_allclose(x, (X[[19, 1, 5]] - [1, 2, 3]) / 2)
    assert x.dtype == torch.float32
    assert y is None
    assert w.tolist() == pytest.approx(np.array([19, 1, 5]) / 7.25)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 19, 20, 100])
@pytest.mark.parametrize("params", [{}, {"num_workers": 0}], ids=["own", "DataLoader"])
@pytest.mark.parametrize("n_ahead", [1, 8, 100])
def test_a_pass_has_each_row_once_in_batches_of_like_size(
    batch_size, params, n_ahead, anywhere, monkeypatch
):
    for name in ("MEMORY_AHEAD", "FILE_AHEAD"):
        monkeypatch.setattr(skae._rows.batches, name, n_ahead * X.shape[1])
    monkeypatch.setattr(skae._rows.batches, "BLOCK_ROWS", 3)
    torch.manual_seed(0)
    rows = Rows(anywhere, SCALING, weight=X[:, 0])
    iterator = BatchIterator(rows, batch_size, shuffle=True, **params)
    passes = [list(iterator) for _ in range(2)]
    first, second = ([x for x, _ in batches] for batches in passes)
    for x, (_, weight) in passes[0]:
        assert torch.allclose(weight * X[:, 0].mean(), 2 * x[:, 0] + 1)
    sizes = [len(x) for x in first]
    assert len(iterator) == len(sizes)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    together = torch.cat(first)
    np.testing.assert_allclose(together[together[:, 0].argsort()], (X - [1, 2, 3]) / 2)
    if batch_size < 20:
        assert not torch.equal(together, torch.cat(second))


def test_a_file_is_shuffled_by_blocks_that_mix_when_read(tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.batches, "MAX_DENSE_BYTES", 0)
    monkeypatch.setattr(skae._rows.batches, "FILE_AHEAD", 10 * X.shape[1])
    monkeypatch.setattr(skae._rows.batches, "BLOCK_ROWS", 5)
    monkeypatch.setattr(skae._rows.batches, "MIN_BLOCKS", 2)
    torch.manual_seed(0)
    iterator = BatchIterator(Rows(mapped(tmp_path), SCALING), 5, shuffle=True)
    starts = set()
    for _ in range(10):
        order = iterator._order()
        blocks = [
            frozenset(part.div(5, rounding_mode="floor").tolist()) for part in order.split(10)
        ]
        assert all(len(together) == 2 for together in blocks)
        assert not torch.equal(order[:5].sort().values, order[:5])
        starts.add(blocks[0])
    assert len(starts) > 2


def test_unshuffled_batches_come_in_order():
    x = torch.cat([x for x, _ in BatchIterator(Rows(X, SCALING), 7)])
    np.testing.assert_allclose(x, (X - [1, 2, 3]) / 2)


def test_what_is_no_file_or_read_in_small_parts_is_mixed_well(tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.batches, "MAX_DENSE_BYTES", 0)
    monkeypatch.setattr(skae._rows.batches, "FILE_AHEAD", 10 * X.shape[1])
    for rows in (sparse.csr_array(X), mapped(tmp_path)):
        torch.manual_seed(0)
        iterator = BatchIterator(Rows(rows, SCALING), 5, shuffle=True)
        order = torch.cat([iterator._order() for _ in range(20)])
        neighbours = (order[1:] - order[:-1]).abs() == 1
        assert neighbours.float().mean() < 0.2  # 2 of 40 by chance


def test_each_part_of_a_split_has_weights_of_mean_one():
    weight = np.arange(1.0, len(X) + 1)
    rows, half = Rows(X, SCALING, weight=weight), len(X) // 2
    for part in (rows.part(slice(half)), rows.part(slice(half, None))):
        _, (_, found) = part[torch.arange(len(part))]
        assert found.mean().item() == pytest.approx(1)


def test_a_file_is_read_batch_by_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.batches, "MAX_DENSE_BYTES", 0)
    rows = Rows(mapped(tmp_path), SCALING)
    assert rows.held is None
    block, read = rows.source.block, []
    monkeypatch.setattr(rows.source, "block", lambda rows: read.append(rows) or block(rows))
    rows[torch.tensor([7, 2, 5])]
    assert [list(rows) for rows in read] == [[2, 5, 7]]


LABELS = np.array([0, 1, -1, 2, -1, 1, 0, -1, -1, 1])


def labelled_batches(shuffle, n_labelled, n_passes=1):
    rows = np.arange(10.0)[:, None] * np.ones((1, 3))
    scaling = Scaling(np.zeros(3), 1.0)
    iterator = BatchIterator(Rows(rows, scaling, labels=LABELS), 4, shuffle, n_labelled)
    return [batch for _ in range(n_passes) for batch in iterator]


def test_labels_are_those_of_the_last_rows_of_a_batch():
    torch.manual_seed(0)
    for x, (y, _) in labelled_batches(True, 5):
        assert len(y) == 5
        places = x[-5:, 0].long()
        assert y.tolist() == LABELS[places].tolist()
        assert (y >= 0).all()


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_other_rows_are_all_rows_once(shuffle):
    torch.manual_seed(0)
    plain = [x[: len(x) - len(y), 0] for x, (y, _) in labelled_batches(shuffle, 5)]
    assert sorted(torch.cat(plain).tolist()) == list(range(10))


def test_labelled_rows_take_turns_by_their_shares():
    torch.manual_seed(0)
    drawn = [y for _, (y, _) in labelled_batches(True, 6, n_passes=10)]
    for y in drawn:  # six of six labelled rows: each once
        assert sorted(y.tolist()) == [0, 0, 1, 1, 1, 2]


def test_in_validation_each_labelled_row_comes_once():
    found = [x[len(x) - len(y) :, 0] for x, (y, _) in labelled_batches(False, 5)]
    assert sorted(torch.cat(found).tolist()) == np.flatnonzero(LABELS >= 0).tolist()


def test_without_added_rows_labels_are_those_of_all_rows():
    torch.manual_seed(0)
    for x, (y, _) in labelled_batches(True, None):
        assert y.tolist() == LABELS[x[:, 0].long()].tolist()


def test_labelled_rows_have_weights_of_mean_one_of_their_own():
    labels, weight = np.where(np.arange(30) % 3, -1, 0), np.linspace(1, 5, 30)
    rows = Rows(np.eye(30), Scaling(np.zeros(30), 1.0), labels=labels, weight=weight)
    plain, labelled = [], []
    for _, (y, w) in BatchIterator(rows, 7, n_labelled=4):
        plain.append(w[: len(w) - len(y)])
        labelled.append(w[len(w) - len(y) :])
    np.testing.assert_allclose(torch.cat(plain), weight / weight.mean(), rtol=1e-6)
    np.testing.assert_allclose(torch.cat(labelled), weight[::3] / weight[::3].mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("weight", "n_rows", "n_expected"),
    [
        (None, 30, 30),
        (None, 7, 7),
        (np.arange(1, 31), 1000, 465),  # each as often
        (np.arange(1, 31) * 0.1, 1000, 465),  # these weights say the same
        (np.arange(1, 31) * 1.0, 400, 30),  # there are too many
        (np.sqrt(np.arange(1, 31)), 1000, 30),
        (np.sqrt(np.arange(1, 31)), 20, 20),
    ],
)
def test_a_fair_sample_has_each_row_as_often_as_its_weight_has_it(weight, n_rows, n_expected):
    rows = Rows(np.eye(30), Scaling(np.zeros(30), 1.0), weight=weight)
    found = rows.fair_sample(n_rows, torch.Generator().manual_seed(0))
    assert len(found) == n_expected
    share = np.full(30, 1 / 30) if weight is None else weight / weight.sum()
    counts = np.bincount(found, minlength=30)
    assert np.abs(counts - n_expected * share).max() < 1
    if n_expected == 465:
        np.testing.assert_array_equal(counts, np.arange(1, 31))
    assert not np.array_equal(found, np.sort(found))


@pytest.mark.parametrize("n_labelled", [None, 4])
def test_rows_come_as_often_as_they_weigh(n_labelled):
    weight, labels = np.where(np.arange(20) < 5, 9.0, 1.0), np.where(np.arange(20) % 2, -1, 0)
    rows = Rows(X, SCALING, weight=10 * weight, labels=labels)
    iterator = BatchIterator(rows, 5, shuffle=True, n_labelled=n_labelled, by_weight=True)
    passes, plain, labelled = 60, np.zeros(20), np.zeros(20)
    for _ in range(passes):
        for x, (y, given) in iterator:
            assert given is None
            numbers = ((2 * x[:, 0] + 1) / 3).round().long().numpy()
            n_plain = len(x) if n_labelled is None else len(x) - len(y)
            np.add.at(plain, numbers[:n_plain], 1)
            np.add.at(labelled, numbers[n_plain:], 1)
    assert plain.sum() == 20 * passes
    np.testing.assert_allclose(plain / plain.sum(), weight / weight.sum(), atol=0.02)
    if n_labelled is not None:
        shares = np.where(labels == 0, weight, 0)
        found = labelled / labelled.sum()
        np.testing.assert_allclose(found, shares / shares.sum(), atol=0.04)
    # What rows are judged by keeps its weights.
    judged = BatchIterator(rows, 20, by_weight=True)
    assert next(w for _, (_, w) in judged).mean() == pytest.approx(1)
