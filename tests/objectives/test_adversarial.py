"""The game of an encoder and a discriminator, by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from skae._training.build import make_net
from skae._training.training import train
from skae.modules import AdversarialModule
from skae.objectives import Adversarial, AdversarialClustering

from ..training.nets import rows
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


def test_the_encoder_takes_small_steps_where_codes_can_hardly_be_told():
    """Rows are their own codes, so that nothing but the game moves the encoder."""

    def moved(slope, rate=1e-6):
        parts = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)
        for layer, weight in zip(parts, (torch.eye(2), torch.eye(2), slope), strict=True):
            nn.init.zeros_(layer.bias)
            layer.weight.data[:] = weight
        encoder, decoder, discriminator = parts
        prior = SimpleNamespace(draw=torch.zeros)
        module = AdversarialModule(encoder, decoder, nn.Identity(), discriminator, prior, 0)
        net = make_net(module, Adversarial(), lr=rate, batch_size=10, device="cpu")
        train(net, rows(np.ones((40, 2))), lr=rate, max_epochs=4, learning_rate="constant")
        return (encoder.bias.abs().max() / rate).item()

    assert moved(1.0) > 5 > 1 > moved(1e-6)


@pytest.mark.parametrize(("width", "share"), [(8, 1.0), (256, 1.0), (1024, 0.25)])
def test_the_sides_of_a_game_of_wide_layers_take_smaller_steps(width, share):
    parts = (
        nn.Linear(3, 2),
        nn.Linear(2, 3),
        nn.Sequential(nn.Linear(2, width), nn.Linear(width, 1)),
    )
    prior = SimpleNamespace(draw=torch.zeros)
    module = AdversarialModule(*parts[:2], nn.Identity(), parts[2], prior, 0)
    net = make_net(module, Adversarial(), lr=0.01, batch_size=10, device="cpu")
    net.initialize()
    rates = {name: one.param_groups[0]["lr"] for name, one in net.optimizers_.items()}
    game = pytest.approx(0.01 * share)
    assert rates == {"reconstruct": 0.01, "discriminate": game, "fool": game}
