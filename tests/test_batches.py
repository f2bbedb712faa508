"""Batches are the same rows wherever these lie, each once in a pass."""

import numpy as np
import pytest
import torch
from scipy import sparse

import skae._batches
from skae._batches import BatchIterator, Rows, dense_tensor, is_memory_mapped
from skae._scaling import Scaling

X = np.arange(60.0).reshape(20, 3)
SCALING = Scaling(np.array([1.0, 2.0, 3.0]), 2.0)


def mapped(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.fixture(params=["memory", "file", "sparse", "small file", "small sparse"])
def anywhere(request, tmp_path, monkeypatch):
    """X in memory, in a file and sparse; the small ones are copied into memory."""
    if "small" not in request.param:
        monkeypatch.setattr(skae._batches, "MAX_DENSE_BYTES", 0)
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
def test_a_pass_has_each_row_once_in_batches_of_like_size(batch_size, params):
    torch.manual_seed(0)
    iterator = BatchIterator(Rows(X, SCALING), batch_size, shuffle=True, **params)
    first, second = ([x for x, _ in iterator] for _ in range(2))
    sizes = [len(x) for x in first]
    assert len(iterator) == len(sizes)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    together = torch.cat(first)
    np.testing.assert_allclose(together[together[:, 0].argsort()], (X - [1, 2, 3]) / 2)
    if batch_size < 20:
        assert not torch.equal(together, torch.cat(second))


def test_unshuffled_batches_come_in_order():
    x = torch.cat([x for x, _ in BatchIterator(Rows(X, SCALING), 7)])
    np.testing.assert_allclose(x, (X - [1, 2, 3]) / 2)


def test_memory_mapped_arrays_and_their_views_are_recognized(tmp_path):
    assert is_memory_mapped(mapped(tmp_path)[3:, 1:])
    assert not is_memory_mapped(X[3:, 1:])


def test_a_file_is_read_batch_by_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(skae._batches, "MAX_DENSE_BYTES", 0)
    rows = Rows(mapped(tmp_path), SCALING)
    assert rows.held is None
    read = []
    monkeypatch.setattr(
        skae._batches, "dense_tensor", lambda X, rows: read.append(rows) or dense_tensor(X, rows)
    )
    rows[torch.tensor([7, 2, 5])]
    assert [list(rows) for rows in read] == [[2, 5, 7]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.eye(3, dtype=np.uint8), torch.float32),
        (np.eye(3, dtype=np.int64), torch.float64),
        (np.eye(3, dtype=bool), torch.float32),
        (np.eye(3, dtype=np.float16), torch.float32),
        (np.eye(3)[::-1, ::-1], torch.float64),
        (sparse.csr_array(np.eye(3, dtype=np.float32)), torch.float32),
    ],
)
def test_dense_tensors_lose_no_value(values, dtype):
    found = dense_tensor(values, slice(1, 3))
    dense = values.toarray() if sparse.issparse(values) else values
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, dense[1:3].astype(float))
