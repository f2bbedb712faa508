"""The state of a fit in a file, from which it goes on where it was killed."""

import hashlib
import math
import re
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from skae._batches import chunks, dense_block
from skae._files import Decoder, import_safetensors, read, write
from skae._net_state import pack, to_arrays, to_tensors, unpack

# Rows are told apart by so many bytes of them, spread evenly.
MAX_SEEN_BYTES = 2**28
# What has no part in the result, or, the generator, is in the file.
_OUTSIDE = ("callbacks", "checkpoint", "device", "random_state", "verbose")


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
        self.random_state = None
        if self.path.exists():
            self._read()

    def _read(self):
        try:
            content, arrays = read(self.path)
            decode = Decoder(arrays)
            random_state, trainings = (decode(content[k]) for k in ("random_state", "trainings"))
        except Exception as error:  # whatever a damaged file leads to
            warnings.warn(
                f"The checkpoint {self.path} is damaged, so training starts again: {error}",
                stacklevel=6,
            )
        else:
            self.random_state, self.trainings = random_state, trainings

    def begins(self, random_state):
        """The fit begins; returns the generator that it, or the one that was killed, has."""
        if self.random_state is not None:
            if random_state is np.random.mtrand._rand:  # of the process, not of this fit
                random_state = np.random.RandomState()
            random_state.set_state(self.random_state)
        self.random_state = random_state.get_state()
        return random_state

    def next_training(self):
        """The next training begins; returns how many of its epochs are known, and if it ended."""
        self.number += 1
        known = self.trainings[self.number :][:1]
        return (known[0]["n_epochs"], known[0]["stops"]) if known else (0, False)

    def resume(self, net, keep_best):
        """Take a net that begins to train to where it was."""
        if self.number >= len(self.trainings):
            return
        state = self.trainings[self.number]
        unpack(net, state["net"], to_train=True)
        net.last_terms_ = state["last_terms"]
        if keep_best is not None:
            vars(keep_best).update(to_tensors(state["keep_best"]))
        for name, generator in _generators(net).items():
            generator.set_state(torch.from_numpy(state["generators"][name]))
        if net.reports_batches_:
            warnings.warn(
                "Training goes on from a checkpoint, but callbacks begin anew: what they knew of "
                "earlier epochs is not there.",
                stacklevel=2,
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
                    for name, generator in _generators(net).items()
                },
            }
        ]
        try:
            content = {"random_state": self.random_state, "trainings": self.trainings}
            write(self.path, content, sync=False)
        except (OSError, TypeError) as error:
            if not self.failed:
                warnings.warn(
                    f"The checkpoint {self.path} can not be written: {error}. Training goes on; "
                    "if it is killed, it starts again from an earlier epoch.",
                    stacklevel=2,
                )
            self.failed = True

    def is_over(self):
        """The fit has ended, and needs no file any more."""
        # A process that was killed while it wrote has left what it wrote.
        for path in (self.path, *self.path.parent.glob(f".{self.path.name}-*")):
            with suppress(OSError):
                path.unlink()


def _generators(net):
    """Torch's generators that training draws from."""
    generators = {"cpu": torch.default_generator}
    device = torch.device(net.device)
    if device.type == "cuda":
        generators["device"] = torch.cuda.default_generators[
            torch.cuda.current_device() if device.index is None else device.index
        ]
    return generators


def key_of_fit(estimator, *tables):
    """What tells a fit from another one: the class, its parameters, what it has learned, rows.

    Parameters
    ----------
    estimator : NeuralEstimator
    *tables : array, CSR matrix or None
        What it is given.
    """
    digest = hashlib.sha256(type(estimator).__name__.encode())
    params = {k: v for k, v in estimator.get_params().items() if k.split("__")[0] not in _OUTSIDE}
    if isinstance(estimator.random_state, int | np.integer):
        params["random_state"] = int(estimator.random_state)
    _add(digest, params)
    if hasattr(estimator, "net_"):
        _add(digest, pack(estimator.net_, with_optimizers=False))
    for table in tables:
        if table is None:
            digest.update(b"none")
            continue
        digest.update(f"{table.shape} {table.dtype}".encode())
        n_rows, row_bytes = table.shape[0], table.dtype.itemsize * math.prod(table.shape[1:])
        seen = np.linspace(0, n_rows - 1, min(n_rows, max(1, MAX_SEEN_BYTES // row_bytes)))
        for chunk in chunks(len(seen)):
            digest.update(np.ascontiguousarray(dense_block(table, seen.astype(int)[chunk])))
    return f"{type(estimator).__name__}-{digest.hexdigest()[:16]}"


def _add(digest, value):
    """Add a value as a text that is the same in another process."""
    if isinstance(value, dict):
        for name in sorted(value, key=str):
            digest.update(f"{name}:".encode())
            _add(digest, value[name])
    elif isinstance(value, list | tuple):
        for part in value:
            _add(digest, part)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value) if value.dtype != object else b"")
    elif isinstance(value, type) or hasattr(value, "get_params") or hasattr(value, "__qualname__"):
        named = value if hasattr(value, "__qualname__") else type(value)
        digest.update(f"{named.__module__}.{named.__qualname__}".encode())
    else:
        digest.update(re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value)).encode())
    digest.update(b";")
