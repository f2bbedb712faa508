"""What is kept of a training, and when it ends."""

import copy
import math

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skae._training.best import KeepBest
from skae._training.build import make_net
from skae._training.training import train
from skae.objectives import Reconstruction

from .nets import Scripted, X, make_model, net_of, rows


def test_the_best_epoch_is_kept_the_start_included():
    model = make_model()
    start = copy.deepcopy(model.state_dict())
    net = net_of(model)
    terms = train(
        net, rows(), rows_val=rows(), lr=3.0, max_epochs=50, learning_rate="constant", patience=4
    )
    assert len(net.history) == 4
    assert terms["loss"] < min(net.history[:, "valid_loss"])
    for name, value in model.state_dict().items():
        assert torch.equal(value, start[name])


def test_an_epoch_in_the_middle_is_kept_where_it_is_the_best():
    model, watch = make_model(), Weights()
    net = net_of(model, callbacks=[watch])
    held_out = rows(np.random.default_rng(1).normal(size=(20, 6)))
    train(
        net,
        rows(X[:10]),
        rows_val=held_out,
        lr=0.02,
        max_epochs=60,
        learning_rate="constant",
        patience=20,
    )
    best = int(np.argmin(net.history[:, "valid_loss"]))
    assert 0 < best < len(net.history) - 1
    for name, value in model.state_dict().items():
        assert torch.equal(value, watch.after[best][name])


class Weights(Callback):
    """Note the weights after each epoch."""

    def __init__(self):
        self.after = []

    def on_epoch_end(self, net, **kwargs):
        self.after.append(copy.deepcopy(net.module_.model.state_dict()))


def test_epochs_of_a_warm_up_do_not_count():
    class Rising(Reconstruction):
        warmup_epochs = 6

    net = make_net(make_model(), Rising(), lr=0.01, batch_size=8, device="cpu")
    train(
        net,
        rows(),
        rows_val=rows(),
        lr=1e-12,  # no epoch is better
        max_epochs=50,
        learning_rate="constant",
        patience=2,
        tol=1e-4,
    )
    assert len(net.history) == 8


def test_patience_counts_epochs_without_progress():
    net = net_of(make_model())
    train(
        net,
        rows(),
        rows_val=rows(),
        lr=1e-9,
        max_epochs=50,
        learning_rate="constant",
        patience=3,
        tol=1e-4,
    )
    assert len(net.history) == 3


def test_an_epoch_must_be_surely_better_than_the_floor(monkeypatch):
    """The bound is at half a standard error, and 5 / n of one for the n rows that show it."""
    floor = net_of(make_model())
    for sure, best_epoch in ((0.0, 3), (1e9, 0)):
        monkeypatch.setattr("skae._training.best.SURE", sure)
        net = net_of(copy.deepcopy(floor.module_.model))
        terms = train(
            net,
            rows(),
            rows_val=rows(),
            lr=0.01,
            max_epochs=3,
            learning_rate="constant",
            patience=5,
            floor=floor,
        )
        assert net.best_epoch_ == best_epoch
        if not best_epoch:
            assert terms == floor.validate(net.get_iterator(rows(), training=False))
        else:
            assert terms["loss"] == net.history[-1, "valid_loss"]
            assert list(terms) == ["loss", "reconstruction"]


@pytest.mark.parametrize(
    ("gains", "sure"),
    [
        ([0.1], True),  # of one row the spread is not known
        ([0.0], False),
        ([-0.1], False),
        ([0.0, 10.0], False),  # 1 standard error of 3
        ([9.0, 10.0], True),  # 19 of 3
        ([1.0, 1.2, 1.4, 1.6, 1.8], True),  # 9.9 of 1.5
        ([-1.0, 0.0, 1.0, 2.0, 3.0], False),  # 1.41 of 1.5
        ([-0.9, 0.1, 1.1, 2.1, 3.1], True),  # 1.56 of 1.5
    ],
)
def test_a_gain_is_sure_by_its_standard_errors(gains, sure):
    assert bool(KeepBest._is_sure(torch.tensor(gains))) == sure


def test_epochs_are_compared_with_the_floor_row_by_row():
    """A small gain of all rows is sure, however much their losses differ."""
    held_out = rows(X * np.linspace(0.1, 10, 50)[:, None])
    floor = net_of(make_model())
    net = net_of(copy.deepcopy(floor.module_.model))
    train(
        net,
        held_out,
        rows_val=held_out,
        lr=1e-4,
        max_epochs=3,
        learning_rate="constant",
        patience=5,
        floor=floor,
    )
    assert net.best_epoch_ == 3
    for one in (floor, net):
        one.validate(one.get_iterator(held_out, training=False))
    gains = floor.row_losses_ - net.row_losses_
    assert gains.abs().max() < 0.01 * floor.row_losses_.std()


@pytest.mark.parametrize(
    ("losses", "patience", "tol", "best_epoch", "n_epochs"),
    [
        ([10, 9, 9, 9, 0], 2, None, 1, 3),  # as good is no better
        ([10, 9, 10, 8, 9, 9, 0], 2, 0.0, 3, 5),
        ([10, 10, 10, 0], 2, 0.0, 0, 2),
        # Progress is by a hundredth, in small steps or at once; what is better is kept anyhow.
        ([100, 99.5, 99.2, 98.9, 98.8, 98.8, 98.8, 0], 3, 0.01, 4, 6),
        ([100, 99.9, 99.8, 0], 2, 0.01, 2, 2),
        ([-100, -100.5, -101.5, -101.6, -101.7, -999], 2, 0.01, 4, 4),
        ([0.01, 0.0099, 0.0098, 0.0097, 1, 1, 1], 2, 0.005, 3, 5),
        ([math.nan, 5, 6, 6, 0], 2, 0.0, 1, 3),
    ],
)
def test_patience_and_the_best_epoch_by_script(losses, patience, tol, best_epoch, n_epochs):
    objective = Scripted(losses=list(map(float, losses)))  # the first is that of the start
    net = make_net(make_model(), objective, lr=0.01, batch_size=50, device="cpu")
    terms = train(
        net,
        rows(),
        rows_val=rows(),
        lr=0.01,
        max_epochs=len(losses) - 1,
        learning_rate="constant",
        patience=patience,
        **({} if tol is None else {"tol": tol}),
    )
    assert (net.best_epoch_, len(net.history)) == (best_epoch, n_epochs)
    assert terms == pytest.approx(dict.fromkeys(["loss", "reconstruction"], losses[best_epoch]))
    assert not net.interrupted_


@pytest.mark.parametrize(
    ("losses", "best_epoch"),
    [
        ([0.0, 1.3, 1.3, 1.3], 0),  # better in the mean, thanks to one row
        ([0.9, 0.9, 1.0, 0.9], 1),
        ([1.1, 1.1, 1.1, 1.1], 0),
        ([0.9, 0.9, 0.9, 0.9], 1),
    ],
)
def test_what_is_better_by_chance_is_no_better_than_the_floor(losses, best_epoch):
    nets = []
    for of_rows in ([1.0, 1.0, 1.0, 1.0], losses):
        objective = Scripted(losses=[of_rows, of_rows])  # of the start and of the only epoch
        nets.append(make_net(make_model(), objective, lr=0.01, batch_size=50, device="cpu"))
    floor, net = nets
    terms = train(
        net,
        rows(),
        rows_val=rows(X[:4]),
        lr=0.01,
        max_epochs=1,
        learning_rate="constant",
        patience=5,
        floor=floor,
    )
    assert net.best_epoch_ == best_epoch
    assert terms["loss"] == pytest.approx(np.mean(losses) if best_epoch else 1.0)
