"""Training is what a plain torch loop would do."""

import copy
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, EpochScoring, GradientNormClipping
from torch import nn

from skae._rows.batches import BatchIterator
from skae._training.build import make_net
from skae._training.net import COOL_DOWN, WARM_UP
from skae._training.training import train
from skae.modules import Autoencoder
from skae.objectives import Reconstruction
from skae.objectives._semi_supervised import of_labelled, of_plain

from .nets import Scripted, Watch, X, make_model, net_of, rows


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


def test_weights_that_the_last_step_broke_are_refused():
    class Break(Callback):
        def on_epoch_end(self, net, **kwargs):
            next(net.module_.parameters()).data.fill_(float("inf"))

    net = net_of(make_model(), callbacks=[Break()])
    with pytest.raises(ValueError, match=r"epoch 1: the weights became infinite or NaN\. Try"):
        train(net, rows(), lr=0.01, max_epochs=1, learning_rate="constant")


def test_divergence_names_the_epoch_and_a_remedy():
    message = r"diverged in epoch 1: the train loss became (nan|inf)\. .*smaller learning_rate_init"
    with pytest.raises(ValueError, match=message):
        train(net_of(make_model()), rows(), lr=1e30, max_epochs=5, learning_rate="constant")


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
        losses.append(loss.item())
    for name, value in expected.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), value)
    assert terms == pytest.approx({"loss": sum(losses), "one": losses[0], "two": losses[1]})


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


class PlainAndLabelled(Reconstruction):
    """The first value of plain rows, and of labelled ones the number of their class."""

    of_labelled = ("known",)

    def __call__(self, module, x, y):
        plain = super().__call__(module, x)["reconstruction"] * 0 + x[:, 0]
        n_plain = len(x) - len(y)
        return {
            "plain": of_plain(plain[:n_plain], len(x)),
            "known": of_labelled(y.float(), len(x)),
        }


@pytest.mark.parametrize("weight", [None, np.linspace(9, 1, 50)], ids=["even", "weighted"])
@pytest.mark.parametrize("n_labelled", [0, 1, 4])
def test_terms_are_means_over_the_rows_that_they_are_of(n_labelled, weight):
    """In batches of which some have more labelled rows than others, or none."""
    labels = np.full(50, -1)
    labels[:n_labelled] = [2, 0, 1, 4][:n_labelled]
    net = make_net(make_model(), PlainAndLabelled(), lr=0.01, batch_size=20, device="cpu")
    terms = net.validate(BatchIterator(rows(labels=labels, weight=weight), 20, n_labelled=3))
    of_labelled = None if weight is None else weight[:n_labelled]
    known = np.average(labels[:n_labelled], weights=of_labelled) if n_labelled else 0.0
    assert terms["plain"] == pytest.approx(np.average(X[:, 0], weights=weight), rel=1e-5)
    assert terms["known"] == pytest.approx(known)
    assert terms["loss"] == pytest.approx(terms["plain"] + known)


def test_weights_are_as_precise_as_losses():
    net = net_of(make_model().double())
    batch = rows().held.double(), None, torch.linspace(0.5, 1.5, 50)
    _, losses, shares = net._evaluate(*batch)
    assert losses.dtype == shares.dtype == torch.float64
    torch.testing.assert_close(shares, torch.linspace(0.5, 1.5, 50).double() / 50)
