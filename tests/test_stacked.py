"""The stacked denoising autoencoder: layers alone, then together, then with labels."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from skae import AutoencoderClassifier, DenoisingAutoencoder, StackedDenoisingAutoencoder
from skae._training.trainer import Trainer
from skae.architectures import MLP, ConvNet, TorchArchitecture
from skae.losses import squared_error
from skae.objectives import Denoising, LayerDenoising

QUICK = {"hidden_layer_sizes": (48, 32), "layer_max_iter": 4, "max_iter": 3, "random_state": 0}


def test_every_layer_learns(digits):
    model = StackedDenoisingAutoencoder(16, **{**QUICK, "layer_max_iter": 20}).fit(digits)
    assert [len(curve) for curve in model.layer_loss_curves_] == [20, 20, 20]
    assert all(curve[-1] < 0.7 * curve[0] for curve in model.layer_loss_curves_)


def test_a_start_layer_by_layer_is_nearer_than_a_random_one(digits):
    settings = {**QUICK, "max_iter": 1, "learning_rate_init": 0.001}
    stacked = StackedDenoisingAutoencoder(16, **{**settings, "layer_max_iter": 20}).fit(digits)
    del settings["layer_max_iter"]
    plain = DenoisingAutoencoder(
        16, init="random", noise="masking", noise_level=0.25, **settings
    ).fit(digits)
    assert stacked.loss_curve_[0] < 0.8 * plain.loss_curve_[0]


def test_a_layer_moves_itself_only(digits, monkeypatch):
    moved = []
    original = Trainer.train_part

    def spy(self, module, objective, rows, **how):
        parts = module.below, module.encoder
        before = [[p.detach().clone() for p in part.parameters()] for part in parts]
        curve = original(self, module, objective, rows, **how)
        moved.append(
            [
                any(not torch.equal(p, q) for p, q in zip(part.parameters(), old, strict=True))
                for part, old in zip(parts, before, strict=True)
            ]
        )
        return curve

    monkeypatch.setattr(Trainer, "train_part", spy)
    sizes = {"hidden_layer_sizes": (16, 12), "layer_max_iter": 1, "max_iter": 1}
    StackedDenoisingAutoencoder(4, **sizes, random_state=0).fit(digits)
    assert moved == [[False, True]] * 3


def test_the_target_of_a_layer_is_clean():
    class Layer(nn.Module):
        below = staticmethod(lambda x: 2 * x)
        corrupt = staticmethod(lambda h: h + 100)
        encode = staticmethod(lambda h: h - 100)
        output = staticmethod(lambda z: z + 1)

    x = torch.rand(4, 3)
    terms = LayerDenoising("squared_error").reconstruct(Layer, x)
    torch.testing.assert_close(terms["reconstruction"], squared_error(2 * x, 2 * x + 1))


@pytest.mark.parametrize("noise", ["gaussian", "masking", "salt_and_pepper"])
def test_layers_are_corrupted_like_rows(noise, digits, monkeypatch):
    seen = []
    original = LayerDenoising.reconstruct

    def spy(self, module, x, y=None):
        with torch.no_grad():
            h = module.below(x)
            seen.append((h, module.corrupt(h)))
        return original(self, module, x, y)

    monkeypatch.setattr(LayerDenoising, "reconstruct", spy)
    level = 0.3 * digits.std() if noise == "gaussian" else 0.3
    StackedDenoisingAutoencoder(
        8, noise=noise, noise_level=level, hidden_layer_sizes=(32,), layer_max_iter=1, max_iter=1
    ).fit(digits)
    for width in (64, 32):
        pairs = [pair for pair in seen if pair[0].shape[1] == width]
        h, corrupted = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        changed = (h != corrupted).float().mean()
        if noise == "gaussian":
            ratio = (corrupted - h).std() / h.var(dim=0).mean().sqrt()
            assert ratio == pytest.approx(0.3, rel=0.5)
        else:
            assert 0.1 < changed < 0.35


def test_fine_tuned_it_is_a_classifier():
    X, y = load_digits(return_X_y=True)
    scores = []
    for fine_tune in (False, True):
        stacked = StackedDenoisingAutoencoder(32, **{**QUICK, "layer_max_iter": 10})
        model = AutoencoderClassifier(stacked, fine_tune=fine_tune).fit(X[:1300], y[:1300])
        scores.append(model.score(X[1300:], y[1300:]))
    assert scores[1] > max(0.9, scores[0] + 0.02)


@pytest.mark.parametrize(
    "architecture",
    [ConvNet((8, 8)), TorchArchitecture(nn.Linear, nn.Linear)],
    ids=lambda a: type(a).__name__,
)
def test_networks_without_layers_are_refused(architecture, digits):
    with pytest.raises(ValueError, match="needs an architecture whose encoder and decoder"):
        StackedDenoisingAutoencoder(8, architecture=architecture).fit(digits)


def test_an_mlp_with_dropout_has_layers(digits):
    model = StackedDenoisingAutoencoder(8, architecture=MLP((16,), dropout=0.1), **QUICK)
    assert model.fit(digits).transform(digits).shape == (400, 8)
    assert np.isfinite(model.sample(3, random_state=0)).all()


def test_an_interruption_of_a_layer_leaves_no_model(digits, monkeypatch):
    calls = []

    def interrupt(self, module, x, y=None):
        calls.append(len(x))
        if len(calls) == 40:  # in the second epoch
            raise KeyboardInterrupt
        return Denoising.__call__(self, module, module.below(x))

    monkeypatch.setattr(LayerDenoising, "reconstruct", interrupt)
    model = StackedDenoisingAutoencoder(4, **QUICK)
    with pytest.raises(KeyboardInterrupt, match="all layers"):
        model.fit(digits)
    assert not hasattr(model, "net_")
