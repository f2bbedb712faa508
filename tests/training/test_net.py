"""Training is what a plain torch loop would do."""

import copy
import math
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
)
from torch import nn

import skae._training.checkpoint
from skae._rows.batches import BatchIterator, Rows
from skae._rows.scaling import Scaling
from skae._training.best import KeepBest
from skae._training.build import make_net
from skae._training.net import COOL_DOWN, WARM_UP
from skae._training.state import restore, snapshot
from skae._training.trainer import train
from skae.modules import Autoencoder
from skae.objectives import Reconstruction

CPU = torch.device("cpu")
X = np.random.default_rng(0).normal(size=(50, 6))


def rows(X=X, **params):
    return Rows(X, Scaling(np.zeros(X.shape[1]), 1.0), **params)


def make_model(seed=0):
    torch.manual_seed(seed)
    return Autoencoder(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)), nn.Linear(2, 6))


def net_of(model, **params):
    settings = {"lr": 0.01, "batch_size": 8, "device": "cpu", **params}
    return make_net(model, Reconstruction(), **settings)


@pytest.mark.parametrize("weighted", [False, True])
def test_training_is_the_loop_that_one_would_write(weighted):
    weight = np.linspace(0.5, 1.5, 50) if weighted else None
    data, model = rows(weight=weight), make_model()
    expected = copy.deepcopy(model)
    optimizer = torch.optim.Adam(expected.parameters(), lr=0.01, fused=True)
    torch.manual_seed(1)
    losses = []
    for _ in range(3):
        totals = []
        for x, (_, w) in BatchIterator(data, 8, shuffle=True):
            error = (expected.decode(expected.encode(x)) - x).square().mean(1)
            loss = (error if w is None else w * error).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            totals.append(len(x) * loss.item())
        losses.append(sum(totals) / 50)
    torch.manual_seed(1)
    net = net_of(model)
    terms = train(net, data, lr=0.01, max_epochs=3, learning_rate="constant")
    for name, value in expected.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), value, rtol=1e-5, atol=1e-6)
    assert net.history[:, "train_loss"] == pytest.approx(losses)
    assert terms == {"loss": pytest.approx(losses[-1]), "reconstruction": terms["loss"]}


class Watch(Callback):
    """Note what the net tells its callbacks."""

    def __init__(self):
        self.rates, self.batches = [], []

    def on_batch_end(self, net, batch, training, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])
            self.batches.append(len(batch[0]))


def test_the_annealed_rate_rises_and_falls_to_zero():
    watch = Watch()
    train(
        net_of(make_model(), callbacks=[watch]),
        rows(),
        lr=0.01,
        max_epochs=20,
        learning_rate="annealed",
    )
    rates = np.array(watch.rates) / 0.01
    n_steps = len(rates)
    assert n_steps == 20 * 7
    rise = int(WARM_UP * n_steps)
    np.testing.assert_allclose(rates[:rise], np.arange(1, rise + 1) / rise)
    np.testing.assert_allclose(rates[rise : int((1 - COOL_DOWN) * n_steps)], 1)
    fall = np.diff(rates[int((1 - COOL_DOWN) * n_steps) + 1 :])
    np.testing.assert_allclose(fall, fall[0])
    assert rates[-1] == pytest.approx(-fall[0])


def test_batches_are_reported_to_those_who_ask_only():
    watch, silent = Watch(), net_of(make_model())
    loud = net_of(make_model(), callbacks=[watch, GradientNormClipping(1e-3)])
    for net in (silent, loud):
        train(net, rows(), lr=0.01, max_epochs=2, learning_rate="constant")
    assert sum(watch.batches) == 100
    assert "batches" not in silent.history[-1] or not silent.history[-1]["batches"]
    assert len(loud.history[-1]["batches"]) == 7


