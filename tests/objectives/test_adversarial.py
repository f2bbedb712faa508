"""The game of an encoder and a discriminator, by hand."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from skae._training.build import make_net
from skae.modules import AdversarialModule
from skae.objectives import Adversarial, AdversarialClustering

from .functions import Apply, number


def softplus(a):
    return math.log1p(math.exp(a))


def test_both_sides_of_the_game_are_told_the_class():
    """The decoder gives the number of the class, and the discriminator takes it for the logit."""
    told = Apply(lambda z: number(z[:, 1:])[:, None])
    prior = SimpleNamespace(draw=torch.zeros)
    module = AdversarialModule(nn.Identity(), told, nn.Identity(), told, prior, 3)
    x, y = torch.zeros(3, 1), torch.tensor([0, 2, -1])
    terms = Adversarial()(module, x, y)
    expected = {
        "reconstruction": [0, 4, 1],
        "discrimination": [softplus(k) + softplus(-k) for k in (0, 2, -1)],
        "fooling": [softplus(-k) for k in (0, 2, -1)],
    }
    assert {name: term.tolist() for name, term in terms.items()} == {
        name: pytest.approx(values) for name, values in expected.items()
    }


def test_draws_of_the_prior_are_as_precise_as_the_codes():
    seen = []

    def judge(codes, y=None):
        seen.append(codes.dtype)
        return codes[:, :1]

    module = SimpleNamespace(
        training=True,
        encode=lambda x: x,
        codes_of=lambda part, x: (x[part], x[part]),
        prior=SimpleNamespace(draw=torch.zeros),
        draw_classes=lambda n_rows: torch.zeros(n_rows, 2).double(),
        judge=judge,
        discriminator=judge,
        class_discriminator=judge,
    )
    x = torch.zeros(3, 2, dtype=torch.float64)
    for game in (Adversarial(), AdversarialClustering()):
        game.discriminate(module, x)
    assert set(seen) == {torch.float64}


def test_the_discriminator_has_no_momentum_and_the_others_have_adams():
    parts = nn.Linear(3, 2), nn.Linear(2, 3), nn.Linear(2, 1)
    prior = SimpleNamespace(draw=torch.zeros)
    module = AdversarialModule(*parts[:2], nn.Identity(), parts[2], prior, 0)
    net = make_net(module, Adversarial(), lr=0.01, batch_size=10, device="cpu")
    net.initialize()
    momentum = {name: one.param_groups[0]["betas"][0] for name, one in net.optimizers_.items()}
    assert momentum == {"reconstruct": 0.9, "discriminate": 0.0, "fool": 0.9}
    # What a user sets is no less than that.
    net = make_net(
        module,
        Adversarial(),
        lr=0.01,
        batch_size=10,
        device="cpu",
        net_params={"optimizer__betas": (0.5, 0.9)},
    )
    net.initialize()
    assert {one.param_groups[0]["betas"][0] for one in net.optimizers_.values()} == {0.5}
