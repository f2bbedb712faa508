"""Fits inside a model, which tools that watch scikit-learn do not see.

Such a tool, as MLflow's autologging, puts wrappers in the place of methods of scikit-learn's
classes, and takes what is fitted for the user's model. What a model fits inside it is none, nor are
the estimators that those make and fit in their turn.
"""

import functools
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock, Thread
from types import FunctionType, SimpleNamespace

from sklearn.base import BaseEstimator

FITS = "fit", "fit_predict", "fit_transform", "partial_fit"

# The block that a thread is in: its own, or that in which it was started.
_block = ContextVar("_block", default=None)
_lock = Lock()
# How many are inside, and what was put where: the place, the name, what stood there, and what does.
_n_inside, _replaced = 0, []


@contextmanager
def unwatched():
    """A context in which scikit-learn's own methods fit, and no wrapper of another package's.

    So do threads that are started in it, as joblib's are, until it ends. What other threads fit
    meanwhile is watched as before. Where nobody watches it does nothing.
    """
    block = SimpleNamespace(is_open=True)
    token = _block.set(block)
    _enter()
    try:
        yield
    finally:
        _leave()
        block.is_open = False
        _block.reset(token)


def _enter():
    global _n_inside
    with _lock:
        if not _n_inside:
            for place, name, watched, own in _wrapped_fits():
                _replace(place, name, watched, _choosing(watched, own))
            if _replaced:  # before Python 3.14 a thread takes over nothing from the one it comes of
                _replace(Thread, "start", Thread.start, _starting(Thread.start))
        _n_inside += 1


def _replace(place, name, before, after):
    _replaced.append((place, name, before, after))
    setattr(place, name, after)


def _leave():
    global _n_inside
    with _lock:
        _n_inside -= 1
        if not _n_inside:
            for place, name, before, after in _replaced:
                if vars(place).get(name) is after:  # else the tool has been switched off meanwhile
                    setattr(place, name, before)
            _replaced.clear()


def _is_inside():
    block = _block.get()
    return block is not None and block.is_open


def _choosing(watched, own):
    """The tool's method, but inside scikit-learn's own."""

    @functools.wraps(watched)
    def fit(self, *args, **kwargs):
        method = own if _is_inside() else watched
        return method.__get__(self, type(self))(*args, **kwargs)

    return fit


def _starting(start):
    """What starts a thread, which is inside if that is which starts it."""

    @functools.wraps(start)
    def start_inside(thread):
        if _is_inside():
            thread.run = functools.partial(_run, _block.get(), thread.run)
        return start(thread)

    return start_inside


def _run(block, run):
    _block.set(block)
    run()


def _wrapped_fits():
    """What others have wrapped: the place, the name, the method as it is and as it was."""
    bases = {base for cls in _subclasses(BaseEstimator) for base in cls.__mro__}
    for cls in filter(lambda cls: _is_sklearn(cls.__module__), bases):
        for name in FITS:
            place, key, watched = cls, name, vars(cls).get(name)
            if hasattr(watched, "fn"):  # of `available_if`, which is wrapped from within
                place, key, watched = watched, "fn", watched.fn
            own = watched
            while not _is_sklearn(_origin(own)) and hasattr(own, "__wrapped__"):
                own = own.__wrapped__
            if own is not watched:
                yield place, key, watched, own


def _subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _origin(method):
    """The module that a function was written in: what wraps one takes over its `__module__`."""
    if type(method) is FunctionType:
        return method.__globals__["__name__"]
    return type(method).__module__


def _is_sklearn(module):
    return module.split(".")[0] == "sklearn"
