"""Datasets of HDF5 files, through h5py."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import skae._rows.sources.pieces
from skae._rows.source import as_source, chunks, validate_in_place
from skae._rows.sources.hdf5 import HDF5Source

h5py = pytest.importorskip("h5py")

X = np.arange(60.0).reshape(20, 3) % 7 - 2


def dataset(X, folder, name="X.h5", **settings):
    with h5py.File(folder / name, "w") as file:
        file.create_dataset("X", data=X, **settings)
    return h5py.File(folder / name)["X"]


class Spy:
    """A dataset that notes what is read of it."""

    def __init__(self, dataset):
        self.dataset, self.read = dataset, []

    def __getattr__(self, name):
        return getattr(self.dataset, name)

    def __getitem__(self, rows):
        self.read.append((rows.start, min(rows.stop, len(self.dataset))))
        return self.dataset[rows]

    def __bool__(self):
        return True


@pytest.mark.parametrize(
    ("chunk", "rows", "read"),
    [
        (None, [2, 3, 4, 90], [(2, 5), (90, 91)]),
        (None, [2, 4, 90], [(2, 5), (90, 91)]),
        (10, [2, 3, 8, 90], [(0, 10), (90, 100)]),
        (10, [95, 2, 17, 95, 94], [(0, 20), (90, 100)]),
        (10, range(5, 45), [(0, 20), (20, 40), (40, 50)]),
        (7, slice(80, 100), [(77, 91), (91, 100)]),
    ],
)
def test_chunks_are_read_once_and_what_is_between_is_not(chunk, rows, read, tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.sources.pieces, "PIECE_VALUES", 20 * 3)
    monkeypatch.setattr(skae._rows.sources.pieces, "GAP_BYTES", 2 * 3 * 8)
    values = np.arange(300.0).reshape(100, 3)
    spy = Spy(dataset(values, tmp_path, chunks=chunk and (chunk, 3)))
    rows = rows if isinstance(rows, slice) else np.array(rows)
    np.testing.assert_array_equal(HDF5Source(spy).block(rows), values[rows])
    assert spy.read == read


@pytest.mark.parametrize("chunk", [3, 10, 40])
def test_who_reads_in_order_reads_each_chunk_once(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.sources.pieces, "PIECE_VALUES", 12 * 3)
    spy = Spy(dataset(np.ones((100, 3)), tmp_path, chunks=(chunk, 3)))
    source = HDF5Source(spy)
    for part in chunks(100, 8):
        source.block(part)
    starts, stops = zip(*spy.read, strict=True)
    assert (*starts, 100) == (0, *stops)


def test_a_dataset_is_opened_again_in_another_process(tmp_path):
    source = pickle.loads(pickle.dumps(as_source(dataset(X, tmp_path))))
    np.testing.assert_array_equal(source.block(slice(None)), X)


def test_a_file_that_is_closed_is_refused(tmp_path):
    rows = dataset(X, tmp_path)
    source = as_source(rows)
    rows.file.close()
    with pytest.raises(ValueError, match="an HDF5 file that is closed"):
        as_source(rows)
    with pytest.raises(OSError, match=r"can not be read: .* must stay open"):
        source.block(slice(3))


def test_a_damaged_file_is_told_of(tmp_path):
    values = np.random.default_rng(0).normal(size=(5000, 3))
    dataset(values, tmp_path, chunks=(1000, 3), compression="gzip").file.close()
    path = tmp_path / "X.h5"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with h5py.File(path) as file, pytest.raises(OSError, match="may be damaged"):
        as_source(file["X"]).block(slice(None))


class Model(BaseEstimator):
    """Of which scikit-learn takes the name."""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(5), r"Expected 2D array, but X is an HDF5 dataset of shape \(5,\). Model needs"),
        (np.ones((2, 3, 4)), r"an HDF5 dataset of shape \(2, 3, 4\)"),
        (1.0, r"an HDF5 dataset of shape \(\)"),
        (np.ones((0, 3)), r"Found array with 0 sample\(s\).* required by Model"),
        (np.ones((3, 0)), r"Found array with 0 feature\(s\).* required by Model"),
        (np.array([[b"a", b"b"]]), "dtype .S1, but Model needs numbers"),
        (np.ones((2, 2), complex), "dtype complex128, but Model needs numbers"),
        (np.zeros((2, 2), [("a", "f4")]), "but Model needs numbers"),
        (X, "X has 3 features, but Model is expecting 4 features"),
        (np.full((2, 4), np.nan), r"Input X contains NaN.\nModel does not accept"),
    ],
)
def test_datasets_are_checked_as_arrays_are(values, message, tmp_path):
    model = Model()
    model.n_features_in_ = 4
    with pytest.raises(ValueError, match=message):
        validate_in_place(model, dataset(values, tmp_path), reset=False)


def test_text_is_refused(tmp_path):
    with h5py.File(tmp_path / "X.h5", "w") as file:
        file["X"] = [["a", "b"]]
        with pytest.raises(ValueError, match="Texts and dates are for a TabularAutoencoder"):
            validate_in_place(Model(), file["X"], reset=True)


def test_the_number_of_features_is_noted_and_nan_allowed(tmp_path):
    model = Model()
    rows = dataset(np.full((2, 4), np.nan), tmp_path)
    for finite in (False, "allow-nan"):
        assert validate_in_place(model, rows, reset=True, ensure_all_finite=finite).X is rows
    assert model.n_features_in_ == 4
