"""How many threads torch computes with: as many as the work is worth and the cores allow."""

import math
import os
import threading
from contextlib import contextmanager

import torch
from joblib import cpu_count
from torch import nn

# So many multiplications of one forward pass are worth a thread. Each operation waits for all of
# its threads: a second one saves little of the time of a small step where nothing else runs, and
# where other processes want the cores such a step takes many times as long.
WORTH_A_THREAD = 2**25
_IMPORTED_IN = os.getpid()
_SETTING = threading.Lock()


def _after_fork():
    """What another thread held when the process was forked nobody would give back."""
    global _SETTING
    _SETTING = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
    os.register_at_fork(after_in_child=_after_fork)


def work_of(module, n_rows):
    """The multiplications of a forward pass, or infinity where that is not known.

    Of a dense layer each weight is one for each row. Convolutions, and modules of the user's own,
    may use a weight any number of times.

    Parameters
    ----------
    module : nn.Module
    n_rows : int
    """
    if not all(map(_is_dense, module.modules())):
        return math.inf
    return n_rows * sum(parameter.numel() for parameter in module.parameters())


def _is_dense(part):
    root, *_, room = type(part).__module__.split(".")
    is_layer = isinstance(part, _LAYERS) or (room in _ELEMENTWISE and not part._parameters)
    return root == "skae" or (root == "torch" and is_layer)


_LAYERS = nn.Linear, nn.LayerNorm, nn.modules.batchnorm._NormBase, nn.ParameterList
_ELEMENTWISE = "activation", "container", "dropout", "linear"


class _Choice(threading.local):
    """What the outermost `threads_for` of a thread has found, and what the innermost has set."""

    callers = chosen = None


_CHOICE = _Choice()


@contextmanager
def threads_for(work=None):
    """As many threads as some work is worth, never more than the caller's or than cores.

    The caller is who calls skae: within work that is worth little there may be some that is worth
    more. The cores are those that this process may use, by its affinity and the quota of its
    container. What other processes do with them is not asked: the same fit would not always be the
    same bits.

    Parameters
    ----------
    work : function or None
        Gives the multiplications of a step or a chunk; it is asked only where there is a choice.
        None means few.
    """
    before, outer = _get(), (_CHOICE.callers, _CHOICE.chosen)
    callers = outer[0] if before == outer[1] else before  # who is called back may set another
    n_threads = 1 if callers == 1 else _n_threads(work, callers)
    try:
        _CHOICE.callers, _CHOICE.chosen = callers, n_threads
        if n_threads != before:
            _set(n_threads)
        yield
    finally:
        _CHOICE.callers, _CHOICE.chosen = outer
        if n_threads != before:
            _set(before)


def _n_threads(work, most):
    if work is None or os.getpid() != _IMPORTED_IN:  # of a fork the threads of OpenMP are gone
        return 1
    n_worth = min(most, work() // WORTH_A_THREAD)
    return int(min(n_worth, cpu_count())) if n_worth > 1 else 1


def _get():
    with _SETTING:
        return torch.get_num_threads()


def _set(n_threads):
    """Set the number of threads of this thread, and leave that of others to come as it is.

    Each thread has a number of its own, which it takes when it first asks torch for anything: the
    one that was set last, by whom so ever. Who comes while this one is at work should not take
    over what was set for that.
    """
    if threading.active_count() == 1:  # there is nobody who could bring another one
        torch.set_num_threads(n_threads)
        return
    with _SETTING:
        of_others = _in_new_thread(torch.get_num_threads)
        torch.set_num_threads(n_threads)
        if of_others != n_threads:
            _in_new_thread(torch.set_num_threads, of_others)


def _in_new_thread(function, *args):
    found = []
    thread = threading.Thread(target=lambda: found.append(function(*args)))
    thread.start()
    thread.join()
    return found[0]
