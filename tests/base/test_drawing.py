"""Drawn values are as those of the training rows: within their range, and whole where they are."""

import pickle

import numpy as np
import pytest
import torch

from skae import VAEClassifier, VAETransformer, load, save
from skae._base.drawing import Support
from skae._rows.source import as_source

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 5, "random_state": 0}


def make_rows(n_rows=600):
    """Ages, an amount that is mostly 0, one that is not, counts, shares that are often 1."""
    rng = np.random.default_rng(0)
    age = rng.normal(45, 12, n_rows).round().clip(18, 90)
    gain = np.where(rng.random(n_rows) < 0.8, 0, rng.lognormal(5, 1.2, n_rows).round() + 3)
    loan = rng.lognormal(9, 0.8, n_rows)
    visits = rng.poisson(3, n_rows)
    share = rng.normal(0.8, 0.2, n_rows).clip(0.2, 1)
    return np.column_stack([age, gain, loan, visits, share])


X = make_rows()
PAIRS = [
    ("gaussian", [0]),
    ("hurdle_lognormal", [1]),
    ("lognormal", [2]),
    ("poisson", [3]),
    ("laplace", [4]),
]


def check_drawn(drawn, whole=(0, 1, 3)):
    assert (drawn >= X.min(axis=0)).all()
    assert (drawn <= X.max(axis=0)).all()
    np.testing.assert_array_equal(drawn[:, whole], drawn[:, whole].round())


