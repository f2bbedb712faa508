"""Which columns are amounts, and where their logarithms lie."""

import numpy as np
import pytest
from scipy import sparse

from skae._rows.amounts import find_amounts, log_moments, log_scale
from skae._rows.columns import check_ranges, detect_columns

RNG = np.random.default_rng(0)
N = 2000
SKEWED = RNG.lognormal(7, 1.2, N)
SOME = RNG.random(N)
COLUMNS = {
    "lognormal": SKEWED,
    "a gamma distribution": RNG.gamma(1.5, 100, N),
    "prices in whole units": np.ceil(SKEWED),
    "mostly zero": np.where(SOME < 0.9, 0, SKEWED),
    "hardly ever zero": np.where(SOME < 0.005, 0, SKEWED),
    "half zero, else normal": np.where(SOME < 0.5, 0, RNG.normal(100, 10, N)),
    "few counts": np.where(SOME < 0.8, 0, RNG.integers(1, 6, N)),
    "holes": np.where(SOME < 0.3, np.nan, SKEWED),
}
NO_AMOUNTS = {
    "normal": RNG.normal(0, 1, N),
    "ages": RNG.normal(45, 12, N).clip(18),
    "years": RNG.integers(1990, 2020, N).astype(float),
    "far from 0": 1.6e9 + RNG.normal(0, 1, N),
    "uniform": RNG.uniform(0, 1, N),
    "one negative": np.append(SKEWED[1:], -1),
    "three values": RNG.choice([1.0, 10.0, 100.0], N),
    "zero and two": RNG.choice([0.0, 1.0, 10.0], N),
    "constant": np.full(N, 3.0),
    "nothing": np.full(N, np.nan),
    "zeros": np.zeros(N),
}


def found_of(values, as_container=np.asarray):
    X = np.column_stack([NO_AMOUNTS["normal"], values])
    return [
        (name, columns.tolist()) for name, columns in find_amounts(as_container(X), np.arange(2))
    ]


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array], ids=["array", "sparse"])
@pytest.mark.parametrize("name", COLUMNS)
def test_amounts_are_found(name, container):
    expected = "hurdle_lognormal" if (COLUMNS[name] == 0).any() else "lognormal"
    assert found_of(COLUMNS[name], container) == [(expected, [1])]
    assert found_of(1e-6 * COLUMNS[name].astype(np.float32)) == [(expected, [1])]


@pytest.mark.parametrize("name", NO_AMOUNTS)
def test_other_columns_are_none(name):
    assert found_of(NO_AMOUNTS[name]) == []


@pytest.mark.parametrize(("n_rows", "expected"), [(19, []), (20, [("lognormal", [1])])])
def test_a_few_values_show_no_distribution(n_rows, expected):
    values = np.append(np.exp(np.linspace(-3, 3, n_rows)), np.full(N - n_rows, np.nan))
    assert found_of(values) == expected


def test_each_column_of_a_table_has_one_likelihood():
    flags = RNG.integers(0, 2, N)
    X = np.column_stack([flags, *COLUMNS.values(), *NO_AMOUNTS.values(), flags, 1 - flags])
    parts = detect_columns(X)
    assert [name for name, _ in parts] == [
        "gaussian",
        "lognormal",
        "hurdle_lognormal",
        "bernoulli",
        "categorical",
    ]
    counts = np.bincount(np.concatenate([columns for _, columns in parts]))
    np.testing.assert_array_equal(counts, 1)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("lognormal", 0.0, r"\(0, inf\), but X has 0. Choose 'hurdle_lognormal'"),
        ("lognormal", -2.0, r"\(0, inf\), but X has -2. Choose 'gaussian'"),
        ("hurdle_lognormal", -2.0, r"\[0, inf\), but X has -2. Choose 'gaussian'"),
    ],
)
def test_what_is_no_amount_can_not_be_learned(name, value, advice):
    X = np.column_stack([NO_AMOUNTS["normal"], SKEWED])
    X[5] = np.nan
    parts = [("gaussian", np.array([0])), (name, np.array([1]))]
    check_ranges(X, parts, learned=True)
    X[1999, 1] = value
    check_ranges(X, parts)  # it is unlikely, not wrong
    with pytest.raises(ValueError, match=advice):
        check_ranges(X, parts, learned=True)


def test_moments_are_of_what_is_positive():
    X = np.column_stack([COLUMNS["mostly zero"], SKEWED, NO_AMOUNTS["normal"]])
    X[::7, 0] = np.nan
    weight, subset = RNG.uniform(size=N), np.arange(0, N, 2)
    mean, deviation, zero_share = log_moments(X, subset, weight, np.array([0, 1]))
    x, w = X[subset, 0], weight[subset]
    logs, shares = np.log(x[x > 0]), w[x > 0]
    expected = np.average(logs, weights=shares)
    assert mean[0] == pytest.approx(expected)
    variance = np.average((logs - expected) ** 2, weights=shares)
    assert deviation[0] == pytest.approx(variance**0.5)
    seen = ~np.isnan(x)
    assert zero_share[0] == pytest.approx(np.average(x[seen] == 0, weights=w[seen]))
    assert (mean[2], deviation[2], zero_share[2]) == (0, 1, 0)
    equal = log_moments(np.full((9, 1), 5.0), np.arange(9), None, np.array([0]))
    assert np.allclose(equal, [[np.log(5)], [1], [0]])
    nothing = log_moments(np.zeros((9, 1)), np.arange(9), None, np.array([0]))
    assert np.allclose(nothing, [[0], [1], [1]])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_amounts_are_nearly_standardized_on_their_scale(share):
    x = np.where(share > SOME, 0, SKEWED)
    moments = log_moments(x[:, None], np.arange(N), None, np.array([0]))
    shift, offset, spread = log_scale(*moments)
    with np.errstate(divide="ignore"):
        place = (np.log(x + shift) - offset) / spread
    assert place.mean() == pytest.approx(0, abs=0.12)
    assert place.std() == pytest.approx(1, abs=0.12)
    if share:
        assert place[x == 0].max() < np.quantile(place[x > 0], 0.02)
