"""Threads that fit the work, and a setting that is given back."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from skae import AutoencoderTransformer
from skae._training import threads
from skae._training.threads import WORTH_A_THREAD, threads_for, work_of


def elsewhere(function):
    """What a function gives in a thread that is new."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def four(monkeypatch):
    """The caller has four threads, and three cores."""
    monkeypatch.setattr(threads, "cpu_count", lambda: 3)
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("work", "n_threads"),
    [
        (0, 1),
        (2 * WORTH_A_THREAD - 1, 1),
        (2 * WORTH_A_THREAD, 2),
        (100 * WORTH_A_THREAD, 3),
        (math.inf, 3),
    ],
)
def test_there_are_as_many_threads_as_the_work_is_worth_and_cores_allow(work, n_threads, four):
    with threads_for():
        assert torch.get_num_threads() == 1
        with threads_for(lambda: work):
            assert torch.get_num_threads() == n_threads
            with threads_for():
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == 4


def test_there_are_never_more_threads_than_the_callers(four):
    torch.set_num_threads(2)
    with threads_for(lambda: math.inf):
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)  # as a callback may
        with threads_for(lambda: pytest.fail("there is nothing to choose")):
            assert torch.get_num_threads() == 1


class UsersLinear(nn.Linear):
    """It may do anything."""


@pytest.mark.parametrize(
    ("module", "work"),
    [
        (nn.Linear(3, 2), 80),
        (nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.SiLU(), nn.Dropout(0.1)), 120),
        (nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Linear(3, 2)), math.inf),
        (nn.Conv1d(1, 1, 3), math.inf),
        (nn.MultiheadAttention(2, 1), math.inf),
        (nn.GRU(2, 2), math.inf),
        (nn.Sequential(UsersLinear(3, 2)), math.inf),
    ],
)
def test_the_work_of_dense_layers_is_known(module, work):
    assert work_of(module, 10) == work


class Note(Callback):
    """Note the number of threads, and what else somebody wants to know."""

    def __init__(self, ask=lambda: None):
        self.ask, self.n_threads, self.answers = ask, set(), set()

    def on_epoch_begin(self, net, **kwargs):
        self.n_threads.add(torch.get_num_threads())
        self.answers.add(self.ask())


def fail():
    raise RuntimeError("on purpose")


def model(note, **params):
    settings = {"hidden_layer_sizes": (8,), "max_iter": 1, "random_state": 0, "init": "random"}
    return AutoencoderTransformer(callbacks=[note], **{**settings, **params})


def test_a_fit_has_as_many_threads_as_a_step_is_worth(four, digits, monkeypatch):
    small, large = Note(), Note(fail)  # a step with several threads may take long
    model(small).fit(digits).partial_fit(digits)
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 5000)  # of 1138 weights and 16 rows
    with pytest.raises(RuntimeError, match="on purpose"):
        model(large, batch_size=16).fit(digits)
    assert (small.n_threads, large.n_threads) == ({1}, {3})
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("others", [False, True])
def test_the_setting_is_given_back_after_an_error(others, four, digits):
    waits = threading.Event()
    thread = threading.Thread(target=waits.wait)
    if others:
        thread.start()
    with pytest.raises(RuntimeError, match="on purpose"):
        model(Note(fail)).fit(digits)
    waits.set()
    assert torch.get_num_threads() == elsewhere(torch.get_num_threads) == 4


def test_fits_in_threads_do_not_show_each_other_what_they_have_set(four, digits):
    """A thread takes what was set last, by any of them, when it first asks torch for something."""
    fitted = model(Note()).fit(digits)
    first = Note(lambda: elsewhere(torch.get_num_threads))
    second = Note(lambda: elsewhere(lambda: verb(digits[:3])))

    def verb(X):
        fitted.transform(X)  # which does not wait for fits
        return torch.get_num_threads()

    def fit():
        model(second).fit(digits)
        return torch.get_num_threads()

    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(model(first).fit, digits)
        assert elsewhere(fit) == 4
        other.result()
    assert first.n_threads == second.n_threads == {1}
    assert first.answers == second.answers == {4}
    assert torch.get_num_threads() == elsewhere(torch.get_num_threads) == 4


def test_a_verb_has_as_many_threads_as_a_chunk_is_worth(four, digits, monkeypatch):
    """The net has 1138 weights, and the rows are 400."""
    fitted = model(Note()).fit(digits)
    seen = []
    fitted.module_.encoder.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    fitted.transform(digits)
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 100_000)
    fitted.transform(digits)
    fitted.transform(digits[:1])
    assert seen == [1, 3, 1]