def test_scoring_callbacks_of_skorch_work():
    scoring = EpochScoring(lambda net, X, y: 7.0, name="seven")
    net = net_of(make_model(), callbacks=[scoring])
    train(net, rows(), rows_val=rows(), lr=0.01, max_epochs=2, learning_rate="constant")
    assert net.history[:, "seven"] == [7.0, 7.0]


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


def test_weights_that_the_last_step_broke_are_refused():
    class Break(Callback):
        def on_epoch_end(self, net, **kwargs):
            next(net.module_.parameters()).data.fill_(float("inf"))

    net = net_of(make_model(), callbacks=[Break()])
    with pytest.raises(ValueError, match=r"epoch 1: the weights became infinite or NaN\. Try"):
        train(net, rows(), lr=0.01, max_epochs=1, learning_rate="constant")


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


def test_divergence_names_the_epoch_and_a_remedy():
    message = r"diverged in epoch 1: the train loss became (nan|inf)\. .*smaller learning_rate_init"
    with pytest.raises(ValueError, match=message):
        train(net_of(make_model()), rows(), lr=1e30, max_epochs=5, learning_rate="constant")


class Interrupt(Callback):
    """Press Ctrl-C in an epoch."""

    def __init__(self, epoch, when):
        self.epoch, self.when = epoch, when

    def press(self, net, when):
        if when == self.when and len(net.history) == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_begin(self, net, **kwargs):
        self.press(net, "begin")

    def on_batch_end(self, net, **kwargs):
        self.press(net, "batch")

    def on_epoch_end(self, net, **kwargs):
        self.press(net, "end")


def interrupted(epoch, when, **settings):
    net = net_of(make_model(), callbacks=[Interrupt(epoch, when)])
    terms = train(net, rows(), lr=0.01, max_epochs=9, learning_rate="constant", **settings)
    return net, terms


def test_an_interruption_keeps_what_was_learned_and_says_so():
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 3; .* the last step"):
        net, terms = interrupted(3, "batch")
    assert terms["loss"] == net.history[1, "train_loss"]
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 3; .* the best epoch"):
        net, terms = interrupted(3, "batch", rows_val=rows(), patience=5)
    assert terms["loss"] == net.history[1, "valid_loss"]


def test_a_callback_may_end_training_after_an_epoch_which_then_counts():
    net, terms = interrupted(2, "end", rows_val=rows(), patience=5)
    assert len(net.history) == 2
    assert terms["loss"] == net.history[1, "valid_loss"] < net.history[0, "valid_loss"]


@pytest.mark.parametrize("when", ["begin", "batch"])
def test_an_interruption_before_the_first_epoch_ended_is_passed_on(when):
    with pytest.raises(KeyboardInterrupt):
        interrupted(1, when)


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


def test_each_training_has_its_own_learning_rate_and_groups_keep_their_shares():
    net = net_of(
        make_model(),
        net_params={"optimizer__param_groups": [("model.decoder*", {"lr": 0.001})]},
    )
    settings = {"max_epochs": 1, "rows": rows()}
    train(net, lr=0.01, learning_rate="annealed", **settings)
    train(net, lr=0.02, learning_rate="constant", **settings)
    assert [group["lr"] for group in net.optimizer_.param_groups] == pytest.approx([0.002, 0.02])


def test_a_schedule_of_the_users_needs_a_constant_rate():
    net = net_of(make_model(), callbacks=[LRScheduler("StepLR", step_size=1, gamma=0.1)])
    with pytest.raises(ValueError, match="learning_rate='constant'"):
        train(net, rows(), lr=0.01, max_epochs=2, learning_rate="annealed")
    train(net, rows(), lr=0.01, max_epochs=3, learning_rate="constant")
    assert net.optimizer_.param_groups[0]["lr"] == pytest.approx(1e-5)


def test_checkpoints_of_skorch_work(tmp_path):
    callbacks = [Checkpoint(dirname=tmp_path)]
    net = net_of(make_model(), callbacks=callbacks)
    train(net, rows(), rows_val=rows(), lr=0.01, max_epochs=2, learning_rate="constant")
    assert net.history[:, "valid_loss_best"] == [True, True]
    assert (tmp_path / "params.pt").exists()


