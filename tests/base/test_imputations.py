"""Draws in place of what is missing."""

import numpy as np
import pandas as pd
import pytest

from skae import AutoencoderTransformer, VAETransformer

QUICK = {"max_iter": 5, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    """Numbers, a flag and a category that go together, a fifth of them missing."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 500)
    numbers = kind[:, None] + rng.normal(size=(500, 2)) * 0.3
    X = np.column_stack([numbers, rng.random(500) < 0.2 + 0.3 * kind, np.eye(3)[kind]])
    X[rng.random(500) < 0.2, 0] = np.nan
    X[rng.random(500) < 0.2, 2] = np.nan
    X[rng.random(500) < 0.2, 3:] = np.nan
    return X


@pytest.fixture(scope="module")
def mixed(table):
    settings = {"likelihood": "mixed", "allow_nan": True, "max_iter": 60, "random_state": 0}
    return VAETransformer(2, **settings).fit(table)


def test_draws_fill_in_what_is_missing_and_nothing_else(mixed, table):
    drawn = mixed.impute(table, n_draws=4, random_state=0)
    assert drawn.shape == (4, *table.shape)
    known = ~np.isnan(table)
    assert all((one[known] == table[known]).all() for one in drawn)
    assert np.isfinite(drawn).all()
    assert set(np.unique(drawn[:, :, 2:])) == {0, 1}
    assert (drawn[:, :, 3:].sum(axis=2) == 1).all()
    np.testing.assert_array_equal(drawn, mixed.impute(table, n_draws=4, random_state=0))
    assert (drawn[0] != drawn[1]).any()


def test_imputed_categories_follow_the_numbers(mixed):
    drawn = mixed.impute([[2.0, 2.0, np.nan, np.nan, np.nan, np.nan]], n_draws=200, random_state=0)
    assert drawn[:, 0, 5].mean() > 0.9
    part = [[np.nan, np.nan, 1.0, 0.0, np.nan, np.nan]]  # not the first one
    drawn = mixed.impute(part, n_draws=200, random_state=0)[:, 0, 3:]
    assert (drawn.sum(axis=1) == 1).all()
    assert not drawn[:, 0].any()
    assert 0.2 < drawn[:, 2].mean() < 0.95


def test_expected_values_are_those_of_draws(mixed, table):
    expected = mixed.impute(table)
    drawn = mixed.impute(table, n_draws=100, random_state=0).mean(axis=0)
    gaps = np.isnan(table)
    np.testing.assert_allclose(drawn[gaps], expected[gaps], atol=0.6)
    assert np.sqrt(np.mean((drawn - expected)[gaps] ** 2)) < 0.15


def test_frames_come_in_a_list(table):
    X = pd.DataFrame(table[:, :3], columns=list("abc"), index=np.arange(500) + 7)
    model = VAETransformer(2, **QUICK, allow_nan=True).set_output(transform="pandas").fit(X)
    drawn = model.impute(X, n_draws=2, random_state=0)
    assert [type(one) for one in drawn] == [pd.DataFrame] * 2
    assert all(one.index.equals(X.index) and list(one) == list("abc") for one in drawn)


def test_models_without_a_likelihood_draw_nothing(table):
    model = AutoencoderTransformer(2, **QUICK, allow_nan=True).fit(table)
    with pytest.raises(ValueError, match=r"needs a model with a likelihood .* VAETransformer"):
        model.impute(table, n_draws=2)


@pytest.mark.parametrize("settings", [{"n_draws": 0}, {"n_draws": 2, "out": np.empty((500, 6))}])
def test_draws_that_make_no_sense_are_refused(mixed, table, settings):
    with pytest.raises(ValueError, match="n_draws"):
        mixed.impute(table, **settings)
