"""Rows of many features that are nearly all zero: their zeros are not multiplied."""

import pickle

import numpy as np
import pytest
from scipy import sparse

from skae import AutoencoderTransformer, ContractiveAutoencoder, VAETransformer
from skae._base import networks
from skae.architectures import MLP
from skae.modules import SkipZeros, _zeros

QUICK = {"hidden_layer_sizes": (16, 8), "max_iter": 3, "random_state": 0}


@pytest.fixture(autouse=True)
def _small_products_count(monkeypatch):
    monkeypatch.setattr(_zeros, "MIN_PRODUCTS", 0)


@pytest.fixture(scope="module")
def texts():
    """120 rows, some empty, of 500 columns, some of which nobody has."""
    rng = np.random.RandomState(0)
    X = sparse.random(120, 500, 0.02, "csr", np.float32, rng).toarray()
    X[::40] = 0
    X[:, ::100] = 0
    return X


def messy(X):
    """The same rows as a CSR matrix that has zeros, duplicates and columns in any order."""
    rows, columns = np.nonzero(X)
    values = X[rows, columns]
    rows = np.concatenate([rows, rows, np.arange(len(X))])
    columns = np.concatenate([columns, columns, np.arange(len(X))])
    values = np.concatenate([values / 4, values * 0.75, np.zeros(len(X), X.dtype)])
    order = np.lexsort([-columns, rows])
    starts = np.searchsorted(rows[order], np.arange(len(X) + 1))
    return sparse.csr_matrix((values[order], columns[order], starts), shape=X.shape)


def skips(model):
    return any(isinstance(part, SkipZeros) for part in model.module_.encoder.modules())


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
def test_it_learns_what_it_would_learn_with_the_zeros(cls, texts, monkeypatch):
    model = cls(2, **QUICK).fit(texts)
    monkeypatch.setattr(networks, "MIN_ZERO_SHARE", 2)
    plain = cls(2, **QUICK).fit(texts)
    assert skips(model)
    assert not skips(plain)
    np.testing.assert_allclose(model.loss_curve_, plain.loss_curve_, rtol=1e-5)
    np.testing.assert_allclose(model.transform(texts), plain.transform(texts), atol=1e-3)
    np.testing.assert_allclose(model.score_samples(texts), plain.score_samples(texts), rtol=1e-4)


@pytest.mark.parametrize("init", ["random", "pca"])
def test_sparse_rows_give_the_numbers_of_dense_ones(init, texts):
    X = messy(texts)
    assert not X.has_canonical_format
    assert (X.data == 0).any()
    dense, found = (AutoencoderTransformer(2, init=init, **QUICK).fit(x) for x in (texts, X))
    assert skips(found)
    np.testing.assert_array_equal(found.loss_curve_, dense.loss_curve_)
    for verb in ("transform", "score_samples"):
        np.testing.assert_array_equal(getattr(found, verb)(X), getattr(dense, verb)(texts))


def test_a_pickled_model_goes_on_as_if_it_had_not_been(texts):
    settings = QUICK | {"warm_start": True, "early_stopping": False, "init": "random"}
    model = AutoencoderTransformer(2, **settings).fit(texts)
    twin = pickle.loads(pickle.dumps(model))
    assert twin.module_.encoder[0].weight.stride() == model.module_.encoder[0].weight.stride()
    for one in (model, twin):
        one.fit(texts)
    np.testing.assert_array_equal(twin.transform(texts), model.transform(texts))


def test_others_multiply_all_that_there_is(texts):
    few_zeros = texts + (np.random.RandomState(0).rand(*texts.shape) < 0.1)
    for X in (few_zeros, texts[:, 1:], texts - 1):
        assert not skips(AutoencoderTransformer(2, **QUICK | {"max_iter": 1}).fit(X))
    # The first rows of a stream say nothing of the others.
    assert not skips(AutoencoderTransformer(2, **QUICK).partial_fit(texts))


def test_one_layer_is_still_known_to_be_one(texts):
    """Its Jacobian is known; it need not be estimated."""
    model = ContractiveAutoencoder(2, architecture=MLP(()), max_iter=1).fit(texts)
    assert skips(model)
    assert model.module_.is_one_layer
