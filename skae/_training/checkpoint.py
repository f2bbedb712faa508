"""The state of a fit in a file, from which it goes on where it was killed."""

import functools
import hashlib
import inspect
import math
import re
import types
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback

from skae._files import Decoder, import_safetensors, read, write
from skae._rows.checks import warn_user
from skae._rows.source import as_source, chunks
from skae._training.device import generators
from skae._training.state import pack, to_arrays, to_tensors, unpack

# Rows are told apart by so many bytes of them, spread evenly.
MAX_SEEN_BYTES = 2**28
# What has no part in the result; the generator is looked at as it is when the fit begins.
_OUTSIDE = ("checkpoint", "device", "random_state", "verbose")


class Checkpoint:
    """A file of the trainings of a fit, of which there may be several, one after the other.

    Who goes on does again all that `fit` does, in the same order and with the same random numbers,
    but instead of training an epoch that was trained already its outcome is read.

    Parameters
    ----------
    folder : str or path-like
        Where the file is or will be; it is made if it is not there.
    key : str
        What fit it is.
    """

    def __init__(self, folder, key):
        import_safetensors()
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.path = Path(folder) / f"{key}.safetensors"
        self.trainings, self.number, self.failed = [], -1, False
        if self.path.exists():
            self._read()

    def _read(self):
        try:
            content, arrays = read(self.path)
            trainings = Decoder(arrays)(content["trainings"])
        except Exception as error:  # whatever a damaged file leads to
            warn_user(
                f"The checkpoint {self.path} is damaged, so training starts again: {error}",
            )
        else:
            self.trainings = trainings

    def next_training(self):
        """The next training begins; returns how many of its epochs are known, and if it ended."""
        self.number += 1
        # One that diverged in its first epoch has left nothing.
        self.trainings += [None] * (self.number + 1 - len(self.trainings))
        known = self.trainings[self.number]
        return (0, False) if known is None else (known["n_epochs"], known["stops"])

    def resume(self, net, keep_best):
        """Take a net that begins to train to where it was."""
        state = self.trainings[self.number]
        if state is None:
            return
        try:
            unpack(net, state["net"], to_train=True)
        except Exception as error:
            raise ValueError(
                f"The checkpoint {self.path} is of another model: {error}. Remove it, or give "
                "another folder."
            ) from error
        net.last_terms_ = state["last_terms"]
        if keep_best is not None:
            vars(keep_best).update(to_tensors(state["keep_best"]))
        for name, generator in generators(net.device).items():
            generator.set_state(torch.from_numpy(state["generators"][name]))
        if net.reports_batches_:
            warn_user(
                "Training goes on from a checkpoint, but callbacks begin anew: what they knew of "
                "earlier epochs is not there.",
            )

    def keep(self, net, keep_best):
        """Write where training is, after an epoch; that it can not be written does not end it."""
        self.trainings[self.number :] = [
            {
                "net": pack(net, with_optimizers=True),
                "n_epochs": len(net.history) - net.epochs_before_,
                "stops": bool(net.stops_),
                "last_terms": net.last_terms_,
                "keep_best": keep_best and to_arrays(keep_best.known()),
                "generators": {
                    name: generator.get_state().numpy()
                    for name, generator in generators(net.device).items()
                },
            }
        ]
        try:
            write(self.path, {"trainings": self.trainings}, sync=False)
        except (OSError, TypeError) as error:
            if not self.failed:
                warn_user(
                    f"The checkpoint {self.path} can not be written: {error}. Training goes on; "
                    "if it is killed, it starts again from an earlier epoch.",
                )
            self.failed = True

    def is_over(self):
        """The fit has ended, and needs no file any more."""
        # A process that was killed while it wrote has left what it wrote.
        for path in (self.path, *self.path.parent.glob(f".{self.path.name[:100]}-*")):
            with suppress(OSError):
                path.unlink()


