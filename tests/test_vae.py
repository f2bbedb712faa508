"""The variational autoencoder against closed forms, and its divergence at work."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from skae import VAETransformer
from skae.modules import VariationalAutoencoder
from skae.objectives import NegativeELBO, importance_log_likelihood
from skae.objectives._vae import draw_many
from skae.penalties import gaussian_kl

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def make_vae():
    torch.manual_seed(0)
    return VariationalAutoencoder(nn.Linear(3, 4), nn.Linear(2, 3))


def test_elbo_weighs_the_divergence_by_beta_and_warm_up():
    module, x = make_vae(), torch.randn(6, 3)
    kl = gaussian_kl(*module.posterior(x))
    objective = NegativeELBO(beta=3.0, kl_warmup=3)
    objective.before_step(module, 0.75)
    torch.testing.assert_close(objective(module.train(), x)["kl"], 0.25 * 3 * kl)
    torch.testing.assert_close(objective(module.eval(), x)["kl"], 3 * kl)
    objective.before_step(module, 10)
    torch.testing.assert_close(objective(module.train(), x)["kl"], 3 * kl)


def test_importance_sampling_finds_the_exact_likelihood_of_a_linear_model():
    module, x = make_vae().double(), 0.3 * torch.randn(5, 3, dtype=torch.float64)
    weight, bias = module.decoder.weight.detach(), module.decoder.bias.detach()
    covariance = (weight @ weight.T + torch.eye(3)).numpy()
    exact = stats.multivariate_normal(bias.numpy(), covariance).logpdf(x)
    noise = torch.randn(20_000, 2, dtype=torch.float64)
    with torch.no_grad():
        estimate = importance_log_likelihood(module, x, noise)
    np.testing.assert_allclose(estimate, exact, atol=0.05)


def test_the_reconstruction_term_is_the_expected_likelihood_of_a_linear_model():
    """E_q |x - Wz - b|^2 = |x - W mean - b|^2 + trace(W diag(var) W^T)."""
    module, x = make_vae().double(), torch.randn(1, 3, dtype=torch.float64)
    with torch.no_grad():
        mean, log_var = module.posterior(x)
        weight = module.decoder.weight
        squares = (x - module.decode(mean)).square().sum() + (weight**2 @ log_var.exp().T).sum()
        found = NegativeELBO()(module, x.repeat(100_000, 1))["reconstruction"].mean()
    expected = 0.5 * (squares + 3 * np.log(2 * np.pi))
    assert found.item() == pytest.approx(expected.item(), rel=0.01)


def test_vae_trains_with_its_divergence(unit_digits):
    kl = [
        VAETransformer(3, beta=beta, **{**QUICK, "max_iter": 20}, likelihood="bernoulli")
        .fit(unit_digits)
        .net_.history[-1, "train_kl"]
        / beta
        for beta in (1e-3, 1.0)
    ]
    assert kl[0] > 2 * kl[1] > 1.0


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


def test_the_warm_up_raises_the_divergence_epoch_by_epoch(unit_digits):
    params = {**QUICK, "max_iter": 6, "likelihood": "bernoulli", "early_stopping": False}
    params["learning_rate_init"] = 1e-12  # so that nothing else changes
    vae = VAETransformer(2, kl_warmup=3, **params).fit(unit_digits)
    kl = np.array(vae.net_.history[:, "train_kl"])
    # 50 steps an epoch, from 0 in the first one up to 1 after three epochs
    rising = np.arange(150).reshape(3, 50).mean(axis=1) / 150
    np.testing.assert_allclose(kl / kl[-1], [*rising, 1, 1, 1], rtol=0.02)


def test_a_warm_up_goes_on_from_one_partial_fit_to_the_next(unit_digits):
    params = {**QUICK, "likelihood": "bernoulli", "learning_rate_init": 1e-12}
    vae = VAETransformer(2, kl_warmup=3, **params)
    for _ in range(5):
        vae.partial_fit(unit_digits)
    kl = np.array(vae.net_.history[:, "train_kl"])
    rising = np.arange(150).reshape(3, 50).mean(axis=1) / 150
    np.testing.assert_allclose(kl / kl[-1], [*rising, 1, 1], rtol=0.02)


def test_training_does_not_stop_in_its_warm_up(unit_digits):
    params = {**QUICK, "max_iter": 20, "n_iter_no_change": 2, "likelihood": "bernoulli"}
    vae = VAETransformer(2, beta=4, kl_warmup=10, **params).fit(unit_digits)
    assert vae.n_iter_ > 10
    assert vae.best_loss_ <= -max(vae.validation_scores_[10:])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"likelihood": "cauchy"}, "'likelihood' parameter"),
        ({"likelihood": "bernoulli"}, r"needs values in \[0, 1\]"),
        ({"likelihood": "categorical"}, r"needs values in \[0, 1\]"),
        ({"likelihood": [("gaussian", [0, 1])]}, "must name each of the 64 columns"),
        ({"likelihood": "poisson", "output_activation": "logistic"}, "does not go with"),
        ({"noise_variance": 0}, "'noise_variance' parameter"),
        ({"noise_variance": 1e-60}, "squared units of X"),
        ({"noise_variance": 1e300}, "squared units of X"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_named(params, message, digits):
    with pytest.raises(ValueError, match=message):
        VAETransformer(2, **QUICK, **params).fit(digits)


def test_the_importance_weighted_bound_in_closed_form(monkeypatch):
    """With the same draws it is minus the estimate that scores are made of."""
    module, x = make_vae().double(), torch.randn(5, 3, dtype=torch.float64)
    noise = torch.randn(7, 2, dtype=torch.float64)
    drawn = noise[:, None].expand(7, 5, 2)
    monkeypatch.setattr(torch, "randn", lambda *shape, **kwargs: drawn)
    terms = NegativeELBO(n_draws=7)(module, x)
    found = terms["reconstruction"] + terms["kl"]
    torch.testing.assert_close(found, -importance_log_likelihood(module, x, noise))
    gradients = torch.autograd.grad(found.sum(), module.decoder.weight, retain_graph=True)
    expected = torch.autograd.grad(
        -importance_log_likelihood(module, x, noise).sum(), module.decoder.weight
    )
    torch.testing.assert_close(gradients, expected)


def test_more_draws_give_a_tighter_bound():
    module, x = make_vae(), torch.randn(2000, 3)
    with torch.no_grad():
        bounds = [
            sum(term.mean() for term in NegativeELBO(n_draws=n)(module, x).values())
            for n in (1, 5, 50)
        ]
    assert bounds[0] > bounds[1] + 0.01 > bounds[2] + 0.02


def test_each_draw_is_told_the_class_of_its_row(monkeypatch, unit_digits):
    y = np.arange(len(unit_digits)) % 3
    params = {"conditional": True, "n_importance_samples": 4, "likelihood": "bernoulli"}
    module = VAETransformer(2, **QUICK, **params).fit(unit_digits, y).module_
    x, told = torch.from_numpy(unit_digits[:6]).float(), torch.from_numpy(y[:6])
    monkeypatch.setattr(torch, "randn", lambda *shape, **_: torch.zeros(shape))
    with torch.no_grad():
        found = NegativeELBO(n_draws=4)(module, x, told)["reconstruction"]
        expected = module.nll(x, module.output(module.encode(x), told))
        of_others = module.nll(x, module.output(module.encode(x), (told + 1) % 3))
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, of_others)


def test_importance_weighted_training_runs_and_scores(unit_digits):
    params = {**QUICK, "likelihood": "bernoulli", "n_importance_samples": 5}
    vae = VAETransformer(3, **params).fit(unit_digits)
    assert vae.best_loss_ == pytest.approx(-vae.score(unit_digits), rel=0.1)


def make_counts(n_rows=600):
    """Negative binomial counts, whose means lie on a curve."""
    rng = np.random.default_rng(0)
    place = rng.uniform(-2, 2, (n_rows, 1))
    mean = np.exp(1.5 + np.sin(place + np.linspace(0, 3, 20)))
    return rng.negative_binomial(2.0, 2.0 / (2.0 + mean)).astype(float), mean


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
def test_counts_have_means_and_draws(likelihood):
    X, mean = make_counts()
    vae = VAETransformer(2, likelihood=likelihood, hidden_layer_sizes=(32,), random_state=0).fit(X)
    back = vae.inverse_transform(vae.transform(X))
    assert (back > 0).all()
    assert np.mean((back - mean) ** 2) < 0.5 * np.mean((X.mean(axis=0) - mean) ** 2)
    drawn = vae.sample(2000, random_state=0, noise=True)
    np.testing.assert_array_equal(drawn, np.round(drawn))
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), rtol=0.25)
    if likelihood == "negative_binomial":  # as overdispersed as the data
        np.testing.assert_allclose(drawn.var(axis=0).mean(), X.var(axis=0).mean(), rtol=0.3)
        assert vae.score(X) > VAETransformer(
            2, likelihood="poisson", hidden_layer_sizes=(32,), random_state=0
        ).fit(X).score(X)


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


@pytest.mark.parametrize("kind", [{"device": "meta"}, {"dtype": torch.float64}], ids=str)
def test_draws_are_where_the_codes_are_and_as_precise(kind):
    mean = torch.zeros(4, 2, **kind)
    z, log_ratio = draw_many(mean, mean, 3)
    for tensor in (z, log_ratio):
        assert (tensor.device, tensor.dtype) == (mean.device, mean.dtype)
    assert z.is_meta or (z != z.float().double()).any()  # of all its digits
