"""Fits inside a model, which tools that watch scikit-learn do not see.

Such a tool, as MLflow's autologging, puts wrappers in the place of methods of scikit-learn's
classes, and takes what is fitted for the user's model. What a model fits inside it is none, nor are
the estimators that those make and fit in their turn.
"""

import functools
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from types import FunctionType

from sklearn.base import BaseEstimator

FITS = "fit", "fit_predict", "fit_transform", "partial_fit"

_is_inside = ContextVar("_is_inside", default=False)
_lock = Lock()
# How many are inside, and what stood in the classes before.
_n_inside, _watched = 0, {}


@contextmanager
def unwatched():
    """A context in which scikit-learn's own methods fit, and no wrapper of another package's.

    What other threads fit meanwhile is watched as before. Where nobody watches it does nothing.
    """
    token = _is_inside.set(True)
    _enter()
    try:
        yield
    finally:
        _leave()
        _is_inside.reset(token)


def _enter():
    global _n_inside
    with _lock:
        if not _n_inside:
            for cls, name, watched, own in _wrapped_fits():
                _watched[cls, name] = watched
                setattr(cls, name, _choosing(watched, own))
        _n_inside += 1


def _leave():
    global _n_inside
    with _lock:
        _n_inside -= 1
        if not _n_inside:
            for (cls, name), watched in _watched.items():
                setattr(cls, name, watched)
            _watched.clear()


def _choosing(watched, own):
    """The tool's method, but inside scikit-learn's own."""

    @functools.wraps(watched)
    def fit(self, *args, **kwargs):
        method = own if _is_inside.get() else watched
        return method.__get__(self, type(self))(*args, **kwargs)

    return fit


def _wrapped_fits():
    """What others have wrapped: the class, the name, the method as it is and as it was written."""
    bases = {base for cls in _subclasses(BaseEstimator) for base in cls.__mro__}
    for cls in bases:
        for name in FITS:
            own = watched = vars(cls).get(name)
            while not _is_sklearn(_origin(own)) and hasattr(own, "__wrapped__"):
                own = own.__wrapped__
            if own is not watched and _is_sklearn(cls.__module__):
                yield cls, name, watched, own


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
