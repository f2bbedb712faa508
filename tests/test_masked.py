"""Masked values are missing, wherever the mask comes from."""

import numpy as np
import pytest

from skae import (
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VAETransformer,
)
from skae.metrics import reconstruction_error

from .rows.mapped import in_bytes, in_netcdf3, in_netcdf4, in_npy

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 1, "random_state": 0}
FILL = -999


@pytest.fixture
def rows(digits):
    return digits[:120, 16:48]


@pytest.fixture
def holes(rows):
    return np.random.default_rng(0).uniform(size=rows.shape) < 0.1


def in_hdf5(X, folder, **attributes):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "X.h5", "w") as file:
        file["X"] = X
        file["X"].attrs.update(attributes)
    return h5py.File(folder / "X.h5")["X"]


def in_zarr(X, folder, **attributes):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        folder / "X.zarr",
        shape=X.shape,
        dtype=X.dtype.newbyteorder("="),
        chunks=(40, 7),
        fill_value=FILL,
        zarr_format=2,
        attributes=attributes,
    )
    array[:] = X
    return array


def in_dask(X):
    dask = pytest.importorskip("dask.array")
    return dask.ma.masked_equal(dask.from_array(X, chunks=(50, 20)), FILL)


# X with `FILL` in its holes, the holes, and where to put it: X as it is given.
PLACES = {
    "in memory": lambda X, holes, folder: np.ma.array(X, mask=holes),
    "a view": lambda X, holes, folder: np.ma.array(X[::-1], mask=holes[::-1])[::-1],
    "mapped": lambda X, holes, folder: np.ma.array(in_npy(X, folder), mask=holes, copy=False),
    "bytes": lambda X, holes, folder: np.ma.masked_equal(in_bytes(X, folder), FILL, copy=False),
    "netCDF3": lambda X, holes, folder: in_netcdf3(X, folder, attributes={"missing_value": FILL}),
    "netCDF3, masked": lambda X, holes, folder: in_netcdf3(
        X, folder, True, attributes={"_FillValue": FILL}
    ),
    "netCDF4": lambda X, holes, folder: in_netcdf4(X, folder, fill_value=FILL),
    "netCDF4, another": lambda X, holes, folder: in_netcdf4(
        X, folder, attributes={"missing_value": X.dtype.type(FILL)}, chunksizes=(40, 7), zlib=True
    ),
    "HDF5": lambda X, holes, folder: in_hdf5(X, folder, _FillValue=np.array([FILL], X.dtype)),
    "zarr": lambda X, holes, folder: in_zarr(X, folder, missing_value=FILL),
    "zarr of xarray": lambda X, holes, folder: in_zarr(X, folder, _ARRAY_DIMENSIONS=["a", "b"]),
    "Dask": lambda X, holes, folder: in_dask(X),
}


def outcome(model, X, X_val):
    """All that may differ."""
    model.fit(X, sample_weight=np.linspace(0, 2, X.shape[0]), X_val=X_val)
    found = [model.transform(X), model.score_samples(X), model.impute(X)]
    if hasattr(model, "denoise"):
        found += [model.denoise(X), model.corrupt(X, random_state=0)]
    model.partial_fit(X)
    return [*found, *(weights.numpy() for weights in model.module_.state_dict().values())]


