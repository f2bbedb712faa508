"""A variational autoencoder with a class: what it minimizes, and what it makes of few labels."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from torch import nn

from skae import VAEClassifier, VAETransformer
from skae._base.applying import in_float64
from skae.losses import LIKELIHOODS
from skae.objectives import SemiSupervisedELBO
from skae.penalties import gaussian_kl

TARGET = load_digits().target[:400]
FEW = np.where(np.arange(400) < 100, TARGET, -1)
QUICK = {"hidden_layer_sizes": (32,), "max_iter": 5, "random_state": 0}


@pytest.fixture
def fitted(digits):
    return VAEClassifier(3, **QUICK).fit(digits, FEW)


def without_noise(monkeypatch):
    monkeypatch.setattr("skae.objectives._semi_supervised_elbo.draw", lambda mean, log_var: mean)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_class_of_unlabelled_rows_is_summed_out(likelihood, unit_digits, monkeypatch):
    """Each class in a pass of its own gives what the objective has from one."""
    model = VAEClassifier(3, likelihood=likelihood, **QUICK).fit(unit_digits, FEW)
    without_noise(monkeypatch)
    module, x = model.module_, model.scaling_(torch.from_numpy(unit_digits[:20]))
    module.shift.weight.data.normal_()
    terms = SemiSupervisedELBO()(module, x, torch.zeros(0, dtype=torch.long))
    q = module.classify(x).softmax(dim=1)
    shares = np.bincount(TARGET[:100]) / 100
    expected = torch.zeros(20)
    for number in range(10):
        y = torch.full((20,), number)
        mean, log_var = module.posterior(x, y)
        told = torch.cat([mean, nn.functional.one_hot(y, 10)], dim=1)
        nll = LIKELIHOODS[likelihood](x, module.decoder(told), module.link.parameter)
        cost = nll + gaussian_kl(mean, log_var) - math.log(shares[number])
        expected += q[:, number] * (cost + q[:, number].log())
    torch.testing.assert_close(sum(terms.values()), expected)


def test_a_labelled_row_counts_as_its_class(fitted, digits, monkeypatch):
    without_noise(monkeypatch)
    module, x = fitted.module_, fitted.scaling_(torch.from_numpy(digits[:20]))
    y = torch.from_numpy(TARGET[14:20])
    module.shift.weight.data.normal_()
    module.calibration.reset()
    y = (module.classify(x[14:]).argmax(dim=1) + y % 2) % 10  # some as predicted, some not
    terms = SemiSupervisedELBO(weight=3.0, share=0.25)(module.train(), x, y)
    mean, log_var = module.posterior(x[14:], y)
    nll = LIKELIHOODS["gaussian"](x[14:], module.output(mean, y), module.link.parameter)
    expected = nll + gaussian_kl(mean, log_var) - module.log_shares[y]
    torch.testing.assert_close(terms["labelled"].mean(), 0.25 * expected.mean())
    entropy = nn.functional.cross_entropy(module.classify(x[14:]), y)
    torch.testing.assert_close(terms["classification"].mean(), 3 * entropy)
    assert not terms["labelled"][:14].any()
    assert not terms["classification"][:14].any()
    judged = SemiSupervisedELBO(weight=3.0)(module.eval(), x, y)["classification"]
    torch.testing.assert_close(judged.mean(), entropy)


def test_unlabelled_rows_bring_no_gradient_of_a_class(fitted):
    x = torch.randn(32, 64, requires_grad=True)
    terms = SemiSupervisedELBO()(fitted.module_, x, torch.arange(8))
    (terms["classification"] + terms["labelled"]).sum().backward()
    assert not x.grad[:24].any()
    assert x.grad[24:].any(dim=1).all()


def test_labelled_rows_count_once(digits):
    """As in the likelihood: not as much as all rows together."""
    weight = np.where(np.arange(400) < 100, 2.0, 1.0)
    model = VAEClassifier(3, **QUICK).fit(digits, FEW, weight)
    assert model.net_.module_.objective.share == pytest.approx(200 / 500)


def test_unlabelled_rows_are_of_no_class(fitted):
    """-1 as a place would be the last class."""
    module, x = fitted.module_, torch.randn(32, 64)
    y = torch.tensor([0, 3, 5])
    module.zero_grad()
    SemiSupervisedELBO()(module, x, y)["labelled"].sum().backward()
    assert module.shift.weight.grad.any(dim=1).nonzero().squeeze(1).tolist() == [0, 3, 5]


def test_styles_are_those_of_the_likeliest_class(fitted, digits):
    module, x = fitted.module_, fitted.scaling_(torch.from_numpy(digits[:50]))
    module.shift.weight.data.normal_()
    mean, _ = module.posterior(x, module.classify(x).argmax(dim=1))
    np.testing.assert_allclose(fitted.transform(digits[:50]), mean.detach(), rtol=1e-5, atol=1e-5)


def test_epochs_are_compared_by_classes(digits):
    settings = {**QUICK, "classification_weight": 0, "early_stopping": True}
    model = VAEClassifier(3, **settings).fit(digits, TARGET)
    assert all(score < 0 for score in model.validation_scores_)


def test_scores_are_in_double_precision(fitted, digits):
    _, dtype = in_float64(fitted.module_, fitted._row_scores, 64)
    assert dtype == torch.float64
    alone = [fitted.score_samples(row[None])[0] for row in digits[:5]]
    np.testing.assert_allclose(alone, fitted.score_samples(digits)[:5], rtol=1e-12)


def test_scores_are_likelihoods(fitted, digits):
    """A decoder that ignores style and class gives one normal density, whatever is summed over."""
    module = fitted.module_
    decoder = module.decoder[0] if isinstance(module.decoder[0], nn.Sequential) else module.decoder
    nn.init.zeros_(decoder[-1].weight)
    nn.init.zeros_(decoder[-1].bias)
    variance = module.link.parameter.exp().item()
    x = fitted.scaling_(torch.from_numpy(digits[:5])).double()
    bounded = module.output(torch.zeros(1, 3), torch.zeros(1, dtype=torch.long))[0].detach()
    expected = multivariate_normal(bounded.double(), variance * np.eye(64)).logpdf(x)
    expected -= 64 * math.log(fitted.scaling_.scale.item())
    # The posterior is the prior here only if it is set so; importance weights mend the rest.
    nn.init.zeros_(module.encoder[-1].weight)
    nn.init.zeros_(module.encoder[-1].bias)
    nn.init.zeros_(module.shift.weight)
    np.testing.assert_allclose(fitted.score_samples(digits[:5]), expected, rtol=1e-5)


def test_scores_are_above_the_bound(digits):
    model = VAEClassifier(3, early_stopping=True, **QUICK).fit(digits, FEW)
    x = model.scaling_(torch.from_numpy(digits))
    with torch.no_grad():
        torch.manual_seed(0)
        terms = SemiSupervisedELBO()(model.module_, x, torch.zeros(0, dtype=torch.long))
    bound = -sum(terms.values()).mean().item() - 64 * math.log(model.scaling_.scale.item())
    assert bound < model.score_samples(digits).mean() < bound + 10


def test_unlabelled_rows_help():
    X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    few = np.where(np.arange(len(y)) < 50, y, -1)
    model = VAEClassifier(max_iter=40, random_state=0).fit(X, few)
    alone = LogisticRegression(max_iter=1000).fit(X[:50], y[:50])
    assert model.score(X_test, y_test) > alone.score(X_test, y_test) + 0.03


def test_styles_are_rendered_as_any_class():
    X, y = load_digits(return_X_y=True)
    model = VAEClassifier(3, max_iter=20, random_state=0)
    model.fit(X, np.where(np.arange(len(y)) < 300, y, -1))
    judge = LogisticRegression(max_iter=1000).fit(X / 16, y)
    styles, asked = model.transform(X[:100]).repeat(10, axis=0), np.tile(np.arange(10), 100)
    assert (judge.predict(model.inverse_transform(styles, asked) / 16) == asked).mean() > 0.85
    drawn = model.sample(300, random_state=0, y=asked[:300])
    assert (judge.predict(drawn / 16) == asked[:300]).mean() > 0.85


def test_it_stacks_on_a_vae(digits):
    """M1+M2: scikit-learn's Pipeline is all it takes, unlabelled rows included."""
    vae = VAETransformer(10, **QUICK)
    model = make_pipeline(vae, VAEClassifier(5, **{**QUICK, "max_iter": 20})).fit(digits, FEW)
    assert model.predict(digits[100:]).shape == (300,)
    assert model.score(digits[100:], TARGET[100:]) > 0.5
    codes = model[-1].inverse_transform(np.zeros((10, 5)), np.arange(10))
    assert model[0].inverse_transform(codes).shape == (10, 64)
