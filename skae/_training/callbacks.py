"""Callbacks of skorch: whose they are, and which do not go with what is trained here."""

from functools import partial

from skorch.callbacks import (
    BatchScoring,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    InputShapeSetter,
    LRScheduler,
    PrintLog,
    WandbLogger,
)


def is_own(callback):
    """Whether a callback is none of the user's: ours say that they hear of whole epochs only."""
    return isinstance(callback, EpochTimer) or not getattr(callback, "hears_batches", True)


def print_epochs(callbacks):
    """Whether one of them prints, which it does for nets that are verbose only."""
    return any(isinstance(_bare(given), PrintLog) for given in callbacks)


def _bare(given):
    """The callback without its name; of a class, which skorch takes too, an object."""
    callback = given[-1] if isinstance(given, tuple) else given
    if not (isinstance(callback, type) and hasattr(callback, "on_train_begin")):
        return callback
    try:
        return callback()
    except TypeError:  # what it needs may be among the settings of the net
        return callback.__new__(callback)


def check_callbacks(callbacks):
    """Refuse what is no callback, and what can not do here what it is for.

    Parameters
    ----------
    callbacks : list
        The user's: objects or classes, or pairs of a name and one of them.
    """
    for given in callbacks:
        callback = _bare(given)
        if not hasattr(callback, "on_train_begin"):
            raise ValueError(
                f"callbacks has {given!r}, which is no skorch callback: give objects of "
                "skorch.callbacks or of classes derived from skorch.callbacks.Callback."
            )
        why = _refusal(callback)
        if why is not None:
            raise ValueError(f"callbacks has {_name(callback)}, {why}")


def _refusal(callback):
    """What is wrong with a callback, and what to do instead; or None."""
    if isinstance(callback, Checkpoint | EarlyStopping) and callback.load_best:
        return (
            "which would put another epoch in the place of the one that is kept. Leave out "
            "load_best, and set early_stopping=True: the best epoch is kept then."
        )
    if isinstance(callback, BatchScoring):
        return (
            "which scores the predictions for a batch, but a batch here has terms of a loss. Their "
            "means over each epoch are there without it, as in net_.history[:, 'train_loss']; for "
            "anything else use EpochScoring with a function (net, X, y)."
        )
    if isinstance(callback, EpochScoring) and not _is_function(vars(callback).get("scoring", len)):
        return (
            f"whose scoring={callback.scoring!r} is for the predictions of a net, but this net "
            "has terms of a loss. Give a function (net, X, y) that returns a number, or "
            "scikit-learn's ScoringMonitor to set_callbacks, which is told the estimator."
        )
    if isinstance(callback, InputShapeSetter):
        return "which is not needed: an architecture is told the number of features. Leave it out."
    return None


def _name(callback):
    load_best = "(load_best=True)" if getattr(callback, "load_best", False) else ""
    return type(callback).__name__ + load_best


def _is_function(scoring):
    """Whether it is neither a name nor a metric or a scorer of scikit-learn's."""
    what = scoring.func if isinstance(scoring, partial) else scoring
    module = getattr(what, "__module__", None) or type(what).__module__
    return callable(scoring) and not module.startswith("sklearn.metrics")


def check_for_training(callbacks, learning_rate, has_held_out):
    """Refuse what does not go with the settings of a training.

    Parameters
    ----------
    callbacks : list of callbacks
    learning_rate : {"constant", "annealed"}
    has_held_out : bool
        Whether there are rows to validate on.
    """
    for callback in callbacks:
        if learning_rate == "annealed" and isinstance(callback, LRScheduler):
            raise ValueError(
                "callbacks has an LRScheduler, which would fight with learning_rate='annealed'. "
                "Set learning_rate='constant' and leave the course to the callback."
            )
        if has_held_out:
            continue
        advice = "Set early_stopping=True or give X_val to fit; partial_fit holds nothing out."
        if isinstance(callback, WandbLogger) and callback.save_model:
            raise ValueError(
                "callbacks has a WandbLogger, which saves the epoch of the best valid_loss, but no "
                f"rows are held out. Give it save_model=False. {advice}"
            )
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor.startswith("valid"):
            raise ValueError(
                f"callbacks has {_name(callback)} with monitor={monitor!r}, but no rows are held "
                f"out. Let it monitor {monitor.replace('valid', 'train', 1)!r}. {advice}"
            )
