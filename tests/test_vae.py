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


def test_the_warm_up_raises_the_divergence_epoch_by_epoch(unit_digits):
    params = {**QUICK, "max_iter": 6, "likelihood": "bernoulli", "early_stopping": False}
    params["learning_rate_init"] = 1e-12  # so that nothing else changes
    vae = VAETransformer(2, kl_warmup=3, n_importance_samples=1, **params).fit(unit_digits)
    kl = np.array(vae.net_.history[:, "train_kl"])
    # 50 steps an epoch, from 0 in the first one up to 1 after three epochs
    rising = np.arange(150).reshape(3, 50).mean(axis=1) / 150
    np.testing.assert_allclose(kl / kl[-1], [*rising, 1, 1, 1], rtol=0.02)


def test_a_warm_up_goes_on_from_one_partial_fit_to_the_next(unit_digits):
    params = {**QUICK, "likelihood": "bernoulli", "learning_rate_init": 1e-12}
    vae = VAETransformer(2, kl_warmup=3, n_importance_samples=1, n_rehearsed=0, **params)
    for _ in range(5):
        vae.partial_fit(unit_digits)
    kl = np.array(vae.net_.history[:, "train_kl"])
    rising = np.arange(150).reshape(3, 50).mean(axis=1) / 150
    np.testing.assert_allclose(kl / kl[-1], [*rising, 1, 1], rtol=0.02)


@pytest.mark.filterwarnings("ignore:The code is not used")
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


@pytest.mark.parametrize("kind", [{"device": "meta"}, {"dtype": torch.float64}], ids=str)
def test_draws_are_where_the_codes_are_and_as_precise(kind):
    mean = torch.zeros(4, 2, **kind)
    z, log_ratio = draw_many(mean, mean, 3)
    for tensor in (z, log_ratio):
        assert (tensor.device, tensor.dtype) == (mean.device, mean.dtype)
    assert z.is_meta or (z != z.float().double()).any()  # of all its digits
