"""Whatever is handed in: a clear error, or finite numbers of the right shape; and X stays as it is.

Hypothesis makes the cases. ``pytest tests/test_bad_input.py --thorough`` tries 20 000 of them.
"""

import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

import skae
from skae import AutoencoderTransformer, VAETransformer

N_FEATURES = 4
QUICK = {
    "hidden_layer_sizes": (3,),
    "max_iter": 1,
    "layer_max_iter": 1,
    "random_state": 0,
    "n_clusters": 3,
}
CLASSES = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
VERBS = (
    "fit",
    "partial_fit",
    "fit_transform",
    "fit_predict",
    "transform",
    "inverse_transform",
    "predict",
    "predict_proba",
    "decision_function",
    "score_samples",
    "score",
    "denoise",
    "impute",
    "pack",
    "sample",
)
# What each gives, beside one row for each of X.
# What comes back as a table.
TABLES = {
    skae.TabularAutoencoder: ("inverse_transform", "impute", "denoise", "sample"),
    skae.AutoencoderImputer: ("transform", "fit_transform"),
}
WIDTHS = {"inverse_transform": N_FEATURES, "denoise": N_FEATURES, "impute": N_FEATURES}
SPECIAL = [np.nan, np.inf, -np.inf, 1e38, -1e38, 1e300, 5e-324, 1e-40, -0.0, 0.0, 1.0, 2**53 + 1]
DTYPES = ["f8", "f4", "f2", "i8", "i4", "u1", "i1", "?", "c16", "O", "U5", ">f8", "M8[s]"]


def make(cls, **params):
    known = cls().get_params()
    if cls in (skae.AutoencoderClassifier, skae.AutoencoderOutlierDetector):
        return cls(make(VAETransformer), **params)
    return cls(**{k: v for k, v in {**QUICK, **params}.items() if k in known})


def training_rows(n=24):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n, N_FEATURES)), np.where(np.arange(n) % 2, -1, np.arange(n) % 4)


FITTED = {}


def fitted(cls):
    """A fitted estimator of the class."""
    if cls not in FITTED:
        FITTED[cls] = make(cls).fit(*training_rows())
    return FITTED[cls]