def test_weighted_means_do_not_depend_on_the_split():
    weight = np.random.default_rng(1).exponential(size=50) ** 3
    model, part = make_model(), np.arange(0, 50, 5)
    net = net_of(model)
    held_out = rows(weight=weight, subset=part)
    terms = train(
        net, rows(weight=weight), rows_val=held_out, lr=0.01, max_epochs=1, learning_rate="constant"
    )
    x = torch.from_numpy(X[part]).float()
    with torch.no_grad():
        errors = (model.decode(model.encode(x)) - x).square().mean(1).numpy()
    assert terms["loss"] == pytest.approx(np.average(errors, weights=weight[part]), rel=1e-5)


@pytest.mark.parametrize("optimizer", ["Adam", torch.optim.LBFGS, 3, torch.nn.Linear])
def test_an_optimizer_that_is_none_is_refused(optimizer):
    with pytest.raises(ValueError, match=r"must be a class of torch\.optim"):
        net_of(make_model(), net_params={"optimizer": optimizer})


def test_a_model_without_parameters_is_refused():
    with pytest.raises(ValueError, match="nothing to train"):
        net_of(Autoencoder(nn.Identity(), nn.Identity()))


def test_settings_of_the_net_are_merged_last():
    net = net_of(
        make_model(),
        net_params={"optimizer": torch.optim.SGD, "optimizer__momentum": 0.5},
    )
    group = net.optimizer_.param_groups[0]
    assert isinstance(net.optimizer_, torch.optim.SGD)
    assert group["momentum"] == 0.5


@pytest.mark.parametrize("name", ["callbacks", "device", "module", "max_epochs", "lr"])
def test_settings_with_a_parameter_of_their_own_are_refused(name):
    with pytest.raises(ValueError, match=f"net_params may not have '{name}'"):
        net_of(make_model(), net_params={name: None})


def test_validation_draws_the_same_noise_in_every_epoch():
    class Noisy:
        def __call__(self, module, x, y=None):
            return {"reconstruction": module.encode(x).sum(1) * 0 + torch.rand(len(x))}

    net = make_net(make_model(), Noisy(), lr=0.01, batch_size=8, device="cpu")
    train(net, rows(), rows_val=rows(), lr=0.01, max_epochs=3, learning_rate="constant")
    assert len(set(net.history[:, "valid_loss"])) == 1
    assert len(set(net.history[:, "train_loss"])) == 3


def test_losses_of_rows_are_weighted():
    net = net_of(make_model())
    weight = np.arange(1.0, len(X) + 1)
    found = {}
    for name, params in (("plain", {}), ("weighted", {"weight": weight})):
        terms = net.validate(net.get_iterator(rows(**params), training=False))
        found[name] = net.row_losses_
        assert terms["loss"] == pytest.approx(net.row_losses_.mean().item())
    expected = found["plain"] * torch.from_numpy(weight / weight.mean()).float()
    torch.testing.assert_close(found["weighted"], expected)


def test_rows_are_learned_from_in_training_mode_and_judged_in_evaluation_mode():
    model, modes = make_model(), []
    model.encoder.insert(1, nn.Dropout(0.5))
    model.encoder.register_forward_hook(lambda module, *_: modes.append(module.training))
    net = net_of(model)
    train(net, rows(), rows_val=rows(), lr=0.01, max_epochs=2, learning_rate="constant")
    n_batches = len(net.get_iterator(rows(), training=False))
    assert modes == 2 * (n_batches * [True] + n_batches * [False])
    x, _ = rows()[torch.arange(50)]
    with torch.no_grad():
        loss = (model.decode(model.encode(x)) - x).square().mean().item()
    assert net.history[-1]["valid_loss"] == pytest.approx(loss, rel=1e-5)


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


