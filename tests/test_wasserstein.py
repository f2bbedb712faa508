"""The Wasserstein autoencoder: all codes together follow the prior, without a game."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skae import AutoencoderClassifier, WassersteinAutoencoder
from skae.modules import Autoencoder
from skae.objectives import WassersteinReconstruction
from skae.penalties import maximum_mean_discrepancy

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def square(n_samples, random_state):
    """A prior of one's own."""
    return random_state.uniform(-3, 3, (n_samples, 2))


class Numbers:
    """A prior that can be foretold."""

    def draw(self, n_samples, n_components):
        return torch.arange(n_samples * n_components).view(n_samples, n_components).float()


def test_terms_are_the_loss_and_the_weighted_discrepancy():
    torch.manual_seed(0)
    module = Autoencoder(torch.nn.Linear(5, 2), torch.nn.Linear(2, 5)).double()
    x = torch.rand(7, 5, dtype=torch.float64)
    objective = WassersteinReconstruction("absolute_error", alpha=0.7, prior=Numbers(), unit=3.0)
    terms, z = objective(module, x), module.encode(x)
    torch.testing.assert_close(terms["reconstruction"], (module.decode(z) - x).abs().mean(dim=1))
    expected = maximum_mean_discrepancy(z, Numbers().draw(7, 2).double(), 3.0)
    torch.testing.assert_close(terms["discrepancy"], 0.7 * expected)
    assert terms["discrepancy"].dtype == torch.float64


@pytest.mark.parametrize(
    ("prior", "expected"),
    # Twice the variances: of two components; of a petal's place and of what it is long and wide;
    # of a spiral, whose square of the radius is uniform, and its blur; of a square.
    [
        ("normal", 2 * 2),
        ("mixture", 2 * (3.2**2 + 0.5**2 + 0.1**2)),
        ("swiss_roll", 2 * (16 / 2 + 2 * 0.1**2)),
        (square, 2 * 2 * 3),
    ],
)
def test_the_unit_is_the_squared_distance_of_two_draws(prior, expected, digits):
    fits = [
        WassersteinAutoencoder(2, prior=prior, prior_scale=scale, **QUICK).fit(digits)
        for scale in (1.0, 3.0)
    ]
    units = [fit.net_.module_.objective.unit for fit in fits]
    assert units[0] == pytest.approx(expected, rel=0.1)
    assert units[1] == pytest.approx(units[0] * (1 if prior is square else 9))


@pytest.mark.parametrize("prior", ["normal", "mixture", "swiss_roll", square])
def test_codes_follow_the_prior(prior):
    """Without the penalty they do not, even if they are brought to its place and width."""
    X, found = load_digits().data[:1000], []
    settings = {"hidden_layer_sizes": (64,), "max_iter": 25, "random_state": 0}
    for alpha in (0.0, 1.0):
        model = WassersteinAutoencoder(2, prior=prior, alpha=alpha, **settings).fit(X)
        codes, objective = torch.from_numpy(model.transform(X)), model.net_.module_.objective
        torch.manual_seed(0)
        drawn = objective.prior.draw(*codes.shape).double()
        if alpha == 0:
            codes = (codes - codes.mean(dim=0)) / codes.std(dim=0) * drawn.std(dim=0)
            codes += drawn.mean(dim=0)
        found.append(maximum_mean_discrepancy(codes, drawn, objective.unit).mean().item())
    assert found[1] < 0.5 * found[0]
    assert found[1] < 0.04


def test_codes_grow_with_the_prior(digits):
    settings = {"hidden_layer_sizes": (64,), "max_iter": 25, "random_state": 0}
    spreads = [
        WassersteinAutoencoder(2, prior_scale=scale, **settings).fit_transform(digits).std()
        for scale in (0.1, 10.0)
    ]
    assert spreads == pytest.approx([0.1, 10], rel=0.2)


def test_reconstructions_pay_for_the_weight_of_the_discrepancy(digits):
    settings = {"hidden_layer_sizes": (64,), "max_iter": 15, "random_state": 0}
    errors = [
        WassersteinAutoencoder(2, alpha=alpha, **settings).fit(digits).reconstruction_err_
        for alpha in (0.0, 1.0, 100.0)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_samples_are_decoded_draws_of_the_prior(digits):
    model = WassersteinAutoencoder(2, prior="swiss_roll", **QUICK).fit(digits)
    codes = model._draw_codes(500, np.random.RandomState(3))
    assert 3.5 < np.linalg.norm(codes, axis=1).max() < 4.6
    expected = model.inverse_transform(codes.astype(digits.dtype))
    np.testing.assert_allclose(model.sample(500, random_state=3), expected, rtol=1e-6)


def test_refits_and_copies_go_on_to_the_same_bits(digits):
    settings = {**QUICK, "warm_start": True}
    models = [WassersteinAutoencoder(2, prior=square, **settings).fit(digits) for _ in range(2)]
    models.append(pickle.loads(pickle.dumps(models[0])))
    for model in models:
        model.partial_fit(digits)
        np.testing.assert_array_equal(model.transform(digits), models[0].transform(digits))


@pytest.mark.parametrize("batch_size", [1, 2])
def test_batches_may_be_small(batch_size, digits):
    model = WassersteinAutoencoder(2, batch_size=batch_size, **QUICK).fit(digits[:30])
    assert np.isfinite(model.transform(digits)).all()
    pulls = [row["train_discrepancy"] != 0 for row in model.net_.history]
    assert pulls == [batch_size > 1] * 3  # a row alone says nothing of where all codes are


def test_scores_are_of_the_reconstruction_alone(digits):
    model = WassersteinAutoencoder(2, alpha=5.0, **QUICK).fit(digits)
    back = model.inverse_transform(model.transform(digits))
    expected = -((digits - back) ** 2).mean(axis=1)
    np.testing.assert_allclose(model.score_samples(digits), expected, rtol=1e-4)
    for row in model.net_.history:
        assert row["valid_loss"] == row["valid_reconstruction"] + row["valid_discrepancy"]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"alpha": -1.0}, ValueError, "'alpha' parameter"),
        ({"prior": lambda n, random_state: np.zeros((n, 2))}, ValueError, "hardly differ"),
        ({"prior_scale": 1e-20}, ValueError, "larger prior_scale"),
        ({"prior": lambda n, random_state: np.zeros((n, 3))}, ValueError, r"gave shape \(2, 3\)"),
        ({"prior": "mixture", "n_components": 1}, ValueError, "n_components of at least 2"),
    ],
)
def test_what_can_not_be_followed_is_refused(settings, error, message, digits):
    with pytest.raises(error, match=message):
        WassersteinAutoencoder(**{"n_components": 2, **QUICK, **settings}).fit(digits)


def test_it_may_go_on_as_a_classifier(digits):
    y = load_digits().target[:400]
    inner = WassersteinAutoencoder(8, random_state=0, max_iter=10)
    model = AutoencoderClassifier(inner, fine_tune=True, random_state=0)
    few = np.where(np.arange(400) % 2, -1, y)
    assert model.fit(digits, few).score(digits, y) > 0.9