@pytest.mark.parametrize("likelihood", ["mixed", PAIRS, "gaussian"], ids=["mixed", "pairs", "one"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_drawn_values_are_as_they_were_seen(likelihood, dtype):
    vae = VAETransformer(2, likelihood=likelihood, **QUICK).fit(X.astype(dtype))
    drawn = vae.sample(3000, random_state=0, noise=True)
    assert drawn.dtype == dtype
    low, high = X.astype(dtype).min(axis=0), X.astype(dtype).max(axis=0)
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    np.testing.assert_array_equal(drawn[:, [0, 1, 3]], drawn[:, [0, 1, 3]].round())
    # No heap at an end that none of the rows share, but where a model is plainly of other rows.
    for column in (0, 2)[: 1 if likelihood == "gaussian" else 2]:
        ends = drawn[:, column].min(), drawn[:, column].max()
        assert np.isin(drawn[:, column], ends).mean() < 0.01
    means = vae.sample(3000, random_state=0)
    assert (means >= low).all()
    assert (means <= high).all()
    assert (means[:, 0] != means[:, 0].round()).any()
    assert (drawn[:, 4] == 1).mean() > 0.03  # as many rows have it


def test_amounts_are_drawn_as_often_zero_as_they_are():
    vae = VAETransformer(2, likelihood="mixed", **{**QUICK, "max_iter": 40}).fit(X)
    names = dict(vae._start.target.columns)
    assert names["hurdle_lognormal"].tolist() == [1, 3]
    assert names["lognormal"].tolist() == [2]
    drawn = vae.sample(20_000, random_state=0, noise=True)
    check_drawn(drawn)
    for column in (1, 3):
        zeros = (X[:, column] == 0).mean()
        assert (drawn[:, column] == 0).mean() == pytest.approx(zeros, abs=0.03)
    assert drawn[drawn[:, 1] > 0, 1].min() >= X[X[:, 1] > 0, 1].min()
    np.testing.assert_allclose(drawn.mean(axis=0)[1:4], X.mean(axis=0)[1:4], rtol=0.12)
    means = vae.sample(20_000, random_state=0).mean(axis=0)
    np.testing.assert_allclose(means[1:4], X.mean(axis=0)[1:4], rtol=0.15)
    logs = np.log(drawn[:, 2]), np.log(X[:, 2])
    assert logs[0].std() == pytest.approx(logs[1].std(), rel=0.1)


def test_nothing_is_clipped_where_none_was_asked_for():
    vae = VAETransformer(2, output_activation="identity", **QUICK).fit(X)
    drawn = vae.sample(3000, random_state=0, noise=True)
    assert (drawn < X.min(axis=0)).any()
    np.testing.assert_array_equal(drawn[:, [0, 1, 3]], drawn[:, [0, 1, 3]].round())


def test_the_same_of_a_classifier_and_of_conditions():
    y = (X[:, 0] > 45).astype(int)
    model = VAEClassifier(2, likelihood="mixed", **QUICK).fit(X, y)
    means = model.sample(300, random_state=0, y=1)
    assert (means >= X.min(axis=0)).all()
    assert (means <= X.max(axis=0)).all()
    assert np.isfinite(model.score_samples(X)).all()
    check_drawn(model.sample(300, random_state=0, y=1, noise=True))
    told = VAETransformer(2, likelihood="mixed", conditional=True, **QUICK).fit(X, y)
    check_drawn(told.sample(300, random_state=0, noise=True))
    drawn = told._draw_rows(np.zeros((40, 2)), 1, np.random.RandomState(0))
    check_drawn(drawn)
    again = told._draw_rows(np.zeros((40, 2)), 1, np.random.RandomState(0))
    np.testing.assert_array_equal(drawn, again)
    state = torch.random.get_rng_state()
    told._draw_rows(np.zeros((40, 2)), 1, np.random.RandomState(0))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_range_of_a_stream_is_that_of_all_its_rows():
    vae = VAETransformer(2, likelihood=PAIRS, **QUICK)
    shifted = X[300:] + np.array([0.5, 0, 0, 0, 0])
    for part in (X[:300], shifted):
        vae.partial_fit(part)
    drawn = vae.sample(2000, random_state=0, noise=True)
    both = np.concatenate([X[:300], shifted])
    assert (drawn >= both.min(axis=0)).all()
    assert (drawn <= both.max(axis=0)).all()
    assert (drawn[:, 0] != drawn[:, 0].round()).mean() > 0.9
    np.testing.assert_array_equal(drawn[:, 1], drawn[:, 1].round())


def test_files_pickles_and_parameters_of_today_change_nothing(tmp_path):
    vae = VAETransformer(2, likelihood="mixed", **QUICK).fit(X)
    expected = vae.sample(50, random_state=0, noise=True)
    save(vae, tmp_path / "model.safetensors")
    for other in (pickle.loads(pickle.dumps(vae)), load(tmp_path / "model.safetensors")):
        np.testing.assert_array_equal(other.sample(50, random_state=0, noise=True), expected)
        np.testing.assert_array_equal(other.score_samples(X), vae.score_samples(X))
    vae.set_params(likelihood="gaussian", output_activation="identity")
    np.testing.assert_array_equal(vae.sample(50, random_state=0, noise=True), expected)
    vae.set_params(likelihood="gaussian", output_activation="auto").fit(X[:, :3] - 1000)
    assert vae.sample(50, random_state=0, noise=True).max() <= X[:, :3].max() - 1000


def test_a_model_from_before_draws_without_bounds():
    vae = VAETransformer(2, **QUICK).fit(X)
    del vae._support
    drawn = vae.sample(2000, random_state=0, noise=True)
    assert (drawn != drawn.round())[:, [0, 2]].all()


@pytest.mark.parametrize("rows", [np.arange(5000), np.arange(0, 5000, 7)], ids=["all", "some"])
def test_the_support_is_that_of_what_was_observed(rows):
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.integers(-3, 9, 5000), rng.normal(size=5000), np.zeros(5000)])
    values[rng.random(values.shape) < 0.3] = np.nan
    values = np.column_stack([values, np.full(5000, np.nan)])
    found, seen = Support.of(as_source(values), rows), values[rows]
    np.testing.assert_array_equal(found.low[:3], np.nanmin(seen[:, :3], axis=0))
    np.testing.assert_array_equal(found.high[:3], np.nanmax(seen[:, :3], axis=0))
    positive = np.where(seen[:, :2] > 0, seen[:, :2], np.nan)
    np.testing.assert_array_equal(found.least[:2], np.nanmin(positive, axis=0))
    assert found.is_whole.tolist() == [True, False, True, True]
    parts = [
        ("hurdle_lognormal", np.array([0])),
        ("bernoulli", np.array([2])),
        ("gaussian", [1, 3]),
    ]
    limited = found.of_columns(parts)
    assert limited.low[0] == 1
    assert np.isinf([limited.low[2:], limited.high[2:]]).all()
    assert limited.is_whole.tolist() == [True, False, False, False]
