"""Of which feature a column is, by the names that scikit-learn's transformers give."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae._rows.origins import columns_of

TABLE = pd.DataFrame(
    {"a": [1.0, 2, 3], "a_b": ["x", "y", "z"], "c": [0.5, 1, 0], "town": [1, 2, 1]}
)


@pytest.mark.parametrize("prefix", [True, False])
def test_columns_are_found_by_the_longest_name(prefix):
    transformer = make_column_transformer(
        (OneHotEncoder(), ["town", "a_b"]),
        (StandardScaler(), ["c", "a"]),
        verbose_feature_names_out=prefix,
    ).fit(TABLE)
    assert columns_of(transformer) == [[6], [2, 3, 4], [5], [0, 1]]


def test_arrays_have_numbered_features():
    X = np.random.default_rng(0).integers(0, 2, (20, 12)).astype(float)
    transformer = make_pipeline(OneHotEncoder(), StandardScaler(with_mean=False)).fit(X)
    assert columns_of(transformer) == [[2 * i, 2 * i + 1] for i in range(12)]


def test_mixed_columns_are_refused():
    with pytest.raises(ValueError, match=r"pca0.*no one feature"):
        columns_of(PCA(1).fit(TABLE[["a", "c"]]))
