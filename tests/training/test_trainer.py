"""What a trainer hands on, and which of several starts it keeps."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from skae._training.checkpoint import Checkpoint
from skae._training.device import RandomStream
from skae._training.trainer import Trainer, epochs_worth
from skae._training.training import Training
from skae.objectives import Reconstruction

from .nets import (
    CPU,
    Interrupt,
    Listener,
    Scripted,
    Watch,
    make_model,
    rows,
)


def test_who_goes_on_is_told_of_the_labelled_rows_there_are_now():
    labels = np.arange(50) % 2
    given = {"iterator_valid__n_labelled": 7}
    for net_params, valid in ((None, 3), (given, 7)):
        trainer = Trainer(
            np.random.RandomState(0), CPU, 10, 0.01, "constant", 1, net_params=net_params
        )
        net = trainer.net(make_model(), Reconstruction(), batch_size=10, n_labelled=5)
        trainer.go_on(net, None)
        assert net.get_iterator(rows(labels=labels), training=True).n_labelled == 5
        trainer.go_on(net, 3)
        found = [
            net.get_iterator(rows(labels=labels), training=t).n_labelled for t in (True, False)
        ]
        assert (net.n_labelled_, *found) == (3, 3, valid)


def test_a_part_is_trained_for_itself():
    """For so many epochs at such a rate, without early stopping or the user's callbacks."""
    refuses, listener, parts = Interrupt(1, "begin"), Listener(), []
    listener.epoch_begins = lambda net: parts.append((net.is_part_, net.learning_rate))
    settings = CPU, 10, 0.01, "annealed", 9, 5
    trainer = Trainer(np.random.RandomState(0), *settings, callbacks=[refuses], task=listener)
    losses = trainer.train_part(
        make_model(), Reconstruction(), rows(), max_epochs=3, learning_rate="constant"
    )
    assert losses[0] > losses[1] > losses[2]
    assert parts == 3 * [(True, "constant")]


def test_an_interrupted_part_is_no_model(recwarn):
    listener = Listener()
    listener.epoch_ends = Interrupt(2, "end").on_epoch_end
    trainer = Trainer(np.random.RandomState(0), CPU, 10, 0.01, "annealed", 9, task=listener)
    with pytest.raises(KeyboardInterrupt, match="before all layers"):
        trainer.train_part(
            make_model(), Reconstruction(), rows(), max_epochs=3, learning_rate="constant"
        )
    assert not recwarn.list


def trainer_of(**params):
    settings = {"batch_size": 50, "lr": 0.01, "learning_rate": "constant", "max_epochs": 2}
    return Trainer(np.random.RandomState(0), CPU, **{**settings, "patience": 9, **params})


@dataclass(frozen=True)
class Interrupted(Scripted):
    """Held-out losses of the start and of each epoch; None presses Ctrl-C."""

    def __call__(self, module, x, y=None):
        if not module.training and self.losses[0] is None:
            raise KeyboardInterrupt
        return super().__call__(module, x, y)


def kept_of(trainer, *starts, floor=None, n_rows=None):
    """The outcome of starts with such held-out losses, and the nets that were made for them."""
    learned = rows() if n_rows is None else rows(np.ones((n_rows, 6)))
    nets = []

    def maker(losses):
        def make():
            nets.append(trainer.net(make_model(), Interrupted(losses=losses), batch_size=50))
            return nets[-1]

        return make

    makers = [maker([None if v is None else float(v) for v in losses]) for losses in starts]
    return trainer.best_of(makers, learned, rows(), floor), nets


@pytest.mark.parametrize(
    ("starts", "best", "loss"),
    [
        ([(9, 5, 6), (8, 4, 7)], 1, 4),
        ([(9, 4, 6), (3.5, 5, 4), (9, 5, 5)], 1, 3.5),
        ([(9, 4, 6), (9, 5, 4)], 0, 4),  # of equal ones the first
        ([(9, np.nan), (9, 8, 9)], 1, 8),
        ([(9, 8, 9), (9, np.nan)], 0, 8),
    ],
)
def test_of_several_starts_the_best_is_kept(starts, best, loss):
    outcome, nets = kept_of(trainer_of(), *starts)
    assert len(nets) == len(starts)
    assert outcome.net is nets[best]
    assert outcome.terms == pytest.approx({"loss": loss, "reconstruction": loss})
    assert outcome.interrupted is False


