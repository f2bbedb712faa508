"""Likelihoods of rows in their units, and of columns of several kinds."""

import numpy as np
import pytest
from scipy import stats

from skae import VAETransformer

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def test_the_likelihood_is_a_density_per_unit_of_X(digits):
    plain, moved = (VAETransformer(2, **QUICK).fit(c * digits).score(c * digits) for c in (1, 10))
    assert plain - moved == pytest.approx(64 * np.log(10), abs=0.1)


def test_the_learned_variance_is_that_of_the_noise():
    rng = np.random.default_rng(0)
    X = 50 * rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 20)) + 7 * rng.normal(size=(2000, 20))
    vae = VAETransformer(2, hidden_layer_sizes=(32,), max_iter=30, random_state=0).fit(X)
    found = vae.module_.link.parameter.exp().item() * vae.scaling_.scale.item() ** 2
    assert found == pytest.approx(7**2, rel=0.15)
    # With the right noise the estimate comes near the likelihood of the model that made X.
    covariance = np.cov(X.T)
    exact = stats.multivariate_normal(X.mean(0), covariance).logpdf(X).mean()
    assert vae.score(X) == pytest.approx(exact, abs=1.5)


def test_a_given_variance_is_kept_in_units_of_X(digits):
    vae = VAETransformer(2, noise_variance=9.0, **QUICK).fit(digits)
    found = vae.module_.link.parameter.exp().item() * vae.scaling_.scale.item() ** 2
    assert found == pytest.approx(9.0)


@pytest.mark.parametrize("output_activation", ["auto", "logistic"])
def test_the_mean_variance_of_the_features(unit_digits, output_activation):
    params = {**QUICK, "noise_variance": "mean", "output_activation": output_activation}
    vae = VAETransformer(2, early_stopping=False, **params).fit(unit_digits)
    found = vae.module_.link.parameter.exp().item() * vae.scaling_.scale.item() ** 2
    assert found == pytest.approx(unit_digits.var(axis=0).mean(), rel=1e-5)
    mixed = VAETransformer(2, likelihood=[("gaussian", [0, 1]), ("laplace", [2])], **QUICK)
    mixed.set_params(noise_variance="mean").fit(5 * unit_digits[:, 2:5])
    for part, columns in zip(mixed.module_.link.likelihoods, ([2, 3], [4]), strict=True):
        scale = mixed.scaling_.scale.numpy()[np.subtract(columns, 2)]
        variances = part.parameter.exp().numpy() * scale**2
        expected = (5 * unit_digits[:, columns]).var(axis=0)
        np.testing.assert_allclose(variances, expected, rtol=0.2)  # a tenth is held out


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_scores_are_repeatable_and_rise_with_the_number_of_draws(likelihood, unit_digits):
    settings = {**QUICK, "likelihood": likelihood, "max_iter": 20}  # enough to use the code
    few, many = (
        VAETransformer(3, n_score_samples=n, **settings).fit(unit_digits) for n in (1, 100)
    )
    np.testing.assert_array_equal(few.transform(unit_digits), many.transform(unit_digits))
    np.testing.assert_array_equal(many.score_samples(unit_digits), many.score_samples(unit_digits))
    if likelihood == "gaussian":  # whose posterior is narrow: there one draw misses much
        assert many.score(unit_digits) > few.score(unit_digits) + 0.1


def test_samples_follow_the_prior(unit_digits):
    vae = VAETransformer(2, likelihood="bernoulli", **QUICK).fit(unit_digits)
    prior = np.random.RandomState(3).standard_normal((500, 2))
    np.testing.assert_allclose(
        vae.sample(500, random_state=3), vae.inverse_transform(prior), atol=1e-6
    )


def make_counts(n_rows=600):
    """Negative binomial counts, whose means lie on a curve."""
    rng = np.random.default_rng(0)
    place = rng.uniform(-2, 2, (n_rows, 1))
    mean = np.exp(1.5 + np.sin(place + np.linspace(0, 3, 20)))
    return rng.negative_binomial(2.0, 2.0 / (2.0 + mean)).astype(float), mean


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
def test_counts_have_means_and_draws(likelihood):
    X, mean = make_counts()
    settings = {"exposure": None, "hidden_layer_sizes": (32,), "random_state": 0}
    vae = VAETransformer(2, likelihood=likelihood, **settings).fit(X)
    back = vae.inverse_transform(vae.transform(X))
    assert (back > 0).all()
    assert np.mean((back - mean) ** 2) < 0.5 * np.mean((X.mean(axis=0) - mean) ** 2)
    drawn = vae.sample(2000, random_state=0, noise=True)
    np.testing.assert_array_equal(drawn, np.round(drawn))
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), rtol=0.25)
    if likelihood == "negative_binomial":  # as overdispersed as the data
        np.testing.assert_allclose(drawn.var(axis=0).mean(), X.var(axis=0).mean(), rtol=0.3)
        narrow = VAETransformer(2, likelihood="poisson", **settings).fit(X)
        assert vae.score(X) > narrow.score(X)


