import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

import skae._training.optimizer
from skae._training.optimizer import FusedAdam


def steps(optimizer, model, x, n_steps):
    for _ in range(n_steps):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


@pytest.fixture
def models():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 5))
        return model, copy.deepcopy(model), torch.randn(20, 5)


def assert_same(model, other):
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"weight_decay": 0.1},
        {"betas": (0.5, 0.9)},
        {"amsgrad": True},
        {"maximize": True},
        {"fused": False},
        {"foreach": True},
        {"eps": 1e-2},
    ],
    ids=str,
)
def test_steps_are_those_of_adam(settings, models):
    model, other, x = models
    steps(FusedAdam(model.parameters(), lr=0.01, **settings), model, x, 5)
    steps(torch.optim.Adam(other.parameters(), lr=0.01, **settings), other, x, 5)
    assert_same(model, other)


def test_groups_learning_rates_and_frozen_parameters_are_those_of_adam(models):
    model, other, x = models
    for m, cls in ((model, FusedAdam), (other, torch.optim.Adam)):
        optimizer = cls([{"params": m[0].parameters()}, {"params": m[2].parameters(), "lr": 0.1}])
        steps(optimizer, m, x, 3)
        optimizer.param_groups[1]["lr"] = 0.01
        steps(optimizer, m, x, 3)
        m[0].requires_grad_(False)
        steps(optimizer, m, x, 3)
        m[0].requires_grad_(True)
        steps(optimizer, m, x, 3)
    assert_same(model, other)


@pytest.mark.filterwarnings("ignore:You are using `torch.load`:FutureWarning")  # torch 2.4
def test_states_go_back_and_forth(models):
    model, other, x = models
    mine = FusedAdam(model.parameters(), lr=0.01)
    theirs = torch.optim.Adam(other.parameters(), lr=0.01)
    steps(mine, model, x, 4)
    steps(theirs, other, x, 4)
    for (_, a), (_, b) in zip(mine.state.items(), theirs.state.items(), strict=True):
        assert a["step"] == b["step"] == 4
    state = copy.deepcopy(mine.state_dict())
    mine.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(state)
    steps(mine, model, x, 4)
    steps(theirs, other, x, 4)
    assert_same(model, other)
    model, mine = pickle.loads(pickle.dumps((model, mine)))
    steps(mine, model, x, 4)
    steps(theirs, other, x, 4)
    assert_same(model, other)


def test_works_without_the_kernel(models, monkeypatch):
    monkeypatch.setattr(skae._training.optimizer, "_KERNEL", None)
    test_steps_are_those_of_adam({}, models)


def test_a_fit_does_not_load_the_compiler():
    code = (
        "import sys, numpy as np; from skae import AutoencoderTransformer as A;"
        "A(2, max_iter=2).fit(np.random.default_rng(0).normal(size=(60, 5)));"
        "print('torch._dynamo' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "False\n"


def test_weights_in_any_memory_layout():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        x = torch.randn(5, 3, 6, 6)
    other = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
    steps(FusedAdam(model.parameters()), model, x, 3)
    steps(torch.optim.Adam(other.parameters()), other, x, 3)
    assert_same(model, other)
