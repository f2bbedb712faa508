"""A net goes back to where it was, and out of its arrays."""

import numpy as np
import pytest
import torch
from torch import nn

from skae._training.state import _encode, pack, put_values, restore, rests, snapshot, unpack
from skae._training.training import train
from skae.modules import Autoencoder

from .nets import make_model, net_of, rows


def test_a_restored_net_goes_on_as_if_nothing_had_happened():
    nets = []
    for disturbed in (False, True):
        net = net_of(make_model())
        torch.manual_seed(1)
        train(net, rows(), lr=0.01, max_epochs=2, learning_rate="constant")
        state = snapshot(net)
        if disturbed:
            train(net, rows(), lr=1.0, max_epochs=2, learning_rate="annealed")
            restore(net, state)
        torch.manual_seed(2)
        train(net, rows(), lr=0.01, max_epochs=2, learning_rate="constant")
        nets.append(net)
    assert nets[0].history[:, "train_loss"] == nets[1].history[:, "train_loss"]


class Drifting(nn.Linear):
    """A layer of the user's own, half of whose numbers torch would not write."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__(n_inputs, n_outputs)
        self.register_buffer("drift", torch.rand(n_outputs), persistent=False)
        self.register_buffer("rough", torch.rand(n_outputs, dtype=torch.bfloat16))
        self.shift, self.powers, self.table = torch.rand(n_outputs), (1, 2), {"a": [np.arange(3.0)]}
        self.anything = object()  # is no plain value, and stays what the constructor makes

    def forward(self, x):
        if self.training:
            self.drift += 0.01
        return super().forward(x) + self.drift + self.rough.float() + self.shift


def drifting(seed):
    torch.manual_seed(seed)
    return net_of(Autoencoder(Drifting(6, 2), nn.Linear(2, 6)))


def trained_on(net):
    torch.manual_seed(1)
    train(net, rows(), lr=0.01, max_epochs=2, learning_rate="constant")
    return net.history[-1, "train_loss"]


def kinds(value):
    """The types of all that is in containers."""
    parts = value.values() if isinstance(value, dict) else value
    inside = isinstance(value, dict | list | tuple)
    return set().union(*map(kinds, parts)) if inside else {type(value)}


def test_what_is_packed_is_plain_and_goes_on_in_other_nets():
    net = drifting(0)
    trained_on(net)
    packed = pack(net, with_optimizers=True)
    assert kinds(packed) <= {np.ndarray, str, int, float, bool, type(None)}
    x = torch.randn(3, 6)
    expected = net.module_.model.encode(x)
    last = trained_on(net)  # which leaves what was packed alone
    ready, resting = drifting(1), drifting(2)
    unpack(ready, packed, to_train=True)
    unpack(resting, packed, to_train=False)
    assert not rests(ready)
    assert rests(resting)
    again = drifting(3)
    unpack(again, pack(resting, with_optimizers=True), to_train=True)
    for one in (ready, resting, again):
        assert torch.equal(one.module_.model.encode(x), expected)
        encoder = one.module_.model.encoder
        assert (encoder.powers, encoder.table["a"][0].tolist()) == ((1, 2), [0, 1, 2])
        assert len(one.history) == 2
        assert not one.module_.training
    assert trained_on(ready) == trained_on(again) == last


class Counting(nn.Linear):
    """A layer that counts its steps, in a number, and in a buffer that the first of them makes."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__(n_inputs, n_outputs)
        self.n_steps, self.names = 0, {"b", "a", "c", 7, 8}
        self.register_buffer("factor", torch.rand(n_outputs).bfloat16(), persistent=False)

    def forward(self, x):
        if self.training:
            if not hasattr(self, "seen"):
                self.register_buffer("seen", torch.zeros(()))
                self.last = x.mean(dim=0)
            self.n_steps += 1
            self.seen += 1
        x = super().forward(x).to(self.factor.dtype) * self.factor
        return x.float() + self.n_steps + getattr(self, "seen", 0)


def counting(seed=0):
    torch.manual_seed(seed)
    return net_of(Autoencoder(Counting(6, 2), nn.Linear(2, 6)))


def test_the_kept_epoch_has_all_that_its_forward_reads():
    """Also numbers that no torch knows of, and not what has come since."""
    net = counting()
    terms = train(
        net, rows(), rows_val=rows(), lr=0.01, max_epochs=4, learning_rate="constant", patience=4
    )
    assert net.best_epoch_ < 4  # later steps make it worse
    x = rows().held
    with torch.no_grad():
        model = net.module_.model
        error = (model.decode(model.encode(x)) - x).square().mean().item()
    assert terms["loss"] == pytest.approx(error, rel=1e-5)
    assert model.encoder.n_steps == getattr(model.encoder, "seen", 0) == 7 * net.best_epoch_


def test_what_training_makes_comes_back_and_goes_when_that_is_undone():
    net, x = counting(), torch.randn(3, 6)
    start = snapshot(net)
    trained_on(net)
    codes, other = net.module_.model.encode(x), counting(1)
    unpack(other, pack(net, with_optimizers=False), to_train=False)
    assert torch.equal(other.module_.model.encode(x), codes)
    assert other.module_.model.encoder.factor.dtype == torch.bfloat16
    assert torch.equal(other.module_.model.encoder.last, net.module_.model.encoder.last)
    restore(net, start)
    assert not hasattr(net.module_.model.encoder, "seen")
    assert net.module_.model.encoder.n_steps == 0


def test_a_set_is_packed_in_one_order():
    orders = [dict.fromkeys("abcdefg"[::step]) for step in (1, -1)]
    packed = [_encode(set(order)) for order in orders]
    assert packed[0] == packed[1] == ["set", [["value", name] for name in "abcdefg"]]


@pytest.mark.parametrize("name", ["forward", "_parameters", "training"])
def test_values_take_the_place_of_a_modules_own_attributes_only(name):
    with pytest.raises(ValueError, match=f"{name} is no attribute of a module's own"):
        put_values(Drifting(2, 2), {"": {name: ["value", 1]}})
