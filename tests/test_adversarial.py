"""The game is played by its rules."""

import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skae import AdversarialAutoencoder
from skae.objectives import Adversarial

QUICK = {"hidden_layer_sizes": (16,), "discriminator_layer_sizes": (8,), "max_iter": 3}
QUICK = {**QUICK, "random_state": 0}


def test_each_phase_moves_its_own_submodules_only(digits):
    # An annealed rate ends at 0, where nothing moves.
    model = AdversarialAutoencoder(2, learning_rate="constant", **QUICK).fit(digits)
    net, moved = model.net_, {}

    def watch(phase, step):
        before = {n: p.detach().clone() for n, p in model.module_.named_parameters()}
        step()
        after = model.module_.named_parameters()
        moved[phase] = {n.split(".")[0] for n, p in after if not torch.equal(before[n], p)}

    for phase, optimizer in net.optimizers_.items():
        optimizer.step = lambda phase=phase, step=optimizer.step: watch(phase, step)
    x = model.scaling_(torch.from_numpy(digits[:32]))
    net.train_step((x, (None, None)))
    assert moved == {
        "reconstruct": {"encoder", "decoder"},
        "discriminate": {"discriminator"},
        "fool": {"encoder"},
    }


def gradients(module, terms):
    module.zero_grad()
    sum(terms.values()).sum().backward()
    parameters = module.named_parameters()
    return {n.split(".")[0] for n, p in parameters if p.grad is not None and p.grad.any()}


def test_the_discriminator_sees_detached_codes_and_the_encoder_its_own(digits):
    model = AdversarialAutoencoder(2, **QUICK).fit(digits)
    module, x = model.module_, model.scaling_(torch.from_numpy(digits[:32]))
    game = Adversarial()
    assert gradients(module, game.reconstruct(module, x)) == {"encoder", "decoder"}
    assert gradients(module, game.discriminate(module, x)) == {"discriminator"}
    # Its gradient passes through the discriminator, which this phase does not move.
    assert gradients(module, game.fool(module, x)) == {"encoder", "discriminator"}


@pytest.mark.parametrize("logit", [0.0, 2.0])
def test_the_game_in_closed_form(logit, digits):
    module = AdversarialAutoencoder(2, **QUICK).fit(digits).module_
    module.discriminator = nn.Linear(2, 1)
    nn.init.zeros_(module.discriminator.weight)
    nn.init.constant_(module.discriminator.bias, logit)
    x, chance = torch.randn(5, 64), 1 / (1 + math.exp(-logit))
    terms = Adversarial()(module, x)
    assert terms["discrimination"].tolist() == pytest.approx(
        [-math.log(chance) - math.log(1 - chance)] * 5, rel=1e-5
    )
    assert terms["fooling"].tolist() == pytest.approx([-math.log(chance)] * 5, rel=1e-5)


def test_the_discriminator_learns_what_is_drawn(digits):
    """With the two sides swapped the encoder would flee from the prior."""
    far = AdversarialAutoencoder(
        2, prior=lambda n, rng: rng.normal(20, 1, (n, 2)), **{**QUICK, "max_iter": 30}
    )
    codes = far.fit(digits).transform(digits)
    assert codes.mean() > 1


def test_every_optimizer_goes_on_after_a_round_trip(digits):
    model = AdversarialAutoencoder(2, warm_start=True, **QUICK).fit(digits)
    copied = pickle.loads(pickle.dumps(model))
    for one in (model, copied):
        one.partial_fit(digits)
    np.testing.assert_array_equal(model.transform(digits), copied.transform(digits))


def test_epochs_are_judged_by_the_reconstruction(digits):
    model = AdversarialAutoencoder(2, early_stopping=True, **QUICK).fit(digits)
    for row in model.net_.history:
        assert row["valid_loss"] == row["valid_reconstruction"]
        assert row["train_loss"] > row["train_reconstruction"]
