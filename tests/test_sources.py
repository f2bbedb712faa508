"""Rows are the same wherever they lie: what is learned of them is what is learned of the array."""

import numpy as np
import pytest
import torch

import skae._rows.sources.pieces
from skae import (
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VAEClassifier,
    VAETransformer,
)
from skae._base import writing
from skae._rows import batches
from skae._rows.scaling import Scaling
from skae._training.training import Training

from .places import FILES, hdf5, mapped

QUICK = {"hidden_layer_sizes": (12,), "max_iter": 3, "random_state": 0}
WEIGHT = np.linspace(0, 2, 400)


@pytest.fixture
def dataset(tmp_path):
    """``dataset(X, **settings)``: X in an HDF5 file, in chunks or not."""
    return lambda X, **settings: hdf5(X, tmp_path, **settings)


@pytest.fixture(params=["batch by batch", "in memory"])
def where(request, monkeypatch):
    """Rows of a file are read again in each epoch, or held."""
    if request.param == "batch by batch":
        monkeypatch.setattr(batches, "MAX_DENSE_BYTES", 0)
        monkeypatch.setattr(batches, "FILE_AHEAD", 100 * 64)
        monkeypatch.setattr(batches, "BLOCK_ROWS", 100)  # no chunk is so large that parts matter
        monkeypatch.setattr(skae._rows.sources.pieces, "PIECE_VALUES", 50 * 64)


def outcome(model, X, X_val=None):
    """All that may differ."""
    model.fit(X, sample_weight=WEIGHT, X_val=X_val)
    found = [model.transform(X), model.score_samples(X), model.sample(3, random_state=0)]
    if model.allow_nan:
        found.append(model.impute(X))
    if hasattr(model, "corrupt"):
        found.append(model.corrupt(X, random_state=0))
    model.partial_fit(X)
    return [*found, *(weights.numpy() for weights in model.module_.state_dict().values())]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", "f2", "i4", "u1", "?"])
def test_a_dataset_is_as_good_as_a_mapped_file(dtype, where, dataset, digits, tmp_path):
    X = (digits > 8 if dtype == "?" else digits).astype(dtype)
    rows = dataset(X, chunks=(48, 7), compression="gzip")
    model = AutoencoderTransformer(3, **QUICK)
    assert_same(outcome(model, rows), outcome(model, mapped(X, tmp_path)))


@pytest.mark.parametrize("kind", FILES)
def test_rows_are_the_same_wherever_they_lie(kind, where, digits, tmp_path):
    X = np.where(np.random.default_rng(0).uniform(size=digits.shape) < 0.1, np.nan, digits)
    rows, model = FILES[kind](X, tmp_path), AutoencoderTransformer(3, **QUICK, allow_nan=True)
    assert_same(outcome(model, rows), outcome(model, mapped(X, tmp_path)))


