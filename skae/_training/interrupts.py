"""Whether somebody has pressed Ctrl-C, and whether it is to end a fit or more."""

import contextlib
import signal
import sys
import threading
import time

# So soon after another, in seconds, a Ctrl-C is to end more than a fit.
SOON = 2.0
# Whose frames, further out, mean that a fit is one of many: a package, or a module. By joblib's go
# scikit-learn's searches, cross-validations and ensembles, in its processes as well.
_MANY = "joblib.parallel", "sklearn.model_selection._validation", "optuna"
# But by this module of scikit-learn joblib fits the parts of a ColumnTransformer or FeatureUnion,
# side by side, which are of one model.
_PARTS = "sklearn.pipeline"
_BETWEEN = "joblib", "sklearn.utils"


class Keyboard:
    """What is known of the keyboard: whether it has interrupted the process, and when last."""

    interrupted = False
    last = -float("inf")  # of all of them


def ends_more(interrupt):
    """Whether an interruption is to end more than the fit that it meets.

    It does if the fit is one of many, of a search or the like: who presses Ctrl-C there wants the
    end of all. That shows in the calls that have led here, since nobody tells a fit what it is for;
    a loop of the user's own shows nothing, nor does the last fit of a search, that of its best
    parameters, which ends it anyway. So a second Ctrl-C soon after the first ends more, too.

    Parameters
    ----------
    interrupt : KeyboardInterrupt
        As it was caught.
    """
    return getattr(interrupt, "came_soon", False) or _is_one_of_many(sys._getframe(1))


def _is_one_of_many(frame):
    inner = ""
    while frame is not None:
        name = frame.f_globals.get("__name__") or ""
        if _is_in(name, _MANY) and not (name == "joblib.parallel" and inner == _PARTS):
            return True
        if not _is_in(name, _BETWEEN):
            inner = name
        frame = frame.f_back
    return False


def _is_in(name, packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@contextlib.contextmanager
def watch_for_interrupts():
    """Note a Ctrl-C that raises KeyboardInterrupt inside the context, which others raise as well.

    Signals reach the main thread only, and a handler that is not Python's may not be replaced:
    elsewhere nothing is ever noted.
    """
    keyboard, before = Keyboard(), signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield keyboard
        return

    def handler(number, frame):
        now = time.monotonic()
        came_soon = now - Keyboard.last < SOON  # before a handler further out takes note
        try:
            before(number, frame)
        except KeyboardInterrupt as interrupt:
            keyboard.interrupted, Keyboard.last = True, now
            interrupt.came_soon = came_soon
            raise

    signal.signal(signal.SIGINT, handler)
    try:
        yield keyboard
    finally:
        if signal.getsignal(signal.SIGINT) is handler:
            signal.signal(signal.SIGINT, before)
