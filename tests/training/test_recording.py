"""Recorded steps: the same numbers as plain ones, or no recording."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skae import (
    AdversarialAutoencoder,
    AdversarialAutoencoderClassifier,
    AdversarialAutoencoderClustering,
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    LadderClassifier,
    SemanticHashing,
    SparseAutoencoder,
    VAEClassifier,
    VAETransformer,
    WassersteinAutoencoder,
)
from skae._training import net, precision, recording
from skae._training.recording import Recorder, Recording
from skae.architectures import MLP, ConvNet, TorchArchitecture

QUICK = {"max_iter": 2, "batch_size": 20, "random_state": 0}
SMALL = {"hidden_layer_sizes": (10,), **QUICK}
DROPOUT = {"architecture": MLP((10,), dropout=0.3), **QUICK}
SLOPES = TorchArchitecture(lambda n, k: nn.Sequential(nn.Linear(n, k), nn.RReLU()), nn.Linear)
IMAGES = {"architecture": ConvNet((8, 8), channels=(4,)), **QUICK}
MODELS = {
    "plain": AutoencoderTransformer(3, **SMALL),
    "dropout": AutoencoderTransformer(3, **DROPOUT),
    "convolutions": AutoencoderTransformer(3, **IMAGES),
    "slopes at random": AutoencoderTransformer(3, architecture=SLOPES, **QUICK),
    "pictures": ContractiveAutoencoder(3, **IMAGES),
    "masked": DenoisingAutoencoder(3, noise="masking", **SMALL),
    "contractive": ContractiveAutoencoder(3, **SMALL),
    "fewer and fewer": SparseAutoencoder(8, penalty="k", n_nonzero_coefs=2, **SMALL),
    "sparse": SparseAutoencoder(8, penalty="kl", **SMALL),
    "bits": SemanticHashing(8, **SMALL),
    "discrepancy": WassersteinAutoencoder(3, **SMALL),
    "variational": VAETransformer(3, kl_warmup=1, n_importance_samples=3, **SMALL),
    "mixed": VAETransformer(3, likelihood="mixed", **SMALL),
    "told": VAETransformer(3, conditional=True, **SMALL),
    "game": AdversarialAutoencoder(3, **SMALL),
    "clusters": AdversarialAutoencoderClustering(4, n_components=3, **SMALL),
    "classifying game": AdversarialAutoencoderClassifier(3, calibrated=False, **SMALL),
    "evidence": VAEClassifier(3, calibrated=False, **SMALL),
    "ladder": LadderClassifier(hidden_layer_sizes=(10,), **QUICK),
}
MODELS |= {
    f"{name} in bf16": clone(MODELS[name]).set_params(precision="bfloat16")
    for name in ("plain", "convolutions", "variational")
}


@pytest.fixture
def replays(monkeypatch):
    """How often anything was replayed, as a list of the refusals of what was recorded."""
    found = []
    replay = Recording.replay

    def noted(self, inputs):
        found.append(self.refusal)
        return replay(self, inputs)

    monkeypatch.setattr(Recording, "replay", noted)
    monkeypatch.setattr(net, "MIN_RECORDED_STEPS", 0)
    return found


def _learned(model, X, **given):
    model.fit(X, **given)
    weights = {name: value.numpy() for name, value in model.module_.state_dict().items()}
    scores = np.array(model.validation_scores_)
    return {"losses": np.array(model.loss_curve_), "scores": scores, **weights}


@pytest.mark.parametrize("name", MODELS)
def test_the_numbers_are_those_of_plain_steps(name, digits, replays, monkeypatch):
    X, model = digits[:125], MODELS[name]
    monkeypatch.setattr(precision, "what_is_missing", lambda device: None)
    if name not in ("convolutions", "convolutions in bf16", "pictures"):
        X = X[:, 3:]  # so that rows do not begin where numbers for a processor's vectors do
    y = np.where(np.arange(len(X)) < 60, np.arange(len(X)) % 3, -1)
    given = {"sample_weight": np.linspace(1, 3, len(X))} if name == "plain" else {}
    if name in ("told", "classifying game", "evidence", "ladder"):
        given["y"] = y
    with monkeypatch.context() as plain:
        plain.setattr(recording, "_may_change", lambda module: True)
        expected = _learned(model, X, **given)
    assert not replays
    found = _learned(model, X, **given)
    assert len(replays) >= 5 or name == "fewer and fewer"
    for part, value in expected.items():
        np.testing.assert_array_equal(found[part], value, err_msg=part)


class Doubling(nn.Linear):
    """A layer that does something else in each call."""

    factor = 1.0

    def forward(self, x):
        self.factor *= 1.1
        return self.factor * super().forward(x)


def _hooked(n_inputs, n_outputs):
    layer = nn.Linear(n_inputs, n_outputs)
    layer.register_forward_hook(lambda layer, args, output: output + torch.rand(()).item())
    return layer


def _watched(n_inputs, n_outputs):
    layer = nn.Linear(n_inputs, n_outputs)
    layer.weight.register_hook(lambda gradient: 2 * gradient)
    return layer


def _patched(n_inputs, n_outputs):
    layer = nn.Linear(n_inputs, n_outputs)
    layer.forward = lambda x: 2 * (x @ layer.weight.T)
    return layer


@pytest.mark.parametrize("layer", [Doubling, _hooked, _watched, _patched])
def test_what_may_change_is_not_replayed(layer, digits, replays):
    architecture = TorchArchitecture(layer, nn.Linear)
    AutoencoderTransformer(3, architecture=architecture, **QUICK).fit(digits[:100])
    assert not replays


def test_what_looks_at_values_is_not_replayed(digits, replays):
    X = digits[:100].copy()
    X[::3, 20] = np.nan
    model = AutoencoderTransformer(3, allow_nan=True, **SMALL).fit(X)
    assert not replays
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_what_was_not_the_same_twice_is_not_replayed():
    drawn = np.random.RandomState(0)
    recorder = Recorder(nn.Identity(), wanted=True)

    def add_noise(name, x):
        return x + torch.from_numpy(drawn.normal(size=3))

    found = [recorder("noisy", add_noise, torch.zeros(3)).tolist() for _ in range(5)]
    np.testing.assert_array_equal(found, np.random.RandomState(0).normal(size=(5, 3)))


def test_a_function_may_end_all_replays():
    recorder, found = Recorder(nn.Identity(), wanted=True), []

    def count(name, x):
        found.append(x)
        if len(found) == 2:
            recorder.stop()
        return x + len(found)

    assert [recorder("count", count, torch.zeros(1)).item() for _ in range(4)] == [1, 2, 3, 4]


def test_numbers_in_the_code_that_are_changed_are_refused():
    def fill(x):
        return x + torch.tensor([1.0, 2.0]).mul_(2)

    assert "numbers of the code" in Recording(fill, [torch.zeros(2)]).refusal


def _step(x, weight):
    """Views, constants, a value nobody reads, numbers at random, and one that goes on."""
    unread = x.exp()
    shares = torch.ones_like(x[:, 0]).expand(len(x)) / len(x)
    noise = torch.randn_like(x).t().contiguous().t()
    weight += 1
    total = torch.zeros(x.shape[1]).add_(x.sum(dim=0))
    del unread
    return {"mean": (weight * x + noise).t() @ shares, "total": total}


def test_a_program_does_what_the_function_does():
    x, weight = torch.rand(2, 5, 3), torch.zeros(3)
    made = Recording(lambda x: _step(x, weight), [x[0]])
    made.compile()
    torch.manual_seed(0)
    found = made.replay([x[1]])
    assert weight.tolist() == [2, 2, 2]
    torch.manual_seed(0)
    expected = _step(x[1], torch.ones(3))
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
    assert len(made.program) < 12  # the exponential, the shares and the views are left out


def test_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(recording, "MAX_BYTES", 100)
    assert Recording(lambda x: x + 1, [torch.zeros(20)]).refusal is None
    assert "memory" in Recording(lambda x: x + 1, [torch.zeros(40)]).refusal


def test_a_recorder_forgets_what_is_long_past(monkeypatch):
    monkeypatch.setattr(recording, "MAX_RECORDINGS", 2)
    recorder = Recorder(nn.Identity(), wanted=True)
    for _ in range(4):
        for number in range(4):
            found = recorder(number, torch.add, torch.ones(2))
            assert found.tolist() == [number + 1] * 2
    assert len(recorder.recordings) == 2


def test_nothing_is_left_of_it(digits):
    model = AutoencoderTransformer(3, **SMALL).fit(digits[:100])
    assert not model.net_.recorder_.is_on
    assert not model.net_.judge_.is_on
    assert pickle.loads(pickle.dumps(model)).transform(digits[:2]).shape == (2, 3)
    assert all(parameter.grad is None for parameter in model.module_.parameters())