class Listener:
    """Hear of epochs, and ask for the end after some."""

    def __init__(self, n_epochs=99):
        self.n_epochs, self.heard = n_epochs, []

    def epoch_begins(self, net):
        self.heard.append(("begins", len(net.history)))

    def epoch_ends(self, net):
        self.heard.append(("ends", len(net.history)))
        return len(net.history) >= self.n_epochs

    def close(self):
        self.heard.append("closed")


def test_any_listener_may_end_training_but_all_hear_of_the_epoch():
    one, other = listeners = Listener(2), Listener()
    net = net_of(make_model())
    settings = {"lr": 0.01, "learning_rate": "constant", "listeners": listeners}
    train(net, rows(), max_epochs=5, **settings)
    epochs = [(what, number) for number in (1, 2) for what in ("begins", "ends")]
    assert one.heard == other.heard == [*epochs, "closed"]
    assert not net.interrupted_
    assert not net.reports_batches_


def test_listeners_are_closed_where_training_fails():
    listener, net = Listener(), net_of(make_model())
    with pytest.raises(ValueError, match="diverged"):
        train(net, rows(), lr=1e30, max_epochs=5, learning_rate="constant", listeners=[listener])
    assert listener.heard[-1] == "closed"
    assert (net.train_split, net.row_losses_) == (None, None)
    assert [name for name, _ in net.callbacks_] == ["epoch_timer"]


class Stop(Exception):
    """The process was killed."""


class Kill(Listener):
    """Die in the epoch after so many."""

    def epoch_begins(self, net):
        if len(net.history) > self.n_epochs:
            raise Stop

    def epoch_ends(self, net):
        return False


def fit_killed(n_epochs, folder, max_epochs=40):
    """Train, die after so many epochs or not at all, and train again."""
    held_out = rows(np.random.default_rng(1).normal(size=(20, 6)))
    for listener in (Kill(n_epochs), Kill(99)):
        torch.manual_seed(1)
        net = net_of(make_model())
        try:
            terms = train(
                net,
                rows(X[:10]),
                rows_val=held_out,
                lr=0.05,
                max_epochs=max_epochs,
                learning_rate="annealed",
                patience=8,
                tol=1e-3,
                listeners=[listener],
                checkpoint=skae._training.checkpoint.Checkpoint(folder, "key"),
            )
        except Stop:
            continue
        weights = [value.tolist() for value in net.module_.parameters()]
        return terms, net.history[:, "valid_loss"], net.best_epoch_, weights


def test_training_goes_on_from_a_checkpoint_to_the_same_end(tmp_path):
    expected = fit_killed(99, tmp_path / "whole")
    n_epochs, best_epoch = len(expected[1]), expected[2]
    assert best_epoch == n_epochs - 8 < 32
    for killed_after in (1, best_epoch - 1, best_epoch, best_epoch + 1, n_epochs - 1):
        assert fit_killed(killed_after, tmp_path / str(killed_after)) == expected
    expected = fit_killed(99, tmp_path / "short", max_epochs=5)
    assert len(expected[1]) == 5
    assert fit_killed(3, tmp_path / "long", max_epochs=5) == expected


def test_what_has_ended_is_not_trained_again(tmp_path):
    for _ in range(2):
        net, listener = net_of(make_model()), Listener(2)
        terms = train(
            net,
            rows(),
            lr=0.01,
            max_epochs=5,
            learning_rate="constant",
            listeners=[listener],
            checkpoint=skae._training.checkpoint.Checkpoint(tmp_path, "key"),
        )
        assert terms["loss"] == net.history[1, "train_loss"]
    assert listener.heard == ["closed"]