@pytest.mark.parametrize(
    ("n_rows", "second", "n_epochs", "best"),
    [
        (501, 8 * [5.3] + 4 * [1], (12, 8), 0),  # behind when it is judged: given up
        (501, 8 * [5.2] + 4 * [1], (12, 12), 1),  # close enough
        (501, 7 * [6] + 5 * [4.7], (8, 12), 1),  # ahead: the first is given up
        (501, [4, *11 * [9]], (8, 12), 1),  # the lowest counts
        (500, 8 * [5.8] + 4 * [1], (12, 8), 0),  # of few rows less is given up
        (500, 8 * [5.7] + 4 * [1], (12, 12), 1),
    ],
)
@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_a_start_that_is_behind_ends_early(
    n_rows, second, n_epochs, best, has_checkpoint, tmp_path
):
    checkpoint = Checkpoint(tmp_path, "key") if has_checkpoint else None
    trainer = trainer_of(max_epochs=12, patience=12, checkpoint=checkpoint)
    outcome, nets = kept_of(trainer, (9, *12 * [5]), (9, *second), n_rows=n_rows)
    assert outcome.net is nets[best]
    if not has_checkpoint:
        assert tuple(len(net.history) for net in nets) == n_epochs


def test_a_start_that_was_given_up_stands_in_for_one_that_diverges():
    trainer = trainer_of(max_epochs=12, patience=12)
    outcome, nets = kept_of(trainer, (9, *12 * [6]), (9, *9 * [5], np.nan))
    assert outcome.net is nets[0]
    assert outcome.terms["loss"] == pytest.approx(6)


def test_a_pause_changes_nothing():
    def trained(*segments):
        model = make_model()
        model.encoder.insert(2, torch.nn.Dropout(0.5))
        trainer = trainer_of(max_epochs=6, learning_rate="annealed", patience=2)
        net, stream = trainer.net(model, Reconstruction(), batch_size=8), RandomStream(CPU, 3)
        training = trainer._training(net, rows(), rows(), None, stream)
        for n_epochs in segments:
            training.go_on(n_epochs)
            torch.rand(7)
        return training.end(), net.history[:, ("train_loss", "valid_loss")]

    assert trained(1, 2, 9) == trained(6)


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "expected"),
    [
        (10, "auto", 50),
        (38_000, "auto", 50),
        (96_000, "auto", 20),
        (10**7, "auto", 6),
        (9600, 8, 12),
    ],
)
def test_tall_tables_are_worth_fewer_epochs(n_rows, batch_size, expected):
    assert epochs_worth(n_rows, batch_size) == expected


def test_where_all_starts_diverge_it_says_so():
    with pytest.raises(ValueError, match="valid loss became nan"):
        kept_of(trainer_of(), (9, np.nan), (9, np.nan))


@pytest.mark.parametrize(
    ("starts", "best", "n_made", "message"),
    [
        ([(9, 5, None), (9, 4, 4)], 0, 1, "in epoch 2; .* best epoch"),
        (
            [(9, 5, 5), (None,), (9, 4, 4)],
            0,
            2,
            r"^Training .* in the second start; the model is the first's\.$",
        ),
        ([(9, 5, 5), (9, 4, None), (9, 3, 3)], 1, 2, "in epoch 2"),
        ([(9, 5, 5), (9, 6, None), (9, 3, 3)], 0, 2, "in epoch 2"),
    ],
)
def test_interrupted_it_keeps_the_best_so_far(starts, best, n_made, message):
    with pytest.warns(ConvergenceWarning, match=message):
        outcome, nets = kept_of(trainer_of(), *starts)
    assert len(nets) == n_made
    assert outcome.net is nets[best]
    assert outcome.interrupted is True


def test_interrupted_before_there_is_a_model_it_passes_that_on():
    with pytest.raises(KeyboardInterrupt):
        kept_of(trainer_of(), (None,), (9, 5, 4))


def test_who_asks_for_the_end_gets_no_further_start():
    task = Listener(1)
    for wants_end, n_made in ((False, 2), (True, 1)):
        task.wants_end = wants_end
        outcome, nets = kept_of(trainer_of(task=task), (9, 5), (9, 4))
        assert len(nets) == n_made
        assert outcome.net is nets[-1]
        assert not outcome.interrupted


