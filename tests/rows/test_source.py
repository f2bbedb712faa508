"""Whatever X is, its blocks are those of the array."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import skae._rows.sources.arrow
import skae._rows.sources.pieces
from skae._rows.scaling import Scaling, standardized
from skae._rows.source import (
    JoinedSource,
    as_source,
    is_memory_mapped,
    is_read_in_place,
    with_rows_at,
)
from skae._rows.sources.anndata import BackedCSRSource
from skae._rows.sources.dtypes import float_dtype
from skae._rows.sources.memory import CSRSource
from skae._rows.sources.pieces import _edges

from ..places import FILES, anndata_in_zarr, hdf5, mapped
from .mapped import MAPPED, lacks

X = np.arange(60.0).reshape(20, 3) % 7 - 2
DTYPES = ["f4", "f8", ">f4", "f2", "i8", ">i2", "u1", "?"]


CONTAINERS = {
    "array": lambda X, folder: X,
    "read-only": lambda X, folder: np.broadcast_to(X, X.shape),
    "backwards": lambda X, folder: X[::-1, ::-1].copy()[::-1, ::-1],
    "Fortran": lambda X, folder: np.asfortranarray(X),
    "mapped": mapped,
    "view of mapped": lambda X, folder: mapped(np.tile(X, (1, 2))[::-1], folder)[
        ::-1, : X.shape[1]
    ],
    "CSR": lambda X, folder: sparse.csr_array(X),
    "joined": lambda X, folder: JoinedSource(as_source(X[:7]), as_source(X[7:])),
    "joined with CSR": lambda X, folder: JoinedSource(
        as_source(sparse.csr_array(X[:12])), as_source(mapped(X[12:], folder))
    ),
    **FILES,
    **MAPPED,
}


@pytest.fixture(params=CONTAINERS)
def contain(request, tmp_path):
    return lambda X: CONTAINERS[request.param](X, tmp_path)


@pytest.fixture
def small_pieces(monkeypatch):
    """Datasets are read in several pieces, and not what is between."""
    for name, value in [("PIECE_VALUES", 24), ("MAX_CHUNK_VALUES", 18), ("GAP_BYTES", 30)]:
        monkeypatch.setattr(skae._rows.sources.pieces, name, value)
    monkeypatch.setattr(skae._rows.sources.arrow, "MIN_STREAMED_ROWS", 10)
    monkeypatch.setattr(skae._rows.sources.arrow, "STREAM_ROWS", 3)


ROWS = st.one_of(
    st.slices(len(X)).filter(lambda rows: rows.step is None or rows.step > 0),
    st.lists(st.integers(0, len(X) - 1), max_size=30).map(lambda rows: np.array(rows, dtype=int)),
    st.sets(st.integers(0, len(X) - 1)).map(lambda rows: np.array(sorted(rows), dtype=int)),
)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_blocks_are_those_of_the_array(kind, tmp_path, small_pieces):
    source = as_source(CONTAINERS[kind](X, tmp_path))

    @settings(deadline=None)
    @given(st.lists(ROWS, min_size=1, max_size=4))
    def check(blocks):
        for rows in blocks:  # what was read before is kept, in part
            np.testing.assert_array_equal(source.block(rows), X[rows])
            tensor = source.tensor(rows)
            np.testing.assert_array_equal(tensor, X[rows])
            tensor.zero_()  # is not a view

    check()
    assert source.shape == X.shape
    assert len(source) == len(X)
    assert as_source(source) is source
    np.testing.assert_array_equal(np.concatenate(list(source.blocks())), X)


def test_of_a_column_of_the_file_and_one_of_the_folder_that_of_the_folder_counts(
    tmp_path, small_pieces
):
    """As pyarrow has it, whether a group is read whole or in part."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for year in (5, 6):
        (tmp_path / f"year={year}").mkdir()
        table = pa.table({"a": np.arange(20.0), "year": np.full(20, 100 + year, np.int32)})
        pq.write_table(table, tmp_path / f"year={year}" / "0.parquet")
    X = pytest.importorskip("pyarrow.dataset").dataset(tmp_path, partitioning="hive")
    source = as_source(X)
    assert len(source.block(slice(0, 7))) == 7
    whole = X.to_table().to_pandas().to_numpy()
    np.testing.assert_array_equal(np.concatenate(list(source.blocks())), whole)


