"""A drop-in for scikit-learn's imputers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skae import AutoencoderImputer, AutoencoderTransformer, VAETransformer, load, save

from .test_tabular import shop

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}


def quick(**settings):
    return AutoencoderImputer(AutoencoderTransformer(2, **QUICK), **settings)


@pytest.fixture(scope="module")
def holes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4)) @ rng.normal(size=(4, 5))
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 2] = np.nan  # empty
    X[:30, 0] = 1.0
    X[:, 0] = np.nan_to_num(X[:, 0])  # whole
    return X


@pytest.mark.parametrize("keep_empty_features", [False, True])
@pytest.mark.parametrize("add_indicator", [False, True])
@pytest.mark.parametrize("kind", ["array", "float32", "pandas", "polars"])
def test_shapes_and_names_are_those_of_knn_imputer(holes, keep_empty_features, add_indicator, kind):
    settings = {"keep_empty_features": keep_empty_features, "add_indicator": add_indicator}
    peer, ours = KNNImputer(**settings), quick(**settings)
    names = [f"f{i}" for i in range(5)]
    X = {
        "array": lambda: holes,
        "float32": lambda: holes.astype(np.float32),
        "pandas": lambda: pd.DataFrame(holes, columns=names, index=np.arange(100) * 3),
        "polars": lambda: pl.DataFrame(holes, schema=names, nan_to_null=True),
    }[kind]()
    wanted = np.asarray(peer.fit_transform(np.asarray(X, dtype=float)))
    given = ours.fit(X).transform(X)
    assert type(given) is type(X)
    assert given.shape == wanted.shape
    array = np.asarray(given, dtype=float)
    assert np.isfinite(array).all()
    there = np.isfinite(np.asarray(X, dtype=float))
    if not keep_empty_features:
        there = np.delete(there, 2, axis=1)
    n = there.shape[1]
    np.testing.assert_array_equal(array[:, :n][there], wanted[:, :n][there])
    np.testing.assert_array_equal(array[:, n:], wanted[:, n:])
    if keep_empty_features:
        assert (array[:, 2] == 0).all()
    if hasattr(ours, "feature_names_in_"):  # before 1.9 scikit-learn knew none of newer polars
        peer = SimpleImputer(**settings).fit(pd.DataFrame(holes, columns=names))
        assert list(given.columns) == list(ours.get_feature_names_out())
        assert list(given.columns) == list(peer.get_feature_names_out())
    if kind in ("array", "float32"):
        assert given.dtype == X.dtype


@pytest.mark.parametrize("missing_values", [-1, "?", None])
def test_what_stands_for_missing_values(holes, missing_values):
    X = np.delete(holes, 2, axis=1)
    marked = np.where(np.isnan(X), missing_values, X.astype(object))
    assert (marked == -1).sum() in (0, np.isnan(X).sum())
    if missing_values == -1:
        marked = marked.astype(float)
    given = quick(missing_values=missing_values).fit(marked).transform(marked)
    np.testing.assert_allclose(given.astype(float), quick().fit(X).transform(X), rtol=1e-6)


def test_what_stands_for_missing_values_beside_what_is_missing_anyway():
    table = pd.DataFrame({"f": pd.array([True, None] * 30, dtype="boolean"), "x": [*range(-1, 59)]})
    filled = quick(missing_values=-1).fit_transform(table)
    assert not filled.isna().any().any()
    assert filled["x"][0] != -1


def test_indicators_of_a_frame_without_names(holes):
    """scikit-learn takes no names of two types."""
    given = quick(add_indicator=True).fit_transform(pd.DataFrame(np.delete(holes, 2, axis=1)))
    flags = [f"missingindicator_x{i}" for i in (1, 2, 3)]
    assert list(given) == ["x0", "x1", "x2", "x3", *flags]


def test_arrays_of_objects_that_are_numbers():
    X = [[1, None, 3.5], [2, 2, 5.5], [4, 5, 6]]
    assert quick().fit_transform(X).dtype == float
    assert quick().fit(X).transform(pd.DataFrame(X)).dtype == float


def test_a_table_before_a_model():
    table = shop()
    del table["paid"]
    imputer = AutoencoderImputer(VAETransformer(2, max_iter=30, random_state=0)).fit(table)
    new = shop(seed=1).drop(columns="paid")
    filled = imputer.transform(new)
    assert not filled.isna().any().any()
    assert filled.index.equals(new.index)
    assert filled.dtypes.equals(new.dtypes)
    for name in new:
        known = new[name].notna()
        assert filled.loc[known, name].equals(new.loc[known, name])


def test_texts_get_the_most_frequent_one(tmp_path):
    notes = [f"note {i}" for i in range(50)] + ["usual"] * 9 + [None]
    table = pd.DataFrame({"x": np.arange(60) / 3, "note": notes, "same": ["a"] * 59 + [None]})
    with pytest.warns(UserWarning, match=r"\['note'\] have more texts than max_categories=40"):
        imputer = quick().fit(table)
    assert imputer.transform(table).loc[59, ["note", "same"]].tolist() == ["usual", "a"]
    pytest.importorskip("safetensors", reason="needs skae[files]")
    save(imputer, tmp_path / "it.safetensors")
    again = load(tmp_path / "it.safetensors")
    pd.testing.assert_frame_equal(again.transform(table), imputer.transform(table))


def test_nothing_to_learn():
    """As other imputers do, it passes on what has one value."""
    table = pd.DataFrame({"a": [1.0, None, 1.0], "b": ["x", "x", None]})
    imputer = AutoencoderImputer().fit(table)
    assert imputer.autoencoder_ is None
    assert imputer.transform(table).to_numpy().tolist() == [[1.0, "x"]] * 3


def test_it_knows_more_than_the_mean():
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[:300, :12], y[:300]
    hidden = np.random.default_rng(0).random(X.shape) < 0.15
    holes = np.where(hidden, np.nan, X)
    scale = X.std(axis=0)

    def error(imputer):
        return np.sqrt(np.mean((((imputer.fit_transform(holes) - X) / scale)[hidden]) ** 2))

    ours = error(AutoencoderImputer(random_state=0))
    assert ours < 0.8 * error(KNNImputer()) < error(SimpleImputer())
    model = make_pipeline(quick(), RandomForestClassifier(20, random_state=0))
    assert cross_val_score(model, holes, y, cv=3).mean() > 0.9


def test_sample_posterior_draws_what_is_missing():
    """By the numbers beside it: with noise of the right size around what is expected."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(600, 1)), 3, axis=1) + 0.5 * rng.normal(size=(600, 3))
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    gaps = np.isnan(holes)
    drawing = AutoencoderImputer(sample_posterior=True, random_state=0)
    drawn = drawing.fit_transform(holes)
    assert isinstance(drawing.autoencoder_, VAETransformer)
    np.testing.assert_array_equal(drawn[~gaps], holes[~gaps])
    np.testing.assert_array_equal(drawn, drawing.transform(holes))
    expected = drawing.set_params(sample_posterior=False).fit_transform(holes)
    errors = [(filled - X)[gaps].std() for filled in (expected, drawn)]
    assert errors[1] > 1.15 * errors[0]  # sqrt(2), if the model were exact
    assert drawn[gaps].std() == pytest.approx(X[gaps].std(), rel=0.15)
    other = AutoencoderImputer(sample_posterior=True, random_state=1).fit_transform(holes)
    assert (other != drawn)[gaps].mean() > 0.9