def make_table(n_rows=800):
    """A number in large units, a category of three that depends on it, a flag, another number."""
    rng = np.random.default_rng(0)
    number = rng.normal(size=n_rows)
    category = np.digitize(number + 0.3 * rng.normal(size=n_rows), [-0.5, 0.5])
    flag = rng.uniform(size=n_rows) < 0.2
    other = 0.001 * (number + rng.normal(size=n_rows))
    return np.column_stack([1e4 + 1e3 * number, np.eye(3)[category], flag, other])


MIXED = [("gaussian", [0, 5]), ("bernoulli", [4]), ("categorical", [1, 2, 3])]


@pytest.mark.parametrize("likelihood", ["mixed", MIXED], ids=["mixed", "pairs"])
def test_mixed_columns_are_modelled_each_as_what_it_is(likelihood):
    X = make_table()
    vae = VAETransformer(2, likelihood=likelihood, max_iter=80, random_state=0).fit(X)
    drawn = vae.sample(4000, random_state=0, noise=True)
    assert set(np.unique(drawn[:, 1:5])) == {0.0, 1.0}
    np.testing.assert_array_equal(drawn[:, 1:4].sum(axis=1), 1)
    np.testing.assert_allclose(drawn.mean(axis=0)[[0, 1, 2, 3, 4]], X.mean(axis=0)[:5], rtol=0.3)
    np.testing.assert_allclose(drawn.std(axis=0)[[0, 5]], X.std(axis=0)[[0, 5]], rtol=0.25)
    for rows in (X, drawn):  # what depends on each other still does
        assert np.corrcoef(rows[:, 0], rows[:, 3])[0, 1] > 0.5
    means = vae.inverse_transform(vae.transform(X))
    np.testing.assert_allclose(means[:, 1:4].sum(axis=1), 1, rtol=1e-5)


def test_units_of_single_columns_do_not_matter_to_mixed_likelihoods():
    X, unit = make_table(), np.array([1e-3, 1, 1, 1, 1, 1e6])
    settings = {**QUICK, "likelihood": MIXED}
    one, other = VAETransformer(2, **settings), VAETransformer(2, **settings)
    one.fit(X), other.fit(X * unit)
    np.testing.assert_allclose(one.transform(X), other.transform(X * unit), rtol=1e-3, atol=1e-4)
    expected = one.score(X) - np.log(unit).sum()
    assert other.score(X * unit) == pytest.approx(expected, abs=1e-2)


def test_columns_may_have_names():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(make_table(), columns=list("abcdef"))
    pairs = [("laplace", ["a", "f"]), ("bernoulli", ["e"]), ("categorical", ["b", "c", "d"])]
    assert np.isfinite(VAETransformer(2, likelihood=pairs, **QUICK).fit(X).score_samples(X)).all()


@pytest.mark.parametrize("n_draws", [1, 8, 64])
def test_few_rows_have_the_scores_that_they_have_among_others(n_draws, unit_digits):
    """Their draws are decoded together, and summed in the same order."""
    params = {"likelihood": "bernoulli", "n_score_samples": n_draws, **QUICK}
    model = VAETransformer(8, **params).fit(unit_digits)
    expected = model.score_samples(unit_digits)
    for n_rows in (1, 2, 15, 16):
        for first in range(0, 80, 16):
            some = slice(first, first + n_rows)
            np.testing.assert_array_equal(model.score_samples(unit_digits[some]), expected[some])


def test_zeros_with_a_probability_have_no_unit():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((3000, 1)) < 0.7, 0, rng.lognormal(5, 0.5, (3000, 1)))
    settings = {**QUICK, "likelihood": "hurdle_lognormal", "max_iter": 20}
    one, other = (VAETransformer(1, **settings).fit(unit * X) for unit in (1, 100))
    expected = one.score_samples(X) - np.log(100) * (X[:, 0] > 0)
    np.testing.assert_allclose(other.score_samples(100 * X), expected, atol=0.05)
    shift = other.reconstruction_err_ - one.reconstruction_err_
    assert shift == pytest.approx(np.log(100) * (X > 0).mean(), abs=0.15)
    share, logs = (X > 0).mean(), np.log(X[X > 0])
    exact = stats.lognorm(logs.std(), scale=np.exp(logs.mean())).logpdf(X[X > 0])
    exact = share * (exact.mean() + np.log(share)) + (1 - share) * np.log(1 - share)
    assert one.score(X) == pytest.approx(exact, abs=0.05)
    rows = np.array([[0.0], [np.exp(5)], [-3.0]])  # what can not be is as unlikely as can be
    scores = one.score_samples(rows)
    assert np.isfinite(scores).all()
    assert scores[2] < -100 < scores[:2].min()