@pytest.mark.parametrize(
    ("params", "fused"),
    [
        ({}, True),
        ({"optimizer": torch.optim.AdamW}, True),
        ({"optimizer": torch.optim.Adam}, True),
        ({"optimizer": torch.optim.Adam, "optimizer__foreach": True}, None),
        ({"optimizer": torch.optim.Adam, "optimizer__fused": False}, False),
        ({"optimizer": torch.optim.SGD}, None),
        ({"optimizer": torch.optim.Adamax}, None),
    ],
    ids=str,
)
def test_adam_is_fused_where_nothing_else_was_asked_for(params, fused):
    assert net_of(make_model(), net_params=params).optimizer_.defaults.get("fused") == fused


@pytest.mark.parametrize("callbacks", [["late"], [("name", 3)]], ids=str)
def test_a_callback_that_is_none_is_refused(callbacks):
    with pytest.raises(ValueError, match=r"callbacks has .*, which is no skorch callback"):
        net_of(make_model(), callbacks=callbacks)


def test_a_callback_may_have_a_name():
    net = net_of(make_model(), callbacks=[("watch", Watch())])
    assert isinstance(dict(net.callbacks_)["watch"], Watch)


def accelerator(**params):
    settings = {"mixed_precision": "no", "gradient_accumulation_steps": 1, "num_processes": 1}
    return SimpleNamespace(**{**settings, "device": CPU, **params})


@pytest.mark.parametrize(
    ("params", "device", "message"),
    [
        ({"mixed_precision": "fp16"}, "cpu", "Leave these settings out"),
        ({"gradient_accumulation_steps": 2}, "cpu", "Leave these settings out"),
        ({"device": torch.device("meta")}, "cpu", "is on meta, but the estimator on cpu"),
        ({"device": torch.device("cpu", 0)}, torch.device("cpu", 1), "is on cpu:0"),
    ],
)
def test_an_accelerator_that_does_not_fit_is_refused(params, device, message):
    net_params = {"accelerator": accelerator(**params)}
    with pytest.raises(ValueError, match=message):
        net_of(make_model(), device=device, net_params=net_params)


@pytest.mark.parametrize("own", ["cpu", "cpu:0"])
@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_a_device_without_a_number_is_any_of_its_kind(own, device, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    params = {"accelerator": accelerator(device=torch.device(own))}
    net = net_of(make_model(), device=device, net_params=params)
    assert type(net).__name__ == "ObjectiveNet"


def test_processes_that_do_not_know_of_each_other_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="knows of one process, but 2 were started"):
        net_of(make_model(), net_params={"accelerator": accelerator()})
    together = net_of(make_model(), net_params={"accelerator": accelerator(num_processes=2)})
    assert type(together).__name__ == "SharedNet"
    assert together.accelerator.num_processes == 2


def test_a_shared_training_has_no_checkpoint(tmp_path):
    net = net_of(make_model(), net_params={"accelerator": accelerator(num_processes=2)})
    with pytest.raises(ValueError, match="checkpoint is for training in one process"):
        train(
            net,
            rows(),
            lr=0.01,
            max_epochs=1,
            learning_rate="constant",
            checkpoint=skae._training.checkpoint.Checkpoint(tmp_path, "key"),
        )


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


class InTurns(Reconstruction):
    """The decoder, then the encoder; the error and ten times as much."""

    phases = {"first": ("decoder",), "second": ("encoder",)}

    def first(self, module, x, y=None):
        return {"one": self.compare(x, module.decoder(module.encode(x)))}

    def second(self, module, x, y=None):
        return {"two": 10 * self.compare(x, module.decoder(module.encode(x)))}

    def __call__(self, module, x, y=None):
        return {**self.first(module, x, y), **self.second(module, x, y)}


def test_each_phase_has_an_optimizer_with_the_settings():
    model = make_model()
    net_params = {"optimizer": torch.optim.SGD, "optimizer__weight_decay": 0.1}
    settings = {"lr": 0.01, "batch_size": 50, "device": "cpu", "net_params": net_params}
    net = make_net(model, InTurns(), **settings)
    assert list(net.optimizers_) == ["first", "second"]
    assert net.optimizers_["first"] is net.optimizer_
    for optimizer, part in zip(
        net.optimizers_.values(), (model.decoder, model.encoder), strict=True
    ):
        (group,) = optimizer.param_groups
        assert (group["lr"], group["weight_decay"]) == (0.01, 0.1)
        assert list(map(id, group["params"])) == list(map(id, part.parameters()))


