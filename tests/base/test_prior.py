"""Codes that follow a prior."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

from skae import AdversarialAutoencoder, AutoencoderTransformer
from skae._base.prior import PriorMixin
from skae._priors import PRIORS

QUICK = {"hidden_layer_sizes": (16,), "discriminator_layer_sizes": (8,), "max_iter": 3}
QUICK = {**QUICK, "random_state": 0}


def shape_of(codes, drawn):
    """How well a forest tells codes from draws: 0.5 is not at all."""
    rows, sides = np.vstack([codes, drawn]), np.repeat([0, 1], [len(codes), len(drawn)])
    forest = RandomForestClassifier(50, min_samples_leaf=5, random_state=0)
    return cross_val_score(forest, rows, sides, scoring="roc_auc", cv=3).mean()


@pytest.mark.parametrize(
    ("prior", "most", "least"), [("normal", 0.7, 0.72), ("swiss_roll", 0.85, 0.9)]
)
def test_codes_follow_the_prior(prior, most, least):
    X = load_digits().data
    settings = {"hidden_layer_sizes": (64,), "max_iter": 60, "random_state": 0}
    settings = {**settings, "learning_rate_init": 0.003}
    model = AdversarialAutoencoder(2, prior=prior, **settings).fit(X)
    torch.manual_seed(0)
    drawn = model.module_.prior.draw(len(X), 2).numpy()
    plain = AutoencoderTransformer(2, init="random", **settings).fit(X).transform(X)
    plain *= drawn.std() / plain.std()
    assert shape_of(model.transform(X), drawn) < most
    assert shape_of(plain, drawn) > least


def test_a_prior_may_be_a_function_around_another(digits):
    def inner(n_samples):
        return np.zeros((n_samples, 2))

    @functools.wraps(inner)
    def prior(n_samples, random_state):
        return inner(n_samples)

    model = AdversarialAutoencoder(2, prior=prior, **QUICK).fit(digits)
    assert not model._draw_codes(3, np.random.RandomState(0)).any()


def test_samples_are_decoded_draws(digits):
    model = AdversarialAutoencoder(2, **QUICK).fit(digits)
    codes = model._draw_codes(5, np.random.RandomState(3))
    expected = model.inverse_transform(codes.astype(digits.dtype))
    np.testing.assert_allclose(model.sample(5, random_state=3), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("prior", "error", "message"),
    [
        ("uniform", ValueError, "prior"),
        (lambda n, random_state: np.zeros((n, 3)), ValueError, r"gave shape \(2, 3\)"),
        (lambda n, random_state: np.full((n, 2), np.nan), ValueError, "finite codes"),
        (lambda n: np.zeros((n, 2)), TypeError, r"two arguments, \(n_samples, random_state\)"),
    ],
)
def test_a_prior_that_does_not_work_says_so(prior, error, message, digits):
    with pytest.raises(error, match=message):
        AdversarialAutoencoder(2, prior=prior, **QUICK).fit(digits)


class Drawing(PriorMixin):
    """A model that is nothing but its prior."""

    _make_module = _make_objective = None


def drawing(prior, scale=1.0, n_components=3):
    """A fitted model, as far as draws go, whose parameters have been set to others since."""
    fitted = Drawing()
    vars(fitted).update(prior=prior, prior_scale=scale, n_components=n_components)
    model = Drawing()
    vars(model).update(prior="swiss_roll", prior_scale=77.0, _n_features_out=n_components)
    model._start = SimpleNamespace(then=lambda estimator: fitted)
    return model


@pytest.mark.parametrize("prior", PRIORS)
def test_draws_are_those_of_the_prior_of_the_fit_at_its_scale(prior):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one, other = (
        drawing(prior, scale)._draw_codes(500, np.random.RandomState(0)) for scale in (1.0, 2.5)
    )
    np.testing.assert_allclose(other, 2.5 * one, rtol=1e-5)
    again = drawing(prior)._draw_codes(500, np.random.RandomState(0))
    np.testing.assert_array_equal(again, one)
    assert not np.array_equal(drawing(prior)._draw_codes(500, np.random.RandomState(1)), one)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(int(np.random.RandomState(0).randint(np.iinfo(np.int32).max)))
    np.testing.assert_array_equal(PRIORS[prior](1.0).draw(500, 3), one)


def test_the_scale_is_for_priors_with_a_name():
    model = drawing(lambda n_samples, random_state: np.ones((n_samples, 3)), scale=9.0)
    assert (model._draw_codes(4, np.random.RandomState(0)) == 1).all()