@pytest.mark.parametrize("dtype", ["f4", ">f4", "i2", "i4"])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_masked_is_missing(place, dtype, rows, holes, tmp_path):
    values = np.where(holes, FILL, rows).astype(dtype)
    X = PLACES[place](values, holes, tmp_path)
    model = AutoencoderTransformer(3, **QUICK, allow_nan=True)
    found = outcome(model, X, X)
    dtype = "f8" if dtype in ("f8", "i4") else "f4"
    plain = np.where(holes, np.nan, rows).astype(dtype)
    if "memory" not in place and "view" not in place:
        plain = in_npy(plain, tmp_path)  # a file is shuffled as a file is
    for one, other in zip(found, outcome(model, plain, plain), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "model",
    [
        VAETransformer(3, **QUICK, likelihood="mixed", allow_nan=True),
        DenoisingAutoencoder(3, **QUICK, allow_nan=True),
        AutoencoderOutlierDetector(AutoencoderTransformer(3, **QUICK, allow_nan=True)),
        AutoencoderClassifier(AutoencoderTransformer(3, **QUICK, allow_nan=True)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_all_verbs_take_masks(model, rows, holes):
    y = np.arange(len(rows)) % 3
    masked = np.ma.array(np.where(holes, FILL, rows), mask=holes)
    plain = np.where(holes, np.nan, rows)
    verbs = "transform", "score_samples", "predict", "predict_proba", "denoise", "impute"
    results = []
    for X in (masked, plain):
        model.fit(X, y)
        results.append([getattr(model, verb)(X) for verb in verbs if hasattr(model, verb)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("verb", ["fit", "partial_fit", "transform", "score_samples", "X_val"])
def test_without_allow_nan_masks_are_refused_in_words(verb, rows):
    model = AutoencoderTransformer(2, **QUICK).fit(rows)
    X = np.ma.array(rows, mask=False)
    X[-1, -1] = np.ma.masked
    with pytest.raises(ValueError, match=r"(?s)\nAutoencoderTransformer.*allow_nan.*Or fill"):
        model.fit(rows, X_val=X) if verb == "X_val" else getattr(model, verb)(X)


def test_metrics_and_codes_are_not_of_what_is_under_a_mask(rows, holes):
    model = AutoencoderTransformer(2, **QUICK).fit(rows)
    codes = model.transform(rows)
    for call, X in [
        (model.inverse_transform, codes),
        (lambda X: reconstruction_error(model, X), rows),
    ]:
        masked = np.ma.array(X, mask=holes[:, : X.shape[1]])
        with pytest.raises(ValueError, match=r"Input .*contains NaN"):
            call(masked)


def test_masked_weights_are_refused(rows):
    weight = np.ma.masked_equal([FILL] + [1.0] * (len(rows) - 1), FILL)
    with pytest.raises(ValueError, match="sample_weight has masked values"):
        AutoencoderTransformer(2, **QUICK).fit(rows, sample_weight=weight)


@pytest.mark.parametrize("mask", [np.ma.nomask, False, np.zeros((120, 32), bool)], ids=str)
@pytest.mark.parametrize("dtype", ["f8", "u1"])
def test_a_mask_that_hides_nothing_changes_nothing(mask, dtype, rows):
    X = rows.astype(dtype)
    expected = AutoencoderTransformer(2, **QUICK).fit(X).transform(X)
    masked = np.ma.array(X, mask=mask)
    found = AutoencoderTransformer(2, **QUICK).fit(masked).transform(masked)
    assert type(found) is np.ndarray
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_values_of_a_packed_variable_are_those_that_it_stands_for(rows, holes, tmp_path):
    """Integers with a scale and an offset, and a number that says that there is none."""
    packed = np.where(holes, FILL, rows).astype("i2")
    scaled = {"scale_factor": 0.25, "add_offset": -3.0}
    expected = np.where(holes, np.nan, rows * 0.25 - 3)
    model = AutoencoderTransformer(2, **QUICK, allow_nan=True).fit(expected)
    for variable in (
        in_netcdf4(packed, tmp_path, fill_value=FILL, attributes=scaled),
        in_netcdf3(packed, tmp_path, True, attributes={**scaled, "_FillValue": FILL}),
    ):
        found = model.transform(variable)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, model.transform(expected))
        np.testing.assert_array_equal(model.impute(variable), model.impute(expected))


# Places of values with several numbers that stand for none, of which the attributes say so.
SEVERAL = {
    "netCDF3": lambda X, codes, folder: in_netcdf3(X, folder, attributes=codes),
    "netCDF3, masked": lambda X, codes, folder: in_netcdf3(X, folder, True, attributes=codes),
    "netCDF4": lambda X, codes, folder: in_netcdf4(
        X, folder, attributes=codes, fill_value=codes.pop("_FillValue", None)
    ),
    "HDF5": lambda X, codes, folder: in_hdf5(X, folder, **codes),
    "zarr": lambda X, codes, folder: in_zarr(
        X, folder, **{name: value.tolist() for name, value in codes.items()}
    ),
}


@pytest.mark.parametrize("place", SEVERAL)
@pytest.mark.parametrize("dtype", ["f4", "i2"])
@pytest.mark.parametrize("both", [False, True])
def test_all_numbers_that_stand_for_none_are_missing(place, dtype, both, rows, holes, tmp_path):
    codes = np.array([FILL, -99], dtype)
    values = np.where(holes, codes[np.arange(len(rows)) % 2, None], rows).astype(dtype)
    attributes = {"missing_value": codes}
    if both:
        attributes = {"missing_value": codes[0], "_FillValue": codes[1]}
    X = SEVERAL[place](values, attributes, tmp_path)
    plain = np.where(holes, np.nan, rows).astype("f4")
    model = AutoencoderTransformer(2, **QUICK, allow_nan=True).fit(plain)
    np.testing.assert_array_equal(model.transform(X), model.transform(plain))


def test_a_number_that_a_dtype_can_not_hold_stands_for_none(rows, tmp_path):
    rows = rows.copy()
    X = in_hdf5(rows.astype("f2"), tmp_path, _FillValue=1e20)
    assert np.isfinite(AutoencoderTransformer(2, **QUICK).fit(X).transform(X)).all()
    rows[0, 0] = np.inf
    X.file.close()
    X = in_hdf5(rows.astype("f2"), tmp_path, _FillValue=1e20)
    with pytest.raises(ValueError, match="infinity"):
        AutoencoderTransformer(2, **QUICK, allow_nan=True).fit(X)


def test_what_was_never_written_to_zarr_is_not_missing(rows, tmp_path):
    X = np.where(rows == 0, FILL, rows)
    X = in_zarr(X, tmp_path)
    assert np.isfinite(AutoencoderTransformer(2, **QUICK).fit(X).transform(X)).all()