def test_phases_take_their_steps_in_turn():
    model = make_model()
    expected = copy.deepcopy(model)
    net_params = {"optimizer": torch.optim.SGD}
    settings = {"lr": 0.01, "batch_size": 50, "device": "cpu", "net_params": net_params}
    net = make_net(model, InTurns(), **settings)
    terms = train(net, rows(), lr=0.1, max_epochs=1, learning_rate="constant")
    x, losses = rows().held, []
    for factor, part in ((1, expected.decoder), (10, expected.encoder)):
        loss = factor * (expected.decoder(expected.encode(x)) - x).square().mean()
        parameters = list(part.parameters())
        with torch.no_grad():
            for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                p -= 0.1 * gradient
                p.grad = gradient
        losses.append(loss.item())
    for name, value in expected.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), value)
        torch.testing.assert_close(model.get_parameter(name).grad, value.grad)
    assert terms == pytest.approx({"loss": sum(losses), "one": losses[0], "two": losses[1]})


@dataclass(frozen=True)
class Scripted(Reconstruction):
    """Held-out losses that are given, one after the other; each one number or one for each row."""

    losses: list = field(default_factory=list)

    def __call__(self, module, x, y=None):
        terms = super().__call__(module, x, y)
        if module.training:
            return terms
        return {"reconstruction": torch.tensor(self.losses.pop(0)).expand(len(x))}


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


class Note(Callback):
    """Note all that is told of batches."""

    def __init__(self):
        self.told = []

    def on_batch_begin(self, net, batch, training, **kwargs):
        self.told.append(("begin", training, batch))

    def on_grad_computed(self, net, named_parameters, batch, training, **kwargs):
        names = [name for name, _ in named_parameters]
        assert names == [name for name, _ in net.module_.named_parameters()]
        assert all(parameter.grad is not None for _, parameter in named_parameters)
        self.told.append(("gradient", training, batch))

    def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
        assert list(y_pred) == ["reconstruction"]
        assert loss.item() == y_pred["reconstruction"].item()
        self.told.append(("end", training, batch, loss.item()))


def test_callbacks_are_told_of_batches_what_skorch_tells():
    note = Note()
    net = net_of(make_model(), callbacks=[note], batch_size=32)
    terms = train(
        net, rows(), rows_val=rows(X[:20]), lr=0.01, max_epochs=1, learning_rate="constant"
    )
    step = [("begin", True), ("gradient", True), ("end", True)]
    assert [told[:2] for told in note.told] == [*step, *step, ("begin", False), ("end", False)]
    for start in (0, 3):  # the same batch
        assert note.told[start][2] is note.told[start + 1][2] is note.told[start + 2][2]
    assert note.told[-1][2] is note.told[-2][2]
    ends = [told for told in note.told if told[0] == "end"]
    (row,) = net.history
    first, second, third = row["batches"]
    assert [len(told[2][0]) for told in ends] == [25, 25, 20]
    assert (first["train_batch_size"], second["train_batch_size"]) == (25, 25)
    assert (first["train_loss"], second["train_loss"]) == (ends[0][3], ends[1][3])
    assert third == {"valid_loss": ends[2][3], "valid_batch_size": 20}
    assert row["train_loss"] == pytest.approx((ends[0][3] + ends[1][3]) / 2)
    assert row["valid_loss"] == pytest.approx(ends[2][3]) == terms["loss"]