@pytest.mark.parametrize(("epochs", "is_floor"), [((4, 4), True), ((2, 4), False)])
def test_a_floor_is_kept_with_the_record_of_what_came_to_nothing_better(epochs, is_floor):
    trainer = trainer_of()
    floor = trainer.net(make_model(), Scripted(losses=[3.0]), batch_size=50)
    outcome, (net,) = kept_of(trainer, (9, *epochs), floor=floor)
    assert outcome.net is (floor if is_floor else net)
    assert outcome.net.history is net.history
    assert outcome.net.best_epoch_ == (0 if is_floor else 1)
    assert outcome.terms["loss"] == pytest.approx(3 if is_floor else 2)


def test_each_training_has_a_seed_of_its_own():
    class Noisy(Reconstruction):
        def __call__(self, module, x, y=None):
            terms = super().__call__(module, x)
            return {"reconstruction": terms["reconstruction"] * 0 + torch.rand(())}

    def losses(trainer, n_starts):
        nets = [trainer.net(make_model(), Noisy(), batch_size=50) for _ in range(n_starts)]
        trainer.best_of([lambda net=net: net for net in nets], rows())
        return [net.history[:, "train_loss"] for net in nets]

    both, trainer = losses(trainer_of(), 2), trainer_of()
    assert both[0] != both[1]
    assert [*losses(trainer, 1), *losses(trainer, 1)] == both


@pytest.mark.parametrize("can_show_bar", [False, True])
@pytest.mark.parametrize("title", [None, "Model"])
def test_a_trainer_hands_on_how_it_is_set(title, can_show_bar, monkeypatch):
    handed = {}
    monkeypatch.setattr("skae._training.trainer.can_show_bar", lambda: can_show_bar)
    for name in ("Bar", "Lines"):
        monkeypatch.setattr(f"skae._training.trainer.{name}", lambda *a, name=name: (name, *a))
    monkeypatch.setattr(
        "skae._training.trainer.Training", lambda *a, **k: handed.update(k, args=a) or Training
    )
    monkeypatch.setattr(Training, "go_on", lambda: None)
    monkeypatch.setattr(Training, "end", lambda: None)
    given = {"lr": 0.5, "learning_rate": "annealed", "max_epochs": 7, "patience": 3, "tol": 0.25}
    given["precision"] = "bfloat16"
    task, checkpoint, floor = object(), object(), object()
    trainer = trainer_of(**given, task=task, checkpoint=checkpoint, title=title)
    trainer.train("net", "rows", "rows_val", floor)
    shown = [("Bar" if can_show_bar else "Lines", title, 7)] if title else []
    assert handed.pop("listeners") == [task, *shown]
    expected = {"args": ("net", "rows"), "rows_val": "rows_val", "floor": floor}
    assert handed == {**expected, **given, "checkpoint": checkpoint, "seeded": None}


@pytest.mark.parametrize(
    ("batch_size", "n_rows", "expected"),
    [("auto", 10, 16), ("auto", 449, 17), ("auto", 450, 18), ("auto", 9999, 128), (7, 450, 7)],
)
def test_a_batch_has_a_25th_of_the_rows_within_bounds(batch_size, n_rows, expected):
    assert trainer_of(batch_size=batch_size).n_batch_rows(range(n_rows)) == expected


def test_a_trainers_net_is_set_as_the_trainer():
    watch, objective, module = Watch(), Reconstruction(), make_model()
    trainer = trainer_of(lr=0.5, callbacks=[watch], net_params={"optimizer": torch.optim.SGD})
    net = trainer.net(module, objective, start="pca", batch_size=20)
    assert (net.module_.model, net.module_.objective) == (module, objective)
    assert (net.lr, net.batch_size, net.device, net.start_) == (0.5, 20, "cpu", "pca")
    assert isinstance(net.optimizer_, torch.optim.SGD)
    assert watch in [callback for _, callback in net.callbacks_]
    assert net.n_labelled_ is net.get_iterator(rows(), training=True).n_labelled is None
    assert trainer.net(module, objective, batch_size=20).start_ is None
