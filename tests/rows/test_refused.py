"""What has its rows elsewhere is refused with the way to them."""

import numpy as np
import pandas as pd
import pytest

from skae import AutoencoderOutlierDetector, AutoencoderTransformer
from skae._rows.refused import refuse

X = np.random.default_rng(0).normal(size=(30, 4))


def anndata():
    return pytest.importorskip("anndata").AnnData(X)


def raw_of_anndata():
    whole = anndata()
    whole.raw = whole
    return whole.raw


def layers_of_anndata():
    whole = anndata()
    whole.layers["logs"] = X
    return whole.layers


def collection_of_anndata():
    whole = anndata()
    return pytest.importorskip("anndata.experimental").AnnCollection(
        [whole, whole.copy()], index_unique="-"
    )


def lazy_frame():
    return pytest.importorskip("polars").LazyFrame(X)


def coo():
    return pytest.importorskip("sparse").COO.from_numpy(X)


def xarray_dataset():
    return pytest.importorskip("xarray").Dataset({"a": (("row", "feature"), X)})


def lazy_data_array():
    pytest.importorskip("dask.array")
    return xarray_dataset()["a"].chunk({"row": 10})


def structured():
    return np.zeros((5, 2), [("a", "f4"), ("b", "i4")])


def masked_structured():
    return np.ma.array(structured(), mask=True)


WAYS = {
    structured: r"fields \['a', 'b'\].*structured_to_unstructured",
    masked_structured: r"fields \['a', 'b'\].*structured_to_unstructured",
    anndata: r"X.X, or one of X.layers",
    raw_of_anndata: r"Raw, which is no table. Give its matrix, X.X",
    layers_of_anndata: r"Layers.*X\['name'\]",
    collection_of_anndata: r"partial_fit, one after the other, or X\[:\].X",
    lazy_frame: r"X.collect\(\)",
    coo: r"X.to_scipy_sparse\(\)",
    xarray_dataset: r"X\['name'\].data",
    lazy_data_array: "X.data if that is a Dask array",
}


@pytest.mark.parametrize("make", WAYS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("model", [AutoencoderTransformer(2), AutoencoderOutlierDetector()])
def test_the_way_is_told(make, model):
    with pytest.raises(TypeError, match=WAYS[make]):
        model.fit(make())


def test_matrices_of_old_versions_are_told_apart():
    stub = type("SparseDataset", (), {"__module__": "anndata._core.sparse_dataset"})
    with pytest.raises(TypeError, match=r"X.to_memory\(\), or update anndata"):
        refuse(stub())


def test_what_scikit_learn_takes_is_taken():
    model = AutoencoderTransformer(2, max_iter=1, random_state=0)
    expected = model.fit(X).transform(X)
    columns = {f"c{i}": column for i, column in enumerate(X.T)}
    dask = pytest.importorskip("dask.dataframe")
    for rows in (
        xarray_dataset()["a"],
        pytest.importorskip("pyarrow").table(columns),
        dask.from_pandas(pd.DataFrame(columns), npartitions=2),
    ):
        np.testing.assert_array_equal(model.fit(rows).transform(rows), expected)