def test_a_stream_that_broke_is_begun_anew(tmp_path, small_pieces, monkeypatch):
    source = as_source(FILES["Parquet, files of one group"](X, tmp_path))
    np.testing.assert_array_equal(source.block(slice(0, 4)), X[:4])
    assert source._stream is not None
    stream = source._stream
    with monkeypatch.context() as broken:
        broken.setattr(stream, "_batches", iter(()))
        with pytest.raises(OSError, match="a group ends after"):
            source.block(slice(5, 9))
    np.testing.assert_array_equal(source.block(slice(3, 9)), X[3:9])
    source.block(slice(5, 10))  # to the end of the group
    assert source._stream is None


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(1, 20))
def test_chunks_that_are_too_large_are_cut_and_others_are_not(sizes, most):
    edges, longest = _edges(sizes, most)
    assert {0, *np.cumsum(sizes)} <= {*edges}
    assert edges[-1] == sum(sizes)
    assert longest <= most
    assert len(edges) - 1 == sum(-(-size // most) for size in sizes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", CONTAINERS)
def test_tensors_lose_no_value(kind, dtype, tmp_path):
    values = X.clip(0).astype(dtype)
    if lacks(kind, dtype):
        return
    source = as_source(CONTAINERS[kind](values, tmp_path))
    own = values.dtype.newbyteorder("=")
    if kind.startswith(("Parquet", "Arrow")):
        own = np.dtype(float_dtype(own))
    assert source.dtype == source.block(slice(3)).dtype
    if "netCDF4" not in kind:  # where any integer may be missing
        assert source.dtype == own
    found = source.tensor(np.array([4, 1]))
    fits = own.itemsize <= 2 or own == np.float32
    assert found.dtype == (torch.float32 if fits else torch.float64)
    np.testing.assert_array_equal(found, values[[4, 1]].astype(float))


def test_extremes_leave_nan_aside(contain, small_pieces):
    values = X.copy()
    values[3, 1], values[19, 2] = -8, 9
    assert as_source(contain(values)).extremes() == (-8, 9)
    values[::2, 1] = np.nan
    assert as_source(contain(values)).extremes() == (-8, 9)
    values[:] = np.nan
    assert np.isnan(as_source(contain(values)).extremes()).all()


def test_where_there_are_no_values_there_are_no_extremes():
    assert as_source(X[:0]).extremes() is None
    assert as_source(sparse.csr_array((3, 4))).extremes() is None


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_what_is_not_finite_is_found_in_the_last_block(value, word, contain):
    values = X.copy()
    as_source(contain(values)).check_finite()
    values[-1, 2] = value
    source = as_source(contain(values))
    with pytest.raises(ValueError, match=f"Input X contains {word}"):
        source.check_finite(estimator_name="Model")
    if word == "NaN":
        source.check_finite(allow_nan=True)


def test_only_what_lies_in_a_file_is_read_in_blocks(tmp_path):
    for X_in, is_dense, in_file in [
        (X, True, False),
        (X[::-1, 1:], True, False),
        (sparse.csr_array(X), False, False),
        (mapped(X, tmp_path)[3:, 1:], False, True),
        (hdf5(X, tmp_path), False, True),
    ]:
        source = as_source(X_in)
        assert (source.is_dense, source.lies_in_file) == (is_dense, in_file)
        assert is_memory_mapped(X_in) == (in_file and isinstance(X_in, np.ndarray))
        assert is_read_in_place(X_in) == in_file


@pytest.mark.parametrize(
    "scaling",
    [Scaling(np.arange(1.0, 4), 2.0), Scaling(np.zeros(3), 1.0)],
    ids=["scaled", "as it is"],
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_standardized_rows_are_never_a_view(scaling, dtype, contain):
    source = as_source(contain(X.astype(dtype)))
    for rows in (slice(0, 5), np.arange(5), np.array([0, 3])):
        standardized(source, rows, scaling).zero_()
    np.testing.assert_array_equal(source.block(slice(0, 5)), X[:5])


@pytest.mark.parametrize(
    "view",
    [X[:1][::-1], X[::-1, ::-1], np.asfortranarray(X), np.broadcast_to(X[0], (4, 3)), X[::2, ::2]],
    ids=["one row backwards", "backwards", "Fortran", "repeated", "every other"],
)
def test_any_layout_is_standardized(view):
    scaling, source = Scaling(np.ones(view.shape[1]), 2.0), as_source(view)
    np.testing.assert_allclose(standardized(source, slice(0, 4), scaling), (view[:4] - 1) / 2)


def test_what_is_kept_is_a_copy_in_the_form_that_it_has(contain):
    source = as_source(contain(X))
    kept = source.kept(np.array([3, 1, 3]))
    if sparse.issparse(kept):
        assert isinstance(source, CSRSource | BackedCSRSource)
        kept.data[:] += 1
    else:
        np.testing.assert_array_equal(kept, X[[3, 1, 3]])
        assert kept.base is None
        kept[:] = 0
    np.testing.assert_array_equal(source.block(np.array([3, 1])), X[[3, 1]])


def test_a_joined_source_says_of_itself_what_is_true_of_both(tmp_path):
    file, array = as_source(mapped(X.astype("f4"), tmp_path)), as_source(X.astype("i8"))
    for first, second in [(file, array), (array, file)]:
        joined = JoinedSource(first, second)
        assert (joined.is_dense, joined.lies_in_file) == (False, True)
        assert (joined.shape, joined.dtype) == ((40, 3), np.float64)
    assert JoinedSource(array, array).is_dense


@pytest.mark.parametrize("second", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("first", [np.asarray, sparse.csr_array])
def test_rows_take_places(first, second):
    places = np.array([6, 0, 5, 2])
    found = with_rows_at(first(X[:5]), second(X[10:14]), places)
    assert sparse.issparse(found) == (first is not np.asarray)
    found = found.toarray() if sparse.issparse(found) else found
    np.testing.assert_array_equal(found, X[[11, 1, 13, 3, 4, 12, 10]])


@pytest.mark.parametrize(
    "kind", sorted(FILES.keys() - {"Arrow"})
)  # pyarrow pickles no table in a dataset
def test_another_process_finds_the_rows(kind, tmp_path):
    source = pickle.loads(pickle.dumps(as_source(FILES[kind](X, tmp_path))))
    np.testing.assert_array_equal(source.block(np.array([19, 2])), X[[19, 2]])


def test_what_is_stored_by_columns_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"stored by columns .* X.to_memory\(\), or store it by"):
        as_source(anndata_in_zarr(sparse.csc_matrix(X), tmp_path))