def test_the_history_says_which_epochs_are_the_best_so_far():
    objective = Scripted(losses=[9.0, 9.0, 8.0, 8.5, 7.0])
    net = make_net(make_model(), objective, lr=0.01, batch_size=50, device="cpu")
    for n_epochs in (2, 3):
        train(net, rows(), rows_val=rows(), lr=1e-3, max_epochs=n_epochs, learning_rate="constant")
    assert net.history[:, "valid_loss_best"] == [True, False, True, False, True]
    losses = net.history[:, "train_loss"]
    assert net.history[:, "train_loss_best"] == [
        loss < min([math.inf, *losses[:number]]) for number, loss in enumerate(losses)
    ]
    assert net.best_epoch_ is None


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


@dataclass(frozen=True)
class Heard(Reconstruction):
    """Note how far training is."""

    heard: list = field(default_factory=list)

    def before_step(self, module, n_epochs):
        assert isinstance(module, Autoencoder)
        self.heard.append(n_epochs)


def test_objectives_are_told_how_far_training_is_from_one_to_the_next():
    objective = Heard()
    net = make_net(make_model(), objective, lr=0.01, batch_size=25, device="cpu")
    for n_epochs in (2, 1):
        train(net, rows(), rows_val=rows(), lr=0.01, max_epochs=n_epochs, learning_rate="constant")
    assert objective.heard == [0, 0.5, 1, 1.5, 2, 2.5]


def test_gradients_are_shared_before_each_step(monkeypatch):
    """Nothing moves where nothing is left of them."""

    def share(self, parameters, n_rows):
        seen.append(([id(p) for p in parameters], n_rows))
        for parameter in parameters:
            parameter.grad.mul_(0.0)

    model, seen = make_model(), []
    before = copy.deepcopy(model.state_dict())
    monkeypatch.setattr("skae._training.net.ObjectiveNet._share_gradients", share)
    net = make_net(model, InTurns(), lr=0.01, batch_size=25, device="cpu")
    train(net, rows(), lr=0.01, max_epochs=1, learning_rate="constant")
    of_parts = [[id(p) for p in part.parameters()] for part in (model.decoder, model.encoder)]
    assert seen == 2 * [(ids, 25) for ids in of_parts]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_epochs_are_judged_by_some_terms_and_trained_on_all():
    class Judged(InTurns):
        judged = ("two",)

    net = make_net(make_model(), Judged(), lr=0.01, batch_size=25, device="cpu")
    terms = train(
        net, rows(), rows_val=rows(), lr=0.01, max_epochs=1, learning_rate="constant", patience=2
    )
    (row,) = net.history
    assert row["train_loss"] == pytest.approx(row["train_one"] + row["train_two"])
    assert row["valid_loss"] == row["valid_two"] == pytest.approx(10 * row["valid_one"])
    assert terms == {name: row[f"valid_{name}"] for name in ("loss", "one", "two")}


class Impatient(Listener):
    """Press Ctrl-C while it hears of an epoch."""

    def epoch_ends(self, net):
        if len(net.history) >= self.n_epochs:
            raise KeyboardInterrupt
        return False


def test_ctrl_c_is_not_taken_for_the_wish_of_a_callback_where_there_is_none():
    net = net_of(make_model())
    settings = {"lr": 0.01, "learning_rate": "constant", "listeners": [Impatient(2)]}
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 2; .* the last step"):
        train(net, rows(), max_epochs=5, **settings)
    assert net.interrupted_ is True
    assert len(net.history) == 2


def test_weights_are_as_precise_as_losses():
    net = net_of(make_model().double())
    batch = rows().held.double(), (None, torch.linspace(0.5, 1.5, 50))
    _, losses, shares = net._evaluate(batch)
    assert losses.dtype == shares.dtype == torch.float64
    torch.testing.assert_close(shares, torch.linspace(0.5, 1.5, 50).double() / 50)


def test_training_is_silent(capsys):
    train(net_of(make_model()), rows(), lr=0.01, max_epochs=2, learning_rate="constant")
    assert capsys.readouterr() == ("", "")
