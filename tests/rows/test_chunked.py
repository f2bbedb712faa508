"""Rows in chunks: what is held out of them."""

import warnings

import numpy as np
import pytest

import skae._rows.batches
import skae._rows.sources.base
from skae._rows.batches import BatchIterator, Rows
from skae._rows.chunked import MIN_HELD, hold_out_chunks, warn_if_sorted
from skae._rows.columns import Target
from skae._rows.scaling import Scaling
from skae._rows.source import as_source
from skae._rows.table import Table

from ..places import hdf5

LENGTH, N_CHUNKS = 5, 10 * MIN_HELD
N_ROWS = LENGTH * N_CHUNKS


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(skae._rows.sources.base, "PARTS_ROWS", 7)
    X = np.arange(2.0 * N_ROWS, dtype=np.float32).reshape(N_ROWS, 2)
    return as_source(hdf5(X, tmp_path, chunks=(LENGTH, 2)))


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(skae._rows.batches, "MAX_DENSE_BYTES", 0)


def test_whole_chunks_are_held_out_one_of_each_stretch(source):
    subset = np.setdiff1d(np.arange(N_ROWS), [0, 7, 8])  # of positive weight
    held = hold_out_chunks(source, subset, 0.1, np.random.RandomState(0))
    by_chunk = [held[subset // LENGTH == chunk] for chunk in range(N_CHUNKS)]
    assert all(len(set(those)) == 1 for those in by_chunk)
    chosen = np.array([those[0] for those in by_chunk])
    assert (chosen.reshape(MIN_HELD, -1).sum(axis=1) == 1).all()
    again = hold_out_chunks(source, subset, 0.1, np.random.RandomState(1))
    assert (held != again).any()


def test_rows_are_held_out_of_few_chunks_of_labels_and_of_what_fits_into_memory(source, large):
    def held_out(fraction=0.1, source=source, **params):
        table = Table(source, Target(), subset=np.arange(len(source)), **params)
        table = table.held_out(fraction, np.random.RandomState(0))
        held = table.subset[table.n_train :]
        assert len(held) == pytest.approx(fraction * len(source), abs=1)
        assert np.ptp(held) > len(source) / 2  # of the whole file
        chunks = [set(part // LENGTH) for part in np.split(table.subset, [table.n_train])]
        return chunks[0] & chunks[1]

    def dask_of(*lengths):
        array = pytest.importorskip("dask.array").from_array(np.zeros((sum(lengths), 2)))
        return as_source(array.rechunk((lengths, 2)))

    assert not held_out()
    assert held_out(source=dask_of(*[5] * 150, 5000, *[5] * 150))
    assert held_out(0.09)
    assert held_out(labels=np.zeros(N_ROWS, dtype=int))
    assert held_out(source=as_source(np.zeros((N_ROWS, 2))))


def test_no_chunk_is_read_twice_because_some_of_its_rows_are_held_out(source, large, monkeypatch):
    monkeypatch.setattr(skae._rows.batches, "FILE_AHEAD", 2 * LENGTH)
    read = []
    of_file = source._read
    monkeypatch.setattr(
        source, "_read", lambda start, stop: [read.append((start, stop)), of_file(start, stop)][1]
    )
    monkeypatch.setattr(source, "_piece_rows", LENGTH)
    table = Table(source, Target(), subset=np.arange(N_ROWS))
    table = table.held_out(0.1, np.random.RandomState(0))
    _, train, val = table.rows(Scaling(np.zeros(2), 1.0), None)
    seen = [x for part in (train, val) for x, _ in BatchIterator(part, LENGTH)]
    assert sum(map(len, seen)) == N_ROWS
    assert len(read) == N_CHUNKS


@pytest.mark.parametrize(
    ("order", "n_mixed", "warns"),
    [
        *(("sorted", 5, True), ("sorted", 6, False), ("shuffled", 5, False)),
        *(("drifting", 5, True), ("with holes", 5, True)),
    ],
)
def test_who_mixes_few_parts_of_a_sorted_file_is_told(order, n_mixed, warns, tmp_path, large):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3)) + 4 * rng.integers(5, size=(2000, 1))
    if order in ("sorted", "with holes"):
        X = X[np.argsort(X[:, 0])]
    if order == "with holes":
        X[rng.uniform(size=X.shape) < 0.05] = np.nan
    elif order == "drifting":
        X = X + np.linspace(0, 50, len(X))[:, None]
    rows = Rows(hdf5(X, tmp_path, chunks=(1000, 3)), Scaling(np.zeros(3), 1.0))
    # A chunk is read as 4 parts of 250 rows.
    ahead = dict.fromkeys(("FILE_AHEAD", "CHUNKED_AHEAD"), 3 * 250 * n_mixed)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name, value in ahead.items():
            patch.setattr(skae._rows.batches, name, value)
        warn_if_sorted(rows)
    assert [f"than {n_mixed} of its parts" in str(w.message) for w in caught] == [True] * warns
