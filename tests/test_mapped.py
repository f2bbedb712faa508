"""What is mapped from a file is read block by block, and teaches what an array does."""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse

import skae._rows.sources.pieces
from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae._rows import batches
from skae._rows.source import as_source

from .places import FILES
from .rows.mapped import MAPPED, in_npy, in_torch, lacks

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 1, "random_state": 0}


def outcome(model, X):
    """All that may differ."""
    model.fit(X, sample_weight=np.linspace(0, 2, X.shape[0]), X_val=X)
    found = [model.transform(X), model.score_samples(X), model.corrupt(X, random_state=0)]
    model.partial_fit(X)
    return [*found, *(weights.numpy() for weights in model.module_.state_dict().values())]


@pytest.mark.parametrize("dtype", [">f4", "f8", "i2"])
@pytest.mark.parametrize("kind", MAPPED)
def test_a_mapped_file_is_as_good_as_any_other(kind, dtype, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "MAX_DENSE_BYTES", 0)
    monkeypatch.setattr(batches, "FILE_AHEAD", 100 * 32)
    monkeypatch.setattr(skae._rows.sources.pieces, "PIECE_VALUES", 50 * 32)
    if lacks(kind, dtype):
        dtype = np.dtype(dtype).newbyteorder("=")
    values = digits[:300, 16:48].astype(dtype)
    X, model = MAPPED[kind](values, tmp_path), DenoisingAutoencoder(3, **QUICK)
    assert as_source(X).lies_in_file
    expected = outcome(model, in_npy(values.astype(values.dtype.newbyteorder("=")), tmp_path))
    for one, other in zip(outcome(model, X), expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", MAPPED)
def test_nan_in_the_last_block_is_refused(kind, digits, tmp_path):
    X = np.tile(digits, (4, 1))
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    X[-1, -1] = np.nan
    for verb in (model.transform, model.score_samples, model.fit):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            verb(MAPPED[kind](X, tmp_path))


PLACES = {
    "array": lambda X, folder: X,
    "masked": lambda X, folder: np.ma.array(X, mask=np.arange(X.size).reshape(X.shape) == 5),
    "torch in memory": lambda X, folder: torch.from_numpy(X),
    "torch.from_file": in_torch,
    "CSR": lambda X, folder: sparse.csr_array(X),
    "CSC": lambda X, folder: sparse.csc_array(X),
    "pandas": lambda X, folder: pd.DataFrame(X),
    "polars": lambda X, folder: pl.DataFrame(X),
    "mapped": in_npy,
    **MAPPED,
    **FILES,
}
SINGLE, DOUBLE = ["f4", ">f4", "f2", "bfloat16", "u1", "?"], ["f8", ">f8", "i4"]


def values_of(dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    return np.random.default_rng(0).integers(0, 2, size=(60, 5)).astype(dtype)


@pytest.mark.parametrize(
    ("place", "dtype"),
    [pair for pair in product(PLACES, SINGLE + DOUBLE) if not lacks(*pair)],
)
def test_results_are_as_precise_as_x_wherever_it_lies(place, dtype, tmp_path):
    X = PLACES[place](values_of(dtype), tmp_path)
    model = AutoencoderTransformer(2, **QUICK, early_stopping=False, allow_nan=True).fit(X)
    codes = model.transform(X)
    for result in (codes, model.impute(X), model.sample(2), model.inverse_transform(codes)):
        assert result.dtype == (np.float32 if dtype in SINGLE else np.float64)


@pytest.mark.parametrize("dtype", SINGLE + DOUBLE)
def test_codes_of_any_precision_are_decoded_to_it(dtype, tmp_path):
    codes = values_of(dtype)[:, :2]
    model = AutoencoderTransformer(2, **QUICK).fit(np.random.default_rng(0).normal(size=(60, 5)))
    found = model.inverse_transform(codes)
    assert found.dtype == (np.float32 if dtype in SINGLE else np.float64)
    np.testing.assert_allclose(found, model.inverse_transform(codes.astype(float)), rtol=1e-5)