def test_expected_values_draw_nothing(holes):
    """From a generator that is given: the fit of the autoencoder is the first to do so."""
    given = np.random.RandomState(0)
    AutoencoderImputer(AutoencoderTransformer(2, **QUICK), random_state=given).fit(holes)
    assert given.randint(1000) == np.random.RandomState(0).randint(1000)


def test_draws_of_one_call_differ_and_repeat(holes):
    model = AutoencoderImputer(VAETransformer(2, **QUICK), sample_posterior=True, random_state=0)
    model.fit(holes)
    row = np.array([[1.0, np.nan, np.nan, 0.5, np.nan]])
    alone = model.transform(row)
    np.testing.assert_array_equal(model.transform(row), alone)
    together = model.transform(np.repeat(row, 3, axis=0))
    assert len(np.unique(together[:, 1])) == 3


@pytest.mark.parametrize("conditional", [True, "number"])
def test_labels_are_not_asked_for(holes, conditional):
    inside = VAETransformer(2, conditional=conditional, **QUICK)
    with pytest.raises(ValueError, match=r"no y to give it. Set conditional=False"):
        AutoencoderImputer(inside).fit(holes, np.arange(100) % 2)


def test_sample_posterior_needs_a_likelihood(holes):
    with pytest.raises(ValueError, match=r"needs an autoencoder with a likelihood .* VAE"):
        quick(sample_posterior=True).fit(holes)
