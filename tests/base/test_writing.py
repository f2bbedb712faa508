"""What results can not be written to is refused, before anything is."""

import numpy as np
import pandas as pd
import pytest
import torch

from skae import AutoencoderTransformer, SemanticHashing
from skae._base import writing

from .estimators import QUICK

h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
SHAPE = (400, 3)


def read_only(kind, folder):
    if kind == "array":
        return np.broadcast_to(np.float32(0), SHAPE)
    if kind == "zarr":
        zarr.create_array(folder / "a.zarr", shape=SHAPE, dtype="f4")
        return zarr.open_array(folder / "a.zarr", mode="r")
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("X", SHAPE, "f4")
    return h5py.File(folder / "a.h5")["X"]


def of_dask():
    return pytest.importorskip("dask.array").zeros(SHAPE, chunks=100)


REFUSED = {
    "integers": (lambda _: np.zeros(SHAPE, int), TypeError, "dtype int64, .* floating dtype"),
    "bools": (lambda _: np.zeros(SHAPE, bool), TypeError, "dtype bool"),
    "text": (lambda _: np.zeros(SHAPE, "U3"), TypeError, "dtype <U3"),
    "integers of zarr": (lambda _: zarr.zeros(SHAPE, dtype="i2"), TypeError, "dtype int16"),
    "integers of torch": (lambda _: torch.zeros(SHAPE, dtype=int), TypeError, "torch.int64"),
    "sparse": (lambda _: torch.zeros(SHAPE).to_sparse(), TypeError, "layout torch.sparse_coo on"),
    "elsewhere": (lambda _: torch.zeros(SHAPE, device="meta"), TypeError, "strided on meta"),
    "Dask": (lambda _: of_dask(), TypeError, "dask's Array, which has no place"),
    "a tuple": (lambda _: ((0.0,) * 3,) * 400, TypeError, "tuple, which has no place"),
    "read-only": (lambda folder: read_only("array", folder), ValueError, "ndarray, .* read-only"),
    "read-only zarr": (lambda folder: read_only("zarr", folder), ValueError, "zarr.*read-only"),
    "read-only h5py": (lambda folder: read_only("h5py", folder), ValueError, "h5py.*mode='r\\+'"),
}


@pytest.fixture(scope="module")
def model(digits):
    return AutoencoderTransformer(3, **QUICK).fit(digits)


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_hold_it_is_refused_as_it_was(name, model, digits, tmp_path):
    make, error, words = REFUSED[name]
    out = make(tmp_path)
    with pytest.raises(error, match=f"out .*{words}"):
        model.transform(digits, out=out)
    if isinstance(out, np.ndarray) and out.dtype.kind != "U":
        assert not out.any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_tensor_has_the_values_in_its_own_dtype(dtype, model, digits):
    given = torch.zeros(SHAPE, dtype=dtype, requires_grad=True)
    assert model.transform(torch.from_numpy(digits), out=given) is given
    expected = torch.from_numpy(model.transform(digits)).to(dtype)
    assert torch.equal(given.detach(), expected)


def test_bits_fit_into_integers(digits):
    model = SemanticHashing(3, **QUICK).fit(digits)
    out = np.zeros(SHAPE, int)
    np.testing.assert_array_equal(model.transform(digits, out=out), model.transform(digits))


def test_a_subclass_with_its_own_transform_makes_frames_still(digits):
    class Doubled(AutoencoderTransformer):
        def transform(self, X, *, out=None):
            return super().transform(X, out=out)

    model = Doubled(3, **QUICK).fit(digits).set_output(transform="pandas")
    assert isinstance(model.transform(digits), pd.DataFrame)
    out = zarr.zeros(SHAPE, dtype="f8")
    assert model.transform(digits, out=out) is out


@pytest.mark.parametrize("stored", [1, 300, 1024, 1500, 5000])
def test_chunks_are_written_whole_and_each_row_once(stored, monkeypatch):
    monkeypatch.setattr(writing, "OUT_VALUES", 0)
    written = []

    class Place:
        shape, chunks, dtype = (3000, 2), (stored, 2), np.dtype(np.float32)

        def __setitem__(self, rows, values):
            assert len(values) == rows.stop - rows.start
            written.append(rows)

    writing.filled(Place(), lambda rows: np.zeros((rows.stop - rows.start, 2), "f4"), (3000, 2))
    edges = [0, *(rows.stop for rows in written)]
    assert [rows.start for rows in written] == edges[:-1]
    assert edges[-1] == 3000
    assert all(stop % stored == 0 for stop in edges[:-1])
