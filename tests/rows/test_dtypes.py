"""Dtypes of what comes in and goes out."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.utils import check_array

from skae._rows.source import as_source
from skae._rows.sources.dtypes import (
    accepted_dtypes,
    equal_any,
    float_dtype,
    missing_values,
    plain,
    plain_dtype,
)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("f4", "f4"),
        (">f4", "f4"),
        ("f2", "f4"),
        ("u1", "f4"),
        ("?", "f4"),
        ("f8", "f8"),
        (">f8", "f8"),
        ("i4", "f8"),
        ("i8", "f8"),
    ],
)
def test_results_are_float64_where_values_may_need_it(dtype, expected):
    assert float_dtype(np.dtype(dtype)) == np.dtype(expected)
    for X in (np.zeros((2, 2), dtype), pd.DataFrame(np.zeros((2, 2), dtype))):
        assert (accepted_dtypes(X) is np.float32) == (expected == "f4")


def in_pandas(values, dtype):
    return pd.DataFrame({"a": values, "b": values[::-1]}).astype(dtype)


def in_arrow(values, dtype):
    pa = pytest.importorskip("pyarrow")
    columns = [pa.array(column).cast(dtype) for column in (values, values[::-1])]
    return pa.table(dict(zip("ab", columns, strict=True)))


@pytest.mark.parametrize(
    ("table", "dtypes", "expected"),
    [
        (in_pandas, ["Float32", "Int8", "UInt16", "boolean", "float32[pyarrow]"], np.float32),
        (in_pandas, ["Float64", "Int32", "double[pyarrow]", {"a": "Int8", "b": "Int32"}], "f8"),
        (in_arrow, ["float32", "int8", "uint16", "bool"], np.float32),
        (in_arrow, ["float64", "int32"], "f8"),
    ],
)
def test_tables_with_dtypes_of_their_own_are_float32_where_it_does(table, dtypes, expected):
    for dtype in dtypes:
        if "pyarrow" in dtype:
            pytest.importorskip("pyarrow")
        X = table([1, None, 0], dtype)
        if expected is np.float32:
            assert accepted_dtypes(X) is np.float32
        else:
            assert accepted_dtypes(X) == [np.float64, np.float32]
        found = check_array(X, dtype=accepted_dtypes(X), ensure_all_finite="allow-nan")
        assert found.dtype == expected
        np.testing.assert_array_equal(found, [[1, 0], [np.nan, np.nan], [0, 1]])


def test_scikit_learn_chooses_where_there_is_no_one_dtype():
    mixed = {"a": np.zeros(2, "f4"), "b": np.zeros(2, "u1")}
    for X in (pd.DataFrame(mixed), pl.DataFrame(mixed), sparse.csr_array((2, 2), dtype="i1")):
        assert accepted_dtypes(X) is np.float32
    texts = pd.DataFrame({"a": ["x"]})
    for X in ([[1, 2]], texts, pl.DataFrame({"a": [1.0]}), np.array([[None]])):
        assert accepted_dtypes(X) == [np.float64, np.float32]


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="of numpy 2")
def test_numbers_that_are_text_of_any_length_are_left_to_scikit_learn():
    X = np.array([["1", "2.5"]], np.dtypes.StringDType())
    assert as_source(X).is_dense
    assert accepted_dtypes(X) == [np.float64, np.float32]


@pytest.mark.parametrize(
    ("dtype", "plain", "with_holes"),
    [
        (">f4", "f4", "f4"),
        ("f2", "f2", "f2"),
        ("i2", "i2", "f4"),
        (">i8", "i8", "f8"),
        ("?", "?", "f4"),
        ("O", "O", "f8"),
        ("U3", "U3", "U3"),
        ([("a", "f4")], [("a", "f4")], [("a", "f4")]),
    ],
    ids=str,
)
def test_only_what_may_have_holes_must_be_floating(dtype, plain, with_holes):
    assert plain_dtype(dtype) == np.dtype(plain)
    assert plain_dtype(dtype, has_missing=True) == np.dtype(with_holes)


def test_small_numbers_of_other_packages_are_float32():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.int4):
        assert plain_dtype(dtype) == np.float32
        np.testing.assert_array_equal(plain(np.array([1, -2]).astype(dtype), "f4"), [1, -2])


def test_values_are_copied_only_where_they_change():
    X = np.arange(6.0).reshape(3, 2)
    assert plain(X, X.dtype) is X
    assert np.shares_memory(plain(np.ma.array(X, mask=False), X.dtype), X)
    masked = np.ma.masked_greater(X, 4, copy=False)
    np.testing.assert_array_equal(
        plain(masked, X.dtype, equal_any(masked, [1, 2])), [[0, np.nan], [np.nan, 3], [4, np.nan]]
    )
    np.testing.assert_array_equal(X, np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize(
    ("attributes", "dtype", "expected"),
    [
        ({}, "f4", []),
        ({"_FillValue": np.float32(-9)}, "f4", [-9]),
        ({"_FillValue": np.array([-9], "i2"), "missing_value": 3}, "i2", [3, -9]),
        ({"missing_value": np.array([1, 2])}, "u1", [1, 2]),
        ({"missing_value": [-9, "AAAAAAA4j8A="], "_FillValue": -9}, "f8", [-9, -999]),
        ({"missing_value": b"", "_FillValue": 7}, "i4", [7]),
        ({"_FillValue": "n/a"}, "f4", []),
        ({"_FillValue": "AAAAAAA4j8A="}, "f4", [-999]),  # as xarray writes it to zarr
        ({"_FillValue": "no number at"}, "f4", []),
        ({"_FillValue": np.nan, "missing_value": -np.inf}, "f8", [-np.inf]),
        ({"_FillValue": -999.9}, "f4", [np.float32(-999.9)]),
        ({"_FillValue": [1e20, -1e4, 1e-20]}, "f2", [-1e4]),
        ({"_FillValue": [-1, 300, 2.5, 4.0]}, "u1", [4]),
        ({"_FillValue": 1}, "U3", []),
        ({"_FillValue": 1}, [("a", "f4")], []),
    ],
    ids=str,
)
def test_attributes_tell_what_stands_for_missing_values(attributes, dtype, expected):
    found = missing_values(attributes, dtype)
    assert found == expected
    assert all(code.dtype == dtype for code in found)