@st.composite
def values(draw):
    """An array: ordinary rows, with special values, constant, doubled, of any dtype and shape."""
    n_rows = draw(st.sampled_from([0, 1, 2, 3, 5, 17, 40]))
    n_columns = draw(st.sampled_from([N_FEATURES] * 6 + [0, 1, 2, N_FEATURES + 1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    kinds = ["plain", "plain", "plain", "special", "constant", "doubled", "huge", "one"]
    kind = draw(st.sampled_from(kinds))
    X = rng.uniform(size=(n_rows, n_columns))
    if kind == "special" and X.size:
        places = rng.integers(X.size, size=draw(st.integers(1, 4)))
        X.ravel()[places] = draw(st.sampled_from(SPECIAL))
    elif kind == "constant":
        X[:] = draw(st.sampled_from([0.0, 1.0, 0.5, 1e20, -3.0, np.nan]))
    elif kind == "doubled" and n_rows:
        X[:] = X[0]
    elif kind == "huge":
        X *= 10.0 ** draw(st.integers(-320, 308))
    elif kind == "one":
        X = X[0] if n_rows else X.ravel()
    with warnings.catch_warnings(action="ignore"):
        return X.astype(draw(st.sampled_from(["f8"] * 8 + DTYPES)))


@st.composite
def containers(draw):
    """Rows in any container or layout, and an array of what is in it."""
    X = draw(values())
    kind = draw(
        st.sampled_from(
            ["array"] * 12
            + ["list", "fortran", "strided", "reversed", "read only", "pandas", "polars"]
            + ["csr", "csc", "coo", "tensor", "memmap", "deep", "none", "text", "number"]
        )
    )
    is_table, is_number = X.ndim == 2, X.dtype.kind in "biuf"
    if kind == "list":
        return X.tolist()
    if kind == "fortran":
        return np.asfortranarray(X)
    if kind == "strided" and is_table:
        return np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]
    if kind == "reversed":
        return X[::-1]
    if kind == "read only":
        X.flags.writeable = False
    elif kind == "pandas" and is_table:
        return pd.DataFrame(X)
    elif kind == "polars" and is_table and is_number:
        return pl.DataFrame(np.ascontiguousarray(X.astype(X.dtype.newbyteorder("="))))
    elif kind in ("csr", "csc", "coo") and is_table and X.dtype.kind in "bif" and X.itemsize > 2:
        return sparse.coo_array(X.astype(X.dtype.newbyteorder("="))).asformat(kind)
    elif kind == "tensor" and is_number:
        return torch.from_numpy(np.ascontiguousarray(X.astype(X.dtype.newbyteorder("="))))
    elif kind == "memmap" and X.size:
        return X.view(np.memmap)
    elif kind == "deep":
        return X[None]
    elif kind in ("none", "text", "number"):
        return {"none": None, "text": "rows", "number": 3.5}[kind]
    return X


def edges(cls):
    """Parameters with values at and beyond the edges of what they may be."""
    numbers = [-1, 0, 1, 2, 0.0, 0.5, 1.0, 1e-300, 1e3, 1e300, np.inf, np.nan, -0.5]
    others = [None, True, "auto", "pca", "nonsense", (), (2,), (0,), [1, 2], np.int64(2), {}, int]
    names = sorted(set(cls().get_params(deep=False)) - {"verbose", "checkpoint", "callbacks"})
    return st.dictionaries(st.sampled_from(names), st.sampled_from(numbers + others), max_size=2)


def contents(X):
    """What must not change."""
    if sparse.issparse(X):
        return X.toarray().tobytes()
    if isinstance(X, torch.Tensor):
        return X.numpy().tobytes()
    if isinstance(X, pd.DataFrame | pl.DataFrame):
        return repr(X.to_numpy().tolist())
    return X.tobytes() if isinstance(X, np.ndarray) and X.dtype != object else repr(X)


def n_rows_of(X):
    return X.shape[0] if hasattr(X, "shape") else len(X)


def check_output(verb, model, X, result):
    """What came back is finite, and of the right shape and kind."""
    if verb in ("fit", "partial_fit"):
        assert result is model
        parameters = getattr(model, "module_", torch.nn.Identity()).parameters()
        assert all(value.isfinite().all() for value in parameters)
        return
    if verb == "score":
        assert np.isfinite(result)
        return
    result = np.asarray(result)
    assert len(result) == (3 if verb == "sample" else n_rows_of(X))
    if verb in WIDTHS:
        assert result.shape[1] == N_FEATURES
    if verb in ("predict", "fit_predict"):
        return
    if verb in TABLES.get(type(model), ()):
        assert not pd.isna(result).any()  # of whatever kind its columns are
        return
    assert result.dtype.kind in ("fu" if verb in ("transform", "fit_transform", "pack") else "f")
    assert np.isfinite(result).all()


def one_case(data, counts):
    cls = data.draw(st.sampled_from(CLASSES))
    # What a model of tables has is what is inside has; the detector has this one if it is asked to.
    has = make(cls)
    verbs = [v for v in VERBS if hasattr(cls, v) and (v == "fit_predict" or hasattr(has, v))]
    verb = data.draw(st.sampled_from(verbs))
    learns = "fit" in verb
    X = data.draw(containers())
    params = data.draw(edges(cls)) if learns and data.draw(st.booleans()) else {}
    given = []
    if learns and verb != "fit_predict":
        labels = st.sampled_from([-1, 0, 1, 2])
        n = n_rows_of(X) if hasattr(X, "__len__") or hasattr(X, "shape") else 2
        given = [data.draw(st.none() | st.lists(labels, min_size=n, max_size=n))]
    if verb == "sample":
        X, given = 3, [0]
    before = contents(X)
    model = clone(make(cls)).set_params(**params) if learns else fitted(cls)
    if verb == "fit_predict" and hasattr(model, "novelty"):
        model.set_params(novelty=False)  # it has the verb then
    with warnings.catch_warnings(action="ignore"):
        try:
            result = getattr(model, verb)(X, *given)
        except (ValueError, TypeError):  # what scikit-learn raises
            counts["refused"] += 1
        else:
            check_output(verb, model, X, result)
            counts["done"] += 1
    assert contents(X) == before


def test_an_error_or_finite_numbers(tries):
    counts = Counter()

    @settings(
        max_examples=tries(300, 20_000),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def try_all(data):
        one_case(data, counts)

    try_all()
    print(f"{counts.total()} cases: {counts['refused']} refused, {counts['done']} done")
    assert counts["refused"] > 20
    assert counts["done"] > 20


def test_the_check_sees_what_is_wrong():
    """The oracle is no rubber stamp."""
    model = AutoencoderTransformer(2)
    for wrong in (np.full((5, 2), np.nan), np.zeros((4, 2)), np.zeros((5, 2), dtype=complex)):
        with pytest.raises(AssertionError):
            check_output("transform", model, np.zeros((5, N_FEATURES)), wrong)
