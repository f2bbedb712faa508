"""Whether somebody has pressed Ctrl-C."""

import contextlib
import signal
import threading


class Keyboard:
    """What is known of the keyboard: whether it has interrupted the process."""

    interrupted = False


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
        try:
            before(number, frame)
        except KeyboardInterrupt:
            keyboard.interrupted = True
            raise

    signal.signal(signal.SIGINT, handler)
    try:
        yield keyboard
    finally:
        if signal.getsignal(signal.SIGINT) is handler:
            signal.signal(signal.SIGINT, before)
