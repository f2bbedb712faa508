"""Rows come as the frames that `set_output` asks for, with the names of the columns of `fit`."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    AdversarialAutoencoder,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VAETransformer,
)
from skae._base.frames import VERBS

from .estimators import CLASSIFIERS, ESTIMATORS, QUICK

NAMES = ["size", "weight", "age", "price"]
X = np.random.default_rng(0).uniform(size=(60, 4)).astype(np.float32)
TABLE = pd.DataFrame(X, columns=NAMES, index=np.arange(60) // 2 + 7)  # each label twice
Y = np.arange(60) % 2
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


def fitted(cls, rows=TABLE):
    params = {"allow_nan": True, "n_components": 3, **QUICK}
    known = cls().get_params()
    return cls(**{k: v for k, v in params.items() if k in known}).fit(rows, Y)


def rows_of(model, verb, rows=TABLE):
    """What a verb gives, the same at each call."""
    if verb == "sample":
        return model.sample(5, random_state=0)
    if verb == "inverse_transform":
        codes = model.transform(rows)
        return model.inverse_transform(codes, *([Y] if hasattr(model, "predict") else []))
    return getattr(model, verb)(rows)


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("cls", ESTIMATORS + [c for c in CLASSIFIERS if hasattr(c, "sample")])
def test_each_verb_gives_what_set_output_asks_for(cls, kind):
    model = fitted(cls)
    verbs = [verb for verb in VERBS if hasattr(model, verb)]
    plain = [rows_of(model, verb) for verb in verbs]
    model.set_output(transform=kind)
    for verb, expected in zip(verbs, plain, strict=True):
        assert type(expected) is np.ndarray
        found = rows_of(model, verb)
        assert type(found) is FRAMES[kind]
        assert list(found.columns) == NAMES
        np.testing.assert_array_equal(found.to_numpy(), expected, strict=True)
        if kind == "pandas":
            drawn = verb == "sample"
            pd.testing.assert_index_equal(found.index, pd.RangeIndex(5) if drawn else TABLE.index)


def test_the_configuration_is_heard_and_set_output_comes_before_it():
    model = fitted(VAETransformer)
    with config_context(transform_output="polars"):
        assert isinstance(model.sample(), pl.DataFrame)
        assert type(model.set_output(transform="default").sample()) is np.ndarray
    assert type(model.sample()) is np.ndarray


def test_without_names_columns_are_numbered_and_arrays_have_no_index():
    model = fitted(DenoisingAutoencoder, X).set_output(transform="pandas")
    for verb in VERBS:
        found = rows_of(model, verb, X)
        assert list(found.columns) == ["x0", "x1", "x2", "x3"]
        assert isinstance(found.index, pd.RangeIndex)


def test_verbs_by_keyword_and_with_more_arguments_give_frames():
    model = fitted(AutoencoderTransformer).set_output(transform="pandas")
    found = model.impute(X=TABLE.mask(TABLE > 0.9))
    pd.testing.assert_frame_equal(found[TABLE <= 0.9], TABLE[TABLE <= 0.9])
    assert not found.isna().any(axis=None)
    assert found.index.equals(TABLE.index)
    params = {"likelihood": "categorical", "conditional": True, **QUICK}
    drawer = VAETransformer(2, **params).fit(pd.get_dummies(TABLE["size"] > 0.5, dtype=float), Y)
    drawn = drawer.set_output(transform="pandas").sample(9, 0, 1, noise=True)
    assert list(drawn.columns) == ["x0", "x1"]  # the names were no texts
    assert (drawn.sum(axis=1) == 1).all()


def test_what_is_written_to_is_returned_as_it_is():
    model = fitted(AutoencoderTransformer).set_output(transform="pandas")
    out = np.empty_like(X)
    assert model.impute(TABLE, out=out) is out
    assert model.inverse_transform(model.transform(TABLE), out=out) is out


@pytest.mark.parametrize("kind", FRAMES)
def test_steps_before_get_on_with_frames(kind):
    """Without a word, as any warning is an error here."""
    model = make_pipeline(StandardScaler(), AutoencoderTransformer(3, **QUICK))
    model.set_output(transform=kind).fit(TABLE)
    codes = model.transform(TABLE)
    plain = model[0].inverse_transform(model[1].inverse_transform(codes).to_numpy())
    np.testing.assert_allclose(model.inverse_transform(codes), plain, rtol=1e-4)


def test_a_class_of_the_users_own_gives_frames_once():
    class Positive(AdversarialAutoencoder):
        def sample(self, n_samples=1, random_state=None, y=None):
            return super().sample(n_samples, random_state, y) ** 2

    model = fitted(Positive).set_output(transform="pandas")
    found = model.sample(5, random_state=0)
    plain = AdversarialAutoencoder.sample(model.set_output(transform="default"), 5, 0)
    assert isinstance(found, pd.DataFrame)
    np.testing.assert_array_equal(found, plain**2)


def test_heads_of_clusters_are_an_array_whatever_is_asked_for():
    (cls,) = [c for c in ESTIMATORS if hasattr(c, "cluster_heads_")]
    assert type(fitted(cls).set_output(transform="pandas").cluster_heads_) is np.ndarray
