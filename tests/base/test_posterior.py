"""Rows drawn given the values of some columns."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from skae import VAEClassifier, VAETransformer, load, save
from skae.architectures import TorchArchitecture

QUICK = {"max_iter": 5, "random_state": 0}
LINEAR = TorchArchitecture(nn.Linear, nn.Linear)


def rows(n_rows=400, seed=0):
    """Five numbers of two factors."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=5)


@pytest.fixture(scope="module", params=[False, True], ids=["full", "allow_nan"])
def linear(request):
    """A model whose conditional distributions are known: its decoder is a line."""
    settings = {"architecture": LINEAR, "noise_variance": 0.25, "output_activation": "identity"}
    settings["allow_nan"] = request.param
    return VAETransformer(2, **QUICK, **settings).fit(rows())


def conditional(model, known, values):
    """Mean and covariance of the other columns, by the weights of the decoder."""
    decode = model.inverse_transform
    mean = decode(np.zeros((1, 2)))[0]
    loadings = (decode(np.eye(2)) - mean).T
    covariance = loadings @ loadings.T + 0.25 * np.eye(5)
    others = np.setdiff1d(np.arange(5), known)
    slopes = covariance[np.ix_(others, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
    left = covariance[np.ix_(others, others)] - slopes @ covariance[np.ix_(known, others)]
    return others, mean[others] + slopes @ (values - mean[known]), left


@pytest.mark.parametrize("known", [[1], [0, 3], [0, 1, 2, 4]], ids=str)
def test_draws_have_the_conditional_distribution_of_the_model(linear, known):
    values = rows()[7, known]
    drawn, ess = linear.sample(
        8000,
        random_state=0,
        noise=True,
        conditions=dict(zip(known, values, strict=True)),
        return_ess=True,
    )
    others, mean, covariance = conditional(linear, known, values)
    assert (drawn[:, known] == values).all()
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((drawn[:, others].mean(axis=0) - mean) / deviation, 0, atol=0.06)
    found = np.cov(drawn[:, others].T).reshape(covariance.shape)
    np.testing.assert_allclose(found, covariance, atol=0.06 * covariance.max())
    assert ess.shape == (1,)
    assert ess[0] > 8000


def test_without_noise_rows_are_means_given_a_drawn_code(linear):
    """Of the code only its posterior is left, the noise is not there."""
    given = {0: rows()[7, 0]}
    plain = linear.sample(5000, 0, conditions=given)
    noisy = linear.sample(5000, 0, conditions=given, noise=True)
    difference = noisy[:, 1:].var(axis=0) - plain[:, 1:].var(axis=0)
    np.testing.assert_allclose(difference, 0.25, atol=0.1)


def test_several_rows_are_drawn_together_and_repeat(linear):
    X = rows()[:3]
    X[0, 1:], X[1, :2], X[2] = np.nan, np.nan, np.nan
    state = torch.random.get_rng_state()
    drawn, ess = linear.sample(4, 0, conditions=X, noise=True, return_ess=True)
    assert torch.equal(state, torch.random.get_rng_state())
    assert drawn.shape == (12, 5)
    assert ess.shape == (3,)
    repeated = np.repeat(X, 4, axis=0)
    np.testing.assert_array_equal(drawn[~np.isnan(repeated)], repeated[~np.isnan(repeated)])
    assert len(np.unique(drawn[:, 2])) >= 9  # those of a row differ, where it is not known
    again = linear.sample(4, 0, conditions=X, noise=True)
    np.testing.assert_array_equal(drawn, again)
    assert (linear.sample(4, 1, conditions=X, noise=True) != drawn).any()


@pytest.mark.parametrize("rows_of", [list, tuple], ids=["lists", "tuples"])
def test_rows_may_be_lists_and_tuples(linear, rows_of):
    X = [rows_of([0.5, None, np.nan, 1.0, 2.0])]
    drawn = linear.sample(2, 0, conditions=rows_of(X))
    np.testing.assert_array_equal(drawn, linear.sample(2, 0, conditions=np.array(X, dtype=float)))


def test_frames_have_the_index_repeated():
    X = pd.DataFrame(rows(), columns=list("abcde"), index=np.arange(400) * 2)
    model = VAETransformer(2, **QUICK).set_output(transform="pandas").fit(X)
    drawn = model.sample(2, 0, conditions=X.loc[[6, 2], ["b", "d"]])
    assert drawn.index.tolist() == [6, 6, 2, 2]
    assert drawn["d"].tolist() == X.loc[[6, 6, 2, 2], "d"].tolist()
    assert model.sample(3, 0, conditions={"a": 1.0})["a"].tolist() == [1.0] * 3


def test_what_the_model_hardly_draws_is_warned_of(linear):
    linear.sample(5, 0, conditions={0: rows()[:, 0].mean()})  # warnings are errors
    with pytest.warns(UserWarning, match="the model finds hardly possible"):
        linear.sample(5, 0, conditions={0: 100 * rows()[:, 0].std()})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conditions": {5: 1}}, "column 5, but in fit"),
        ({"conditions": np.ones((1, 5))}, "all values are known"),
        ({"conditions": {0: 1}, "y": [1]}, "conditional=True"),
        ({"conditions": {0: 1}, "n_samples": 0}, "n_samples"),
        ({"conditions": {}}, "conditions is empty"),
        ({"return_ess": True}, "for draws with conditions"),
    ],
    ids=str,
)
def test_conditions_that_make_no_sense_are_named(linear, settings, message):
    with pytest.raises(ValueError, match=message):
        linear.sample(**settings)


