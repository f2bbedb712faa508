"""Variables of netCDF files."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skae._rows.source import as_source, validate_in_place

from .mapped import in_netcdf3, in_netcdf4

X = np.arange(60.0).reshape(20, 3)


class Model(BaseEstimator):
    """Of which scikit-learn takes the name."""


def test_a_file_in_place_of_its_variable_is_refused(tmp_path):
    netCDF4 = pytest.importorskip("netCDF4")
    from scipy.io import netcdf_file

    group = in_netcdf4(X, tmp_path, group="a").group()
    with netcdf_file(tmp_path / "3.nc", "w") as file:
        file.createDimension("row", 3)
        file.createVariable("X", "f4", ("row",))
        for given in (group, file, netCDF4.Dataset(group.filepath())["a"]):
            with pytest.raises(ValueError, match=r"no variable.* \['X'\]"):
                as_source(given)


def test_a_file_that_is_closed_is_refused(tmp_path):
    for group in ("", "a/b"):
        rows = in_netcdf4(X, tmp_path, group=group)
        source, file = as_source(rows), rows.group()
        while file.parent is not None:
            file = file.parent
        file.close()
        with pytest.raises(ValueError, match="a netCDF file that is closed"):
            as_source(rows)
        with pytest.raises(OSError, match=r"can not be read: .* must stay open"):
            source.block(slice(3))


@pytest.mark.parametrize(
    ("put", "dtype"), [(in_netcdf3, "S1"), (in_netcdf4, "S1"), (in_netcdf4, "U2")]
)
def test_what_is_no_table_of_numbers_is_refused(put, dtype, tmp_path):
    letters = put(np.full((2, 2), "a", dtype), tmp_path)
    with pytest.raises(ValueError, match=r"X is a netCDF4? variable of dtype .* needs numbers"):
        validate_in_place(Model(), letters, reset=True)


@pytest.mark.parametrize("raw", [False, True])
def test_a_variable_is_opened_again_in_another_process(raw, tmp_path):
    """As it is set there: to mask and to scale, or not."""
    scaled = {"scale_factor": 2.0}
    rows = in_netcdf4(X.astype("i2"), tmp_path, "a/b", attributes=scaled, fill_value=4)
    rows.set_auto_maskandscale(not raw)
    source = as_source(rows)
    expected = X if raw else np.where(X == 4, np.nan, 2 * X)
    for found in (source, pickle.loads(pickle.dumps(source))):
        assert found.dtype == (np.int16 if raw else np.float64)
        np.testing.assert_array_equal(found.block(slice(None)), expected)


def test_chunks_of_rows_are_read_together(tmp_path):
    assert as_source(in_netcdf4(X, tmp_path, chunksizes=(6, 2))).together == 6
    assert as_source(in_netcdf4(X, tmp_path, contiguous=True)).together == 1
