"""A training has its settings, hears its listeners, and may be interrupted."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import LRScheduler

from skae._training.checkpoint import Checkpoint
from skae._training.training import train

from .nets import Interrupt, Listener, X, accelerator, make_model, net_of, rows


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


def test_a_callback_may_end_training_before_an_epoch_which_then_does_not_count():
    net, terms = interrupted(3, "begin")
    assert net.history[:, "train_loss"][-1] == terms["loss"]
    assert not net.interrupted_


@pytest.mark.parametrize("when", ["begin", "batch"])
def test_an_interruption_before_the_first_epoch_ended_is_passed_on(when):
    with pytest.raises(KeyboardInterrupt):
        interrupted(1, when)


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
                checkpoint=Checkpoint(folder, "key"),
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
            checkpoint=Checkpoint(tmp_path, "key"),
        )
        assert terms["loss"] == net.history[1, "train_loss"]
    assert listener.heard == ["closed"]


def test_a_shared_training_has_no_checkpoint(tmp_path):
    net = net_of(make_model(), net_params={"accelerator": accelerator(num_processes=2)})
    with pytest.raises(ValueError, match="checkpoint is for training in one process"):
        train(
            net,
            rows(),
            lr=0.01,
            max_epochs=1,
            learning_rate="constant",
            checkpoint=Checkpoint(tmp_path, "key"),
        )


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


def test_training_is_silent(capsys):
    train(net_of(make_model()), rows(), lr=0.01, max_epochs=2, learning_rate="constant")
    assert capsys.readouterr() == ("", "")