def test_values_that_a_likelihood_can_not_have_are_refused():
    X = (rows() > 0.5).astype(float)
    model = VAETransformer(2, **QUICK, likelihood="bernoulli").fit(X)
    with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
        model.sample(conditions={0: 2.0})
    assert set(np.unique(model.sample(20, 0, conditions={0: 1}, noise=True))) == {0, 1}


@pytest.mark.parametrize(
    ("likelihood", "bad", "message"),
    [
        ("lognormal", [0.0, -3.0], r"\(0, inf\), but X has"),
        ("hurdle_lognormal", [-3.0], r"\[0, inf\), but X has -3"),
        ("poisson", [-1.0, 1.5], r"for counts, but X has 1.5|counts, but X has values from -1"),
        ("negative_binomial", [1.5], "for counts, but X has 1.5, which is no whole number"),
    ],
)
def test_amounts_and_counts_are_held_to_what_they_can_be(likelihood, bad, message):
    X = rows()
    X[:, 1] = np.random.default_rng(0).poisson(5, len(X)) + (likelihood == "lognormal")
    pairs = [("gaussian", [0, 2, 3, 4]), (likelihood, [1])]
    model = VAETransformer(2, **QUICK, likelihood=pairs).fit(X)
    for value in bad:
        with pytest.raises(ValueError, match=message):
            model.sample(2, 0, conditions={1: value})
    assert model.sample(2, 0, conditions={1: 4.0})[:, 1].tolist() == [4.0, 4.0]
    if likelihood != "lognormal":  # that there was nothing is known as well
        assert model.sample(2, 0, conditions={1: 0.0})[:, 1].tolist() == [0.0, 0.0]


@pytest.fixture(scope="module")
def told():
    """Two classes, apart in the first column."""
    X, y = rows(), np.repeat(["a", "b"], [300, 100])
    X[y == "b", 0] += 10
    return VAETransformer(2, max_iter=40, conditional=True, random_state=0).fit(X, y)


def test_a_class_is_told_or_drawn_by_what_is_known(told):
    X, high = rows(), rows()[:, 0].mean() + 10
    of_a = told.sample(300, 0, y="a", conditions={1: X[0, 1]})
    of_b = told.sample(300, 0, y="b", conditions={1: X[0, 1]})
    assert of_a[:, 0].mean() + 5 < of_b[:, 0].mean()
    found = told.sample(300, 0, conditions={1: X[:, 1].mean()})[:, 0] > high - 5
    assert 0.1 < found.mean() < 0.5  # a quarter are of b
    both = np.full((2, 5), np.nan)
    both[:, 1] = X[0, 1]
    drawn = told.sample(100, 0, y=["b", "a"], conditions=both)[:, 0]
    assert drawn[100:].mean() + 5 < drawn[:100].mean()
    with pytest.raises(ValueError, match=r"y has 2 values for 1 row\(s\) of conditions"):
        told.sample(2, 0, y=["a", "b"], conditions={1: 0.0})


@pytest.fixture(scope="module", params=["transformer", "classifier"])
def apart(request):
    """A decoder that is a line, and two classes; codes of the transformer lie apart as well."""
    X, y = rows(), np.repeat(["a", "b"], [250, 150])
    X[y == "b"] += [4, -4, 4, 4, -4]
    settings = {"architecture": LINEAR, "noise_variance": 0.25, "output_activation": "identity"}
    if request.param == "classifier":
        return VAEClassifier(2, **QUICK, **settings).fit(X, y)
    model = VAETransformer(2, conditional=True, **QUICK, **settings).fit(X, y)
    of_a, of_b = (model.transform(X[y == label]) for label in "ab")
    assert (np.abs(of_a.mean(axis=0) - of_b.mean(axis=0)) > 2 * of_a.std(axis=0)).all()
    return model