def open_checkpoint(folder, name, params, net, random_state, tables):
    """The checkpoint of a fit in a folder; None where no folder is given.

    The other parameters are those of `key_of_fit`.
    """
    if folder is None:
        return None
    if random_state is np.random.mtrand._rand:
        raise ValueError(
            "checkpoint needs random_state: without it no fit is the same as the one that "
            "was killed. Set random_state to an integer."
        )
    return Checkpoint(folder, key_of_fit(name, params, net, random_state, tables))


def key_of_fit(name, params, net, random_state, tables):
    """What tells a fit from another one.

    Parameters
    ----------
    name : str
        Of the class.
    params : dict
        Of the estimator.
    net : ObjectiveNet or None
        What it has learned.
    random_state : RandomState
        The generator of the fit.
    tables : list of arrays, CSR matrices and None
        What it is given.
    """
    digest = hashlib.sha256(f"{name} {torch.__version__}".encode())
    _add(digest, {name: value for name, value in params.items() if name not in _OUTSIDE})
    _add(digest, random_state.get_state(legacy=False))
    if net is not None:
        packed = pack(net, with_optimizers=True)
        _add(digest, [packed["module"], packed["training"], len(packed["history"])])
    for table in tables:
        if table is None:
            digest.update(b"none")
            continue
        table = as_source(table)
        digest.update(f"{table.shape} {table.dtype}".encode())
        n_rows, row_bytes = table.shape[0], table.dtype.itemsize * math.prod(table.shape[1:])
        seen = np.linspace(0, n_rows - 1, min(n_rows, max(1, MAX_SEEN_BYTES // row_bytes)))
        for chunk in chunks(len(seen)):
            digest.update(np.ascontiguousarray(table.block(seen.astype(int)[chunk])))
    return f"{name}-{digest.hexdigest()[:16]}"


def _add(digest, value, inside=()):
    """Add what makes a value, in a form that is the same in another process."""
    if id(value) in inside:
        return
    inside = (*inside, id(value))
    for part in _parts(value):
        if isinstance(part, bytes | memoryview):
            digest.update(part)
        else:
            _add(digest, part, inside)
    digest.update(b";")


def _parts(value):
    """Bytes, and further values."""
    if isinstance(value, dict):
        return [part for name in sorted(value, key=str) for part in (str(name), value[name])]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, torch.Tensor):
        return [value.detach().cpu().numpy()]
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [value.tolist()]
    if isinstance(value, np.ndarray):
        shape = f"{value.dtype} {value.shape}".encode()
        return [shape, memoryview(np.ascontiguousarray(value)).cast("B") if value.size else b""]
    if isinstance(value, list | tuple):
        return [str(len(value)).encode(), *value]
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return [_name(value), value.__code__, value.__defaults__, value.__kwdefaults__, cells]
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, types.ModuleType):
        return [value.__name__.encode()]
    if isinstance(value, types.CodeType):
        return [value.co_code, value.co_consts, value.co_names]
    if isinstance(value, type):
        return [_name(value), _source(value)]
    if isinstance(value, np.random.RandomState):
        return [value.get_state(legacy=False)]
    if hasattr(value, "__dict__"):
        return [type(value), vars(value)]
    return [re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value)).encode()]


def _name(value):
    return f"{value.__module__}.{value.__qualname__}".encode()


def _source(cls):
    """The text of a class of the user's own, which may change between two runs."""
    if cls.__module__.partition(".")[0] in ("builtins", "numpy", "skae", "sklearn", "torch"):
        return b""
    try:
        return inspect.getsource(cls).encode()
    except (OSError, TypeError):
        return b""


class Keep(Callback):
    """Keep the state of training in a file after each epoch; begin from it, if there is one.

    Parameters
    ----------
    checkpoint : Checkpoint
    keep_best : KeepBest or None
    """

    hears_batches = False

    def __init__(self, checkpoint, keep_best):
        self.checkpoint, self.keep_best = checkpoint, keep_best

    def on_train_begin(self, net, **kwargs):
        """Go to where the last one was."""
        self.checkpoint.resume(net, self.keep_best)

    def on_epoch_end(self, net, **kwargs):
        """Write."""
        self.checkpoint.keep(net, self.keep_best)