@pytest.mark.parametrize("kind", ["zarr", "Parquet"])
@pytest.mark.parametrize(
    "model",
    [
        VAEClassifier(3, **QUICK),
        AutoencoderClassifier(AutoencoderTransformer(3, **QUICK)),
        AutoencoderOutlierDetector(AutoencoderTransformer(3, **QUICK)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_whoever_predicts_takes_them(kind, model, digits, tmp_path):
    X, y = digits[:150], np.arange(150) % 3 - 1
    found, expected = (
        model.fit(rows, y).predict(rows) for rows in (FILES[kind](X, tmp_path), mapped(X, tmp_path))
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "model",
    [
        VAETransformer(3, **QUICK, likelihood="mixed"),
        VAETransformer(3, **QUICK, likelihood="bernoulli"),
        AutoencoderTransformer(3, **QUICK, loss="log_loss", early_stopping=False),
        AutoencoderTransformer(3, **QUICK, allow_nan=True),
        DenoisingAutoencoder(3, **QUICK),
    ],
    ids=repr,
)
def test_a_dataset_is_as_good_as_an_array(model, dataset, unit_digits):
    X = unit_digits.round() if model.get_params().get("likelihood") == "mixed" else unit_digits
    if model.allow_nan:
        X = np.where(np.random.default_rng(0).uniform(size=X.shape) < 0.1, np.nan, X)
    rows = dataset(X, chunks=True)
    assert_same(outcome(model, rows, rows), outcome(model, X, X))


def test_the_names_of_columns_are_kept_where_rows_are_held_out(digits, tmp_path, recwarn):
    X = FILES["Parquet"](digits[:150], tmp_path)
    detector = AutoencoderOutlierDetector(AutoencoderTransformer(3, **QUICK)).fit(X)
    assert not [w for w in recwarn if "feature names" in str(w.message)]
    assert detector.feature_names_in_.tolist() == X.schema.names


def test_chunks_are_read_a_few_times_in_an_epoch(dataset, monkeypatch):
    monkeypatch.setattr(batches, "MAX_DENSE_BYTES", 0)
    monkeypatch.setattr(batches, "FILE_AHEAD", 2**14)
    monkeypatch.setattr(batches, "BLOCK_ROWS", 16)
    chunk, n_chunks = 100, 100
    rows = dataset(np.ones((chunk * n_chunks, 4)), chunks=(chunk, 4))
    held_out = np.random.default_rng(0).permutation(len(rows))[:1000]
    subset = np.setdiff1d(np.arange(len(rows)), held_out)
    scaling = Scaling(np.zeros(4), 1.0)
    monkeypatch.setattr(batches, "chunks", lambda n_rows: [slice(n_rows)])  # all that is ahead
    rows, read = batches.Rows(rows, scaling, subset=subset), []
    block = rows.source.block
    monkeypatch.setattr(
        rows.source, "block", lambda rows: read.append(np.unique(rows // chunk)) or block(rows)
    )
    torch.manual_seed(0)
    sizes = [len(x) for x, _ in batches.BatchIterator(rows, 50, shuffle=True)]
    assert sum(sizes) == len(subset)
    times = np.bincount(np.concatenate(read))
    assert len(read) > 2
    assert times.max() <= batches.MAX_READS
    assert min(len(chunks) for chunks in read[:-1]) >= batches.MIN_BLOCKS / 2


@pytest.mark.parametrize("verb", ["fit", "partial_fit", "transform", "score_samples"])
def test_nan_in_the_last_block_is_refused(verb, dataset, digits):
    X = np.tile(digits, (4, 1))
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    X[-1, -1] = np.nan
    rows = dataset(X, chunks=(100, 64))
    with pytest.raises(ValueError, match=r"Input X contains NaN.\nAutoencoderTransformer does not"):
        getattr(model, verb)(rows)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(5), r"Expected 2D array, but X is an HDF5 dataset of shape \(5,\)"),
        (np.array([[b"a", b"b"]]), "AutoencoderTransformer needs numbers"),
        (np.ones((0, 3)), r"Found array with 0 sample\(s\)"),
        (np.ones((5, 3)), "X has 3 features, but AutoencoderTransformer is expecting 64"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(values, message, dataset, digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    with pytest.raises(ValueError, match=message):
        model.transform(dataset(values))


def test_a_file_in_place_of_its_dataset_is_refused(dataset):
    with pytest.raises(ValueError, match=r"is no dataset. Give one that is in it: \['X'\]"):
        AutoencoderTransformer().fit(dataset(np.ones((5, 3))).file)


def test_a_file_that_is_closed_in_training_ends_it(dataset, digits, monkeypatch):
    monkeypatch.setattr(batches, "MAX_DENSE_BYTES", 0)
    monkeypatch.setattr(skae._rows.sources.pieces, "PIECE_VALUES", 50 * 64)
    rows = dataset(digits)
    go_on = Training.go_on

    def close_and_go_on(self, *args):
        rows.file.close()
        return go_on(self, *args)

    monkeypatch.setattr(Training, "go_on", close_and_go_on)
    model = AutoencoderTransformer(3, **QUICK, init="random")
    with pytest.raises(OSError, match="The file must stay open"):
        model.fit(rows)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("kind", ["HDF5 in chunks", "zarr in shards", "Parquet", "Dask, sparse"])
def test_codes_in_a_file_are_decoded(kind, digits, tmp_path):
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    codes = model.transform(digits)
    expected = model.inverse_transform(codes)
    np.testing.assert_array_equal(model.inverse_transform(FILES[kind](codes, tmp_path)), expected)
    codes[-1, -1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.inverse_transform(FILES[kind](codes, tmp_path))
    with pytest.raises(ValueError, match="X has 2 columns, but codes of this"):
        model.inverse_transform(FILES[kind](codes[:, :2], tmp_path))


def opened(X, folder):
    return np.lib.format.open_memmap(folder / "out.npy", mode="w+", shape=X.shape, dtype=X.dtype)


def empty_hdf5(X, folder):
    h5py = pytest.importorskip("h5py")
    return h5py.File(folder / "out.h5", "w").create_dataset("X", X.shape, X.dtype, chunks=(7, 2))


def empty_zarr(X, folder):
    zarr = pytest.importorskip("zarr")
    settings = {"chunks": (7, X.shape[1]), "shards": (1050, X.shape[1])}
    return zarr.create_array(folder / "out.zarr", shape=X.shape, dtype=X.dtype, **settings)


def empty_tensor(X, folder):
    return torch.zeros(X.shape, dtype=getattr(torch, X.dtype.name))


@pytest.mark.parametrize("place", [opened, empty_hdf5, empty_zarr, empty_tensor])
@pytest.mark.parametrize("verb", ["transform", "inverse_transform", "impute"])
def test_results_go_where_they_are_told_to(verb, place, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "OUT_VALUES", 0)
    X = np.tile(digits, (6, 1))
    X[::3, 5] = np.nan
    model = AutoencoderTransformer(3, **QUICK, allow_nan=True).fit(X)
    rows = model.transform(X) if verb == "inverse_transform" else X
    expected = getattr(model, verb)(rows)
    out = place(expected, tmp_path)
    model.set_output(transform="pandas")
    assert getattr(model, verb)(rows, out=out) is out
    np.testing.assert_array_equal(out[:], expected)
    with pytest.raises(ValueError, match="out has the shape"):
        getattr(model, verb)(rows[1:], out=out)


def test_decoded_rows_of_classes_go_where_they_are_told_to(digits, monkeypatch):
    X, y = np.tile(digits, (6, 1)), np.arange(2400) % 2
    monkeypatch.setattr(writing, "OUT_VALUES", 0)
    model = VAEClassifier(3, **QUICK).fit(digits, y[:400])
    codes = model.transform(X)
    found = model.inverse_transform(codes, y, out=np.empty(X.shape))
    np.testing.assert_array_equal(found, model.inverse_transform(codes, y))