@pytest.mark.parametrize("place", [-1, 1])
@pytest.mark.parametrize("label", ["a", "b"])
def test_draws_of_a_class_have_its_conditional_distribution(apart, label, place):
    """That of the rows that are drawn for the class, which is normal."""
    own = apart.sample(50_000, 0, y=label, noise=True)
    mean, covariance = own.mean(axis=0), np.cov(own.T)
    slope = covariance[:, 1] / covariance[1, 1]
    away = place * np.sqrt(covariance[1, 1])
    given = {"conditions": {1: mean[1] + away}, "noise": True}
    drawn = apart.sample(8000, 0, y=label, **given)
    left = np.sqrt(np.diag(covariance - np.outer(slope, covariance[1])).clip(1e-9))
    np.testing.assert_allclose((drawn.mean(axis=0) - mean - slope * away) / left, 0, atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0)[[0, 2, 3, 4]], left[[0, 2, 3, 4]], rtol=0.04)


def test_classes_are_as_likely_as_among_rows_with_the_value(apart):
    """Of rows that the model draws, which class have those with nearly a value of a column?"""
    of_a, of_b = (apart.sample(40_000, 0, y=label, noise=True) for label in "ab")
    value = (of_a[:, 1].mean() + of_b[:, 1].mean()) / 2
    near = [(np.abs(own[:, 1] - value) < 0.2).mean() for own in (of_a, of_b)]
    expected = 250 * near[0] / (250 * near[0] + 150 * near[1])
    assert 0.1 < expected < 0.9
    drawn = apart.sample(4000, 0, conditions={1: value})
    means = [own[:, [0, 2, 3, 4]].mean(axis=0) for own in (of_a, of_b)]
    sides = [((drawn[:, [0, 2, 3, 4]] - mean) ** 2).sum(axis=1) for mean in means]
    assert (sides[0] < sides[1]).mean() == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("n_draws", [3, 50])
def test_the_mean_of_imputations_misses_the_conditional_mean_by_chance_only(n_draws):
    """That of the model itself, however few draws there are."""
    settings = {"architecture": LINEAR, "noise_variance": 0.25, "output_activation": "identity"}
    X = np.where(np.random.default_rng(1).random((400, 5)) < 0.3, np.nan, rows())
    X = X[np.isnan(X).any(axis=1) & ~np.isnan(X).all(axis=1)]
    model = VAETransformer(2, allow_nan=True, **QUICK, **settings).fit(X)
    off = model.impute(X, n_draws=n_draws, random_state=0).mean(axis=0)
    for row, given in zip(off, X, strict=True):
        known = np.flatnonzero(~np.isnan(given))
        others, mean, covariance = conditional(model, known, given[known])
        row[others] = (row[others] - mean) / np.sqrt(np.diag(covariance) / n_draws)
    off = off[np.isnan(X)]
    assert abs(off.mean()) < 0.15
    assert np.mean(off**2) == pytest.approx(1, abs=0.2)


def test_a_saved_model_draws_the_same(linear, tmp_path):
    save(linear, tmp_path / "model")
    given = {"conditions": {0: 0.3}, "random_state": 0, "noise": True}
    drawn = load(tmp_path / "model", classes=[nn.Linear]).sample(3, **given)
    np.testing.assert_array_equal(drawn, linear.sample(3, **given))


# Of counts, with how much was counted.

COUNTING = {
    "likelihood": "poisson",
    "hidden_layer_sizes": (16,),
    "max_iter": 20,
    "random_state": 0,
}


def kinds_of_counts(n_rows=400):
    """Two kinds of rows, counted to depths that have nothing to do with them."""
    rng = np.random.default_rng(0)
    profiles = np.exp(rng.normal(size=(2, 12)))
    kind, depth = rng.integers(0, 2, n_rows), 3 * np.exp(rng.normal(size=n_rows) / 2)
    return rng.poisson(profiles[kind] * depth[:, None]).astype(float), kind, depth


def test_one_count_does_not_say_how_much_was_counted():
    """Where columns are independent the others keep their means, whatever one of them has."""
    counts = np.random.default_rng(0).poisson(2.0, (400, 12)).astype(float)
    model = VAETransformer(2, **COUNTING).fit(counts)
    for value in (0, 2, 6):
        drawn = model.sample(300, 0, conditions={3: value}, noise=True)
        assert (drawn[:, 3] == value).all()
        others = np.delete(drawn, 3, axis=1)
        assert others.mean() == pytest.approx(2, abs=0.2)
        np.testing.assert_allclose(others.mean(axis=0), 2, atol=0.6)


