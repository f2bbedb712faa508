"""Class and style codes, each held against its prior."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

from skae import AdversarialAutoencoderClassifier
from skae.architectures import TorchArchitecture
from skae.modules import AdversarialClassifierModule
from skae.objectives import AdversarialClassification

TARGET = load_digits().target[:400]
QUICK = {"hidden_layer_sizes": (16,), "discriminator_layer_sizes": (8,), "max_iter": 3}
QUICK = {**QUICK, "random_state": 0, "learning_rate": "constant"}


@pytest.fixture
def fitted(digits):
    few = np.where(np.arange(400) < 50, TARGET, -1)
    return AdversarialAutoencoderClassifier(2, **QUICK).fit(digits, few)


def test_each_phase_moves_its_own_submodules_only(fitted, digits):
    moved = {}

    def watch(phase, step):
        before = {n: p.detach().clone() for n, p in fitted.module_.named_parameters()}
        step()
        after = fitted.module_.named_parameters()
        moved[phase] = {n.split(".")[0] for n, p in after if not torch.equal(before[n], p)}

    for phase, optimizer in fitted.net_.optimizers_.items():
        optimizer.step = lambda phase=phase, step=optimizer.step: watch(phase, step)
    x = fitted.scaling_(torch.from_numpy(digits[:32]))
    fitted.net_.train_step((x, (torch.from_numpy(TARGET[24:32]), None)))
    assert moved == {
        "reconstruct": {"encoder", "decoder"},
        "discriminate": {"discriminator", "class_discriminator"},
        "fool": {"encoder"},
        "classify": {"encoder"},
    }


def gradients(module, terms):
    module.zero_grad()
    sum(terms.values()).sum().backward()
    parameters = module.named_parameters()
    return {n.split(".")[0] for n, p in parameters if p.grad is not None and p.grad.any()}


def test_discriminators_see_detached_codes(fitted):
    module, x, y = fitted.module_, torch.randn(32, 64), torch.arange(8)
    game = AdversarialClassification()
    discriminators = {"discriminator", "class_discriminator"}
    assert gradients(module, game.discriminate(module, x, y)) == discriminators
    assert gradients(module, game.fool(module, x, y)) == discriminators | {"encoder"}
    assert gradients(module, game.classify(module, x, y)) == {"encoder"}
    assert gradients(module, game.reconstruct(module, x, y)) == {"encoder", "decoder"}


def test_unlabelled_rows_bring_no_gradient_of_a_class(fitted):
    module, y = fitted.module_, torch.arange(8)
    x = torch.randn(32, 64, requires_grad=True)
    AdversarialClassification().classify(module, x, y)["classification"].sum().backward()
    assert not x.grad[:24].any()
    assert x.grad[24:].any(dim=1).all()


def test_terms_are_means_of_their_rows(fitted):
    module, x, y = fitted.module_, torch.randn(32, 64), torch.arange(8)
    for discriminator in (module.discriminator, module.class_discriminator):
        nn.init.zeros_(discriminator[-1].weight)
        nn.init.zeros_(discriminator[-1].bias)
    terms = AdversarialClassification()(module, x, y)
    assert terms["discrimination"].mean().item() == pytest.approx(4 * math.log(2), rel=1e-5)
    assert terms["fooling"].mean().item() == pytest.approx(2 * math.log(2), rel=1e-5)
    entropy = nn.functional.cross_entropy(module.classify(x[24:]), y)
    torch.testing.assert_close(terms["classification"].mean(), entropy)


def test_rows_with_labels_are_seen_once_as_unlabelled(fitted):
    """Those at the end of a batch are there for their class only."""
    module, x, y = fitted.module_.eval(), torch.randn(32, 64), torch.arange(8)
    module.prior = SimpleNamespace(draw=torch.ones)
    module.draw_classes = lambda n_rows: torch.eye(10)[torch.arange(n_rows) % 10]
    game = AdversarialClassification()
    for phase in (game.reconstruct, game.discriminate, game.fool):
        (term,) = phase(module, x, y).values()
        (alone,) = phase(module, x[:24]).values()
        assert term.shape == (32,)
        assert not term[24:].any()
        torch.testing.assert_close(term[:24], alone * 32 / 24)


def codes_of_rows(noise_level):
    """Three numbers of a row are its style, two the logits."""
    same, shares = nn.Identity(), torch.full((2,), 0.5)
    return AdversarialClassifierModule(
        same, same, None, shares, noise_level, None, same, None, None, 2
    )


def test_noise_has_its_level():
    module = codes_of_rows(noise_level=0.3)
    x = torch.zeros(20_000, 5)
    styles, logits = module.train().codes(x)
    assert styles.shape == (20_000, 3)
    assert torch.cat([styles, logits], dim=1).std().item() == pytest.approx(0.3, rel=0.02)
    assert torch.equal(module.eval().codes(x)[0], x[:, :3])


def test_the_encoder_gives_the_style_and_then_the_class():
    module = codes_of_rows(noise_level=0.0)
    x = torch.arange(5.0)[None]
    assert module.encode(x).tolist() == [[0, 1, 2]]
    assert module.classify(x).tolist() == [[3, 4]]


def test_classes_are_drawn_as_often_as_the_labels_have_them(digits):
    y = np.where(np.arange(400) < 40, 0, np.where(np.arange(400) < 50, 1, -1))
    model = AdversarialAutoencoderClassifier(2, **QUICK).fit(digits, y)
    drawn = model.module_.draw_classes(5000)
    assert drawn.sum(dim=1).eq(1).all()
    assert drawn.mean(dim=0).tolist() == pytest.approx([0.8, 0.2], abs=0.03)


def test_styles_are_rendered_as_any_class_and_codes_decide():
    X, y = load_digits(return_X_y=True)
    few = np.where(np.arange(len(y)) < 300, y, -1)
    model = AdversarialAutoencoderClassifier(2, max_iter=30, random_state=0).fit(X, few)
    judge = LogisticRegression(max_iter=3000).fit(X, y)
    styles = model.transform(X[:100])
    read = [(judge.predict(model.inverse_transform(styles, k)) == k).mean() for k in range(10)]
    assert np.mean(read) > 0.8
    assert (judge.predict(model.sample(100, 0, y=4)) == 4).mean() > 0.7
    assert model.score(X[300:], y[300:]) > 0.9
    with pytest.raises(ValueError, match="not learned to decode"):
        model.inverse_transform(styles, -1)


def test_parts_of_a_stream_may_lack_labels(digits):
    model = AdversarialAutoencoderClassifier(2, **QUICK)
    model.partial_fit(digits, np.full(400, -1), classes=range(10))
    assert model._known_labels.shares == pytest.approx([0.1] * 10)
    model.partial_fit(digits, TARGET)
    assert model.classes_.tolist() == list(range(10))
    with pytest.raises(ValueError, match="not there at the start"):
        model.partial_fit(digits, TARGET + 5)


def test_one_label_may_stand_beside_rows_that_a_batch_normalization_needs(digits):
    def network(n_inputs, n_outputs):
        return nn.Sequential(nn.Linear(n_inputs, 8), nn.BatchNorm1d(8), nn.Linear(8, n_outputs))

    architecture = TorchArchitecture(network, network)
    model = AdversarialAutoencoderClassifier(2, architecture=architecture, **QUICK)
    y = np.where(np.arange(400) < 50, TARGET, -1)
    assert model.set_params(labelled_batch_size=1).fit(digits, y).score(digits, TARGET) > 0
    with pytest.raises(ValueError, match="Let batch_size be 2 or more"):
        model.set_params(batch_size=1).fit(digits, y)
