"""Values far beyond all others: which are found, and what is learned from a table with some."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skae import (
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    VAETransformer,
)
from skae._rows.sentinels import ClippedSource, Sentinels
from skae._rows.source import as_source
from skae._rows.statistics import ColumnStatistics

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def found(column, **weights):
    """The values found in a column, and the limits."""
    X = np.asarray(column, dtype=float)[:, None]
    subset = np.arange(len(X))
    measure = ColumnStatistics.measure_observed if np.isnan(X).any() else ColumnStatistics.measure
    sentinels = Sentinels.find(X, subset, measure(X, subset))
    if sentinels is None:
        return [], -np.inf, np.inf
    return sorted(sentinels.found[0][1]), sentinels.low[0], sentinels.high[0]


@pytest.fixture
def column():
    return np.random.default_rng(0).normal(20, 3, 1500)


@pytest.mark.parametrize(
    "absurd", [[-9999], [-9999, -9999, -999], [999], [500, 500], [1e6], [-9999, 9999, 9999], [1e30]]
)
def test_what_stands_far_away_is_found_and_the_others_are_the_limits(column, absurd):
    column[::200][: len(absurd)] = absurd
    others = np.delete(column, np.arange(0, 1500, 200)[: len(absurd)])
    values, low, high = found(column)
    assert values == sorted(absurd)
    assert low == (others.min() if min(absurd) < 0 else -np.inf)
    assert high == (others.max() if max(absurd) > 0 else np.inf)


@pytest.mark.parametrize("n_missing", [300, 1200, 1470])
def test_missing_values_are_no_neighbours(column, n_missing):
    column[:n_missing] = np.nan
    column[-2:] = -9999
    assert found(column)[0] == ([-9999, -9999] if n_missing < 1400 else [])


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(lambda rng: rng.normal(size=1500), id="normal"),
        pytest.param(lambda rng: rng.standard_cauchy(1500) ** 0.6, id="heavy tail"),
        pytest.param(lambda rng: rng.lognormal(0, 2, 1500), id="lognormal"),
        pytest.param(lambda rng: rng.random(1500) < 0.002, id="rare"),
        pytest.param(lambda rng: rng.poisson(0.01, 1500) * 100, id="rare counts"),
        pytest.param(lambda rng: np.r_[np.zeros(1450), rng.random(49), 500], id="mostly zero"),
        pytest.param(lambda rng: np.r_[rng.normal(size=1400), np.full(100, -9999)], id="many"),
        pytest.param(lambda rng: np.ones(1500), id="constant"),
        pytest.param(lambda rng: np.r_[np.zeros(9), 1e9], id="few rows"),
        # Beyond, but too little to matter.
        pytest.param(lambda rng: np.r_[rng.normal(size=1499), 40], id="near"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in power")
def test_what_belongs_to_a_column_is_not_taken_for_absurd(values):
    for seed in range(10):
        column = np.abs(values(np.random.default_rng(seed)))
        assert found(np.nan_to_num(column))[0] == []


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_a_source_within_limits(container):
    X = np.random.default_rng(0).normal(size=(50, 3))
    low, high = np.array([-1, -np.inf, -np.inf]), np.array([np.inf, np.inf, 0.5])
    source = ClippedSource(as_source(container(X)), low, high)
    rows = np.array([3, 1, 40])
    np.testing.assert_array_equal(source.block(rows), X[rows].clip(low, high))
    np.testing.assert_array_equal(source.tensor(slice(9)).numpy(), X[:9].clip(low, high))
    assert source.extremes() == (X.clip(low, high).min(), X.clip(low, high).max())


def table(n_rows=400):
    rng = np.random.default_rng(0)
    X = np.sin(rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 5)))
    Y = X.copy()
    Y[7, 2] = Y[9, 2] = -9999
    within = Y.copy()
    within[:, 2] = within[:, 2].clip(np.delete(X[:, 2], [7, 9]).min(), None)
    return Y, within


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
@pytest.mark.parametrize("way", ["fit", "file", "weights", "missing", "stream", "validation rows"])
def test_a_model_learns_from_the_ends_of_the_other_values(cls, way, tmp_path):
    Y, within = table()
    params = {"allow_nan": True} if way == "missing" else {}
    models = [cls(**QUICK, **params) for _ in range(2)]
    told = {"sample_weight": np.linspace(1, 2, len(Y))} if way == "weights" else {}
    if way == "missing":
        Y[::9, 0] = within[::9, 0] = np.nan
    if way == "file":
        np.save(tmp_path / "Y.npy", Y)
        Y = np.load(tmp_path / "Y.npy", mmap_mode="r")
    learn = "partial_fit" if way == "stream" else "fit"
    first, second = (getattr(model, learn) for model in models)
    val = way == "validation rows"
    with pytest.warns(UserWarning, match="far beyond all others") as warned:
        first(Y, **told, **({"X_val": Y[:50]} if val else {}))
    assert len(warned) == 1
    second(within, **told, **({"X_val": within[:50]} if val else {}))
    if way == "stream":  # the limits are known
        first(Y[:100])
        second(within[:100])
    clean = np.nan_to_num(within)
    np.testing.assert_array_equal(*(model.transform(clean) for model in models))
    assert models[0].score(clean) == models[1].score(clean)


def test_rows_to_validate_on_are_compared_within_the_limits():
    X = np.random.default_rng(0).normal(size=(400, 3))
    X[:3] = -9999
    with pytest.warns(UserWarning, match="far beyond all others") as warned:
        AutoencoderTransformer(1, max_iter=1, random_state=0).fit(X, X_val=X[:120])
    assert len(warned) == 1


@pytest.mark.parametrize("weight", [1e-3, 100.0])
def test_weights_do_not_hide_them(weight):
    Y, _ = table()
    weights = np.ones(len(Y))
    weights[[7, 9]] = weight
    with pytest.warns(UserWarning, match="far beyond all others"):
        AutoencoderTransformer(**QUICK).fit(Y, sample_weight=weights)


def test_limits_of_a_stream_that_later_rows_are_beyond_are_left():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 3)) @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(1200, 6))
    X[:100, 0] /= 1000
    X[5, 0] = 5.0
    model = AutoencoderTransformer(3, max_iter=20, random_state=0)
    with pytest.warns(UserWarning, match="far beyond all others"):
        model.partial_fit(X[:100])
    assert model._start.limits is not None
    for start in range(100, 1200, 50):
        model.partial_fit(X[start : start + 50])
    assert model._start.limits is None


def test_absurd_rows_are_scored_as_they_are():
    Y, _ = table()
    with pytest.warns(UserWarning, match="far beyond"):
        model = AutoencoderTransformer(**QUICK).fit(Y)
    assert set(np.argsort(model.score_samples(Y))[:2]) == {7, 9}


def test_a_detector_that_tries_several_widths_warns_once():
    Y, _ = table()
    with pytest.warns(UserWarning, match="far beyond all others") as warned:
        AutoencoderOutlierDetector(novelty=False, random_state=0).fit(Y[:250, :4])
    assert len(warned) == 1


def test_the_warning_says_where_what_and_how_often():
    Y, _ = table()
    Y[3, 4] = 1e7
    frame = pd.DataFrame(Y, columns=list("abcde"))
    with pytest.warns(UserWarning, match="far beyond") as warned:
        AutoencoderTransformer(early_stopping=False, **QUICK).fit(frame)
    text = str(warned[0].message)
    assert "column 'c' has -9999 in 2 of 400 rows" in text
    assert "column 'e' has 10000000 in 1 of 400 rows, 100 % of its variance" in text
    assert "allow_nan=True" in text


def test_a_fine_tuned_model_keeps_the_limits():
    Y, within = table()
    y = np.where(np.arange(len(Y)) % 4, -1, (within[:, 0] > 0).astype(int))
    models = [AutoencoderClassifier(AutoencoderTransformer(**QUICK)) for _ in range(2)]
    with pytest.warns(UserWarning, match="far beyond"):
        models[0].fit(Y, y)
    models[1].fit(within, y)
    np.testing.assert_array_equal(*(model.predict_proba(within) for model in models))