def test_draws_of_counts_are_around_what_is_expected():
    """What is known of a row may be much of its counts, or little: its code says which."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, 400)
    rates = np.where(kind[:, None] == (np.arange(20) >= 10), 9.0, 1.0)
    counts = rng.poisson(rates).astype(float)
    model = VAETransformer(2, **COUNTING, allow_nan=True).fit(counts)
    holes = counts.copy()
    holes[:, 10:] = np.nan
    expected = model.impute(holes)[:, 10:]
    drawn = model.impute(holes, n_draws=5, random_state=0)[:, :, 10:].mean(axis=0)
    for number, rate in enumerate((1, 9)):
        of_kind = drawn[kind == number].mean()
        assert of_kind == pytest.approx(expected[kind == number].mean(), abs=0.5)
        assert of_kind == pytest.approx(rate, abs=0.5)


def test_intervals_of_counts_keep_their_rate():
    counts = kinds_of_counts()[0]
    holes = np.where(np.random.default_rng(1).random(counts.shape) < 0.7, np.nan, counts)
    model = VAETransformer(1, **COUNTING, allow_nan=True).fit(holes)
    drawn, gaps = model.impute(holes, n_draws=40, random_state=0), np.isnan(holes)
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0, method="inverted_cdf")
    assert 0.85 <= ((low <= counts) & (counts <= high))[gaps].mean() <= 0.96
    deeper = np.round(100 * counts[:50])  # much more is counted than of any row
    part = np.where(np.arange(12) % 2, deeper, np.nan)
    found = model.impute(part, n_draws=5, random_state=0).mean(axis=0)
    assert found[:, ::2].sum() == pytest.approx(deeper[:, ::2].sum(), rel=0.3)


def test_a_column_that_says_how_much_was_counted_is_drawn_or_known():
    counts, _, hours = kinds_of_counts()
    model = VAETransformer(1, exposure=0, **COUNTING).fit(np.column_stack([hours, counts]))
    few, many = (model.sample(200, 0, conditions=given) for given in ({0: 1.0}, {0: 10.0}))
    ratio = many[:, 1:].sum(axis=1).mean() / few[:, 1:].sum(axis=1).mean()
    assert ratio == pytest.approx(10, rel=0.05)
    nothing = model.sample(2000, 0, conditions=np.full((1, 1 + counts.shape[1]), np.nan))
    np.testing.assert_allclose(
        np.quantile(np.log(nothing[:, 0]), [0.1, 0.5, 0.9]),
        np.quantile(np.log(hours), [0.1, 0.5, 0.9]),
        atol=0.15,
    )
    place = 1 + counts.sum(axis=0).argmax()
    of_count = [model.sample(400, 0, conditions={place: count})[:, 0] for count in (4, 20)]
    assert all(len(np.unique(found)) > 100 for found in of_count)
    assert 1.5 < np.median(of_count[1]) / np.median(of_count[0]) < 5


def test_how_much_was_counted_is_as_of_the_class():
    counts, kind, _ = kinds_of_counts()
    counts *= np.where(kind == 1, 20, 1)[:, None]
    model = VAETransformer(1, conditional=True, **COUNTING).fit(counts, kind)
    nothing = np.full((1, counts.shape[1]), np.nan)
    for number in (0, 1):
        drawn = model.sample(1000, 0, conditions=nothing, y=number).sum(axis=1)
        own = np.median(counts[kind == number].sum(axis=1))
        assert np.median(drawn) == pytest.approx(own, rel=0.2)


def test_where_all_counts_are_known_they_say_how_much_it_was():
    counts, kind, _ = kinds_of_counts()
    table = np.column_stack([counts, kind + np.zeros(len(kind))])
    pairs = [("poisson", slice(0, 12)), ("gaussian", [12])]
    settings = {**COUNTING, "likelihood": pairs, "exposure": "sum"}
    model = VAETransformer(1, **settings).fit(table)
    known = np.column_stack([counts[:9], np.full(9, np.nan)])
    latents, _, _ = model._latents_given(known, 3, np.random.RandomState(0))
    rows = model._rows_of(np.repeat(known, 3, axis=0), latents, None, None, False)
    np.testing.assert_allclose(rows[:, :12].sum(axis=1), np.repeat(counts[:9].sum(1), 3), rtol=1e-4)
