"""Ctrl-C, as the system sends it, is told from what else raises KeyboardInterrupt."""

import os
import signal
import threading

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EarlyStopping

from skae import AutoencoderTransformer
from skae._training.interrupts import Keyboard, watch_for_interrupts
from skae._training.training import train

from .nets import make_model, net_of, rows

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="a signal to oneself ends the process here"),
    pytest.mark.usefixtures("_pythons_handler"),
]
N_EPOCHS = 6


@pytest.fixture
def _pythons_handler(monkeypatch):
    """Python's own handler, in the main thread, as if none came before; that of before is back."""
    monkeypatch.setattr(Keyboard, "last", -float("inf"))
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread only")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press():
    os.kill(os.getpid(), signal.SIGINT)


class Press(Callback):
    """A callback of the user's, in which Ctrl-C comes in an epoch."""

    def __init__(self, when, epoch=3):
        self.when, self.epoch = when, epoch

    def press(self, net, when):
        if (when, len(net.history)) == (self.when, self.epoch):
            press()

    def on_epoch_begin(self, net, **kwargs):
        self.press(net, "begin")

    def on_batch_end(self, net, **kwargs):
        self.press(net, "batch")

    def on_epoch_end(self, net, **kwargs):
        self.press(net, "end")


class Wish(Callback):
    """Ask for the end after an epoch, as callbacks for skorch do."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 4:
            raise KeyboardInterrupt


def trained(*callbacks, **settings):
    net = net_of(make_model(), callbacks=list(callbacks))
    train(net, rows(), lr=1e-3, max_epochs=N_EPOCHS, learning_rate="constant", **settings)
    return net


@pytest.mark.parametrize("when", ["begin", "batch", "end"])
def test_ctrl_c_is_reported_whatever_callbacks_there_are(when):
    before = signal.getsignal(signal.SIGINT)
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 3"):
        net = trained(Press(when), Wish())
    assert net.interrupted_ is True
    assert len(net.history) == 3
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_comes_from_outside_at_any_moment(digits):
    """Another thread sends it as soon as an epoch has ended."""
    is_on = threading.Event()

    class Started(Callback):
        def on_epoch_end(self, net, **kwargs):
            is_on.set()

    def press_when_it_is_on():
        if is_on.wait(60):
            press()

    presser = threading.Thread(target=press_when_it_is_on)
    settings = {"hidden_layer_sizes": (8,), "max_iter": 100_000, "early_stopping": False}
    model = AutoencoderTransformer(2, callbacks=[Started()], random_state=0, **settings)
    presser.start()
    with pytest.warns(ConvergenceWarning, match="Training was interrupted in epoch"):
        model.fit(digits)
    presser.join()
    assert model.n_iter_ < 100_000
    assert np.isfinite(model.transform(digits)).all()


def test_callbacks_that_end_training_do_not_interrupt_it():
    before = signal.getsignal(signal.SIGINT)
    stopping = EarlyStopping(
        monitor="train_loss", patience=2, threshold=0.9, sink=lambda text: None
    )
    for callback, n_epochs in ((stopping, 3), (Wish(), 4)):
        net = trained(callback)
        assert net.interrupted_ is False
        assert len(net.history) == n_epochs
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_that_does_not_raise_is_heard_and_nothing_else():
    heard = []
    handler = lambda number, frame: heard.append(number)  # noqa: E731
    signal.signal(signal.SIGINT, handler)
    net = trained(Press("batch"), Press("end"))
    assert heard == 8 * [signal.SIGINT]  # in 7 batches, and when the epoch ends
    assert net.interrupted_ is False
    assert len(net.history) == N_EPOCHS
    net = trained(Press("end"), Wish())
    assert net.interrupted_ is False
    assert len(net.history) == 4
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_is_no_function_stays(handler):
    signal.signal(signal.SIGINT, handler)
    with watch_for_interrupts() as keyboard:
        assert signal.getsignal(signal.SIGINT) is handler
    assert keyboard.interrupted is False


def test_whoever_sets_a_handler_meanwhile_keeps_it():
    handler = lambda number, frame: None  # noqa: E731
    with watch_for_interrupts():
        signal.signal(signal.SIGINT, handler)
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_handler_is_back_where_training_fails():
    before = signal.getsignal(signal.SIGINT)

    class Fail(Callback):
        def on_epoch_end(self, net, **kwargs):
            assert signal.getsignal(signal.SIGINT) is not before
            raise ValueError("of the callback")

    with pytest.raises(ValueError, match="of the callback"):
        trained(Fail())
    assert signal.getsignal(signal.SIGINT) is before


def test_a_fit_in_another_thread_leaves_signals_alone():
    before, found = signal.getsignal(signal.SIGINT), []

    class Look(Callback):
        def on_epoch_end(self, net, **kwargs):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=lambda: found.append(trained(Look(), Wish())))
    thread.start()
    thread.join()
    *handlers, net = found
    assert handlers == 4 * [before]
    assert net.interrupted_ is False
