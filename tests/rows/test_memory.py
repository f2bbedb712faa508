"""Which arrays lie in a file."""

import sys

import numpy as np
import pytest
import torch

from skae._rows.source import as_source, is_memory_mapped
from skae._rows.sources import memory

from .mapped import in_bytes, in_npy, in_torch

X = np.arange(60.0).reshape(20, 3)


@pytest.mark.parametrize(
    "view",
    [
        lambda folder: in_npy(X, folder)[3:, 1:],
        lambda folder: np.asarray(in_npy(X, folder)),
        lambda folder: in_bytes(X, folder)[::-1],
        lambda folder: np.ma.masked_equal(in_bytes(X, folder), 3, copy=False)[2:],
        lambda folder: in_torch(X, folder)[4:].numpy().T,
        pytest.param(
            lambda folder: in_torch(X, folder, shared=False)[4:].numpy(),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells"),
        ),
    ],
)
def test_a_view_of_a_file_lies_in_it_and_a_copy_does_not(view, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "MIN_MAPPED_BYTES", 0)
    assert is_memory_mapped(view(tmp_path))
    assert not is_memory_mapped(np.array(view(tmp_path)))


def test_tensors_in_memory_do_not_lie_in_a_file(monkeypatch):
    monkeypatch.setattr(memory, "MIN_MAPPED_BYTES", 0)
    for tensor in (torch.zeros(3, 2), torch.from_numpy(X)[1:], torch.zeros(3000, 3000)):
        assert not is_memory_mapped(tensor.numpy())


def test_a_mask_over_a_file_leaves_it_there(tmp_path):
    source = as_source(np.ma.masked_equal(in_npy(X.astype("i2"), tmp_path), 4, copy=False))
    assert source.lies_in_file
    assert source.dtype == np.float32
    np.testing.assert_array_equal(source.block([0, 1]), [[0, 1, 2], [3, np.nan, 5]])
