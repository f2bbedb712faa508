"""Files of numbers and texts only: nothing in them is run.

A file is one of safetensors. Its tensors are the arrays of what was written; its metadata have one
JSON text, which says where they belong, and a digest of it all.
"""

import hashlib
import json
import math
import os
import reprlib
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

# What new files may not be used for. It is read once, for it can be read only by setting it.
UMASK = os.umask(0o077)
os.umask(UMASK)
# Deeper than any estimator is, and far from the depth at which Python gives up.
MAX_DEPTH = 60


class FileError(ValueError):
    """A file can not be loaded: it is damaged, or it is none that `save` has written."""


def write(path, content, encoder=None, *, sync=True):
    """Write what an `Encoder` knows to a file, which is there as a whole or not at all.

    Parameters
    ----------
    path : str or path-like
    content : dict
    encoder : Encoder or None
        A fresh one, if it is another than `Encoder`.
    sync : bool
        Whether to wait until the file is safe from a loss of power.
    """
    safetensors = import_safetensors()
    encoder = encoder or Encoder()
    text = json.dumps({k: encoder(v, k) for k, v in content.items()}, allow_nan=False)
    metadata = {"skae": text, "digest": _digest(text, encoder.arrays)}
    data = safetensors.numpy.save(encoder.arrays, metadata)
    path = Path(os.path.realpath(path))  # the file that a link leads to
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}-")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.chmod(draft, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~UMASK)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def read(path):
    """The content of a file of `write`, not yet decoded, and its arrays.

    Whatever is wrong with a file, some exception says so.
    """
    safetensors = import_safetensors()
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if "skae" not in metadata:
        raise FileError("skae.save has not written it")
    text = metadata["skae"]
    if _digest(text, arrays) != metadata["digest"]:
        raise FileError("its digest is not that of its content: it is damaged")
    return json.loads(text), arrays


def import_safetensors():
    """The module, with `numpy` inside, or an ImportError that says what to do."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "save, load and checkpoint need safetensors: pip install 'skae[files]', or safetensors "
            "alone."
        ) from error
    return safetensors


def _digest(text, arrays):
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array)
    return digest.hexdigest()


class Encoder:
    """Turns plain values into what JSON can hold, and `arrays`."""

    def __init__(self):
        self.arrays, self.random_states = {}, []

    def __call__(self, value, where):
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is list:
            return [self(part, where) for part in value]
        if type(value) is tuple:
            return {"tuple": [self(part, where) for part in value]}
        if type(value) is dict:
            return {"dict": [[self(k, where), self(v, f"{where}.{k}")] for k, v in value.items()]}
        if isinstance(value, np.ndarray):
            return self.array(value, where)
        if isinstance(value, np.generic):
            return {"scalar": self.array(np.asarray(value), where)}
        if isinstance(value, slice):
            parts = value.start, value.stop, value.step
            return {"slice": [None if part is None else int(part) for part in parts]}
        if isinstance(value, np.random.RandomState) and _is_known(value):
            # A parameter and the state of a model may be one and the same.
            if value not in self.random_states:
                self.random_states.append(value)
                return {"random_state": self(value.get_state(legacy=False), where)}
            return {"same_random_state": self.random_states.index(value)}
        if isinstance(value, type) and issubclass(value, np.generic):
            return {"dtype": np.dtype(value).name}
        return self.other(value, where)

    def other(self, value, where):
        """What a derived encoder may know."""
        raise TypeError(
            f"{where} is {reprlib.repr(value)}, which a file of numbers and texts can not hold. "
            "Set it to something else with set_params, or take joblib."
        )

    def array(self, value, where):
        """What stands for an array, which is kept in `arrays` unless it has texts."""
        if value.dtype.kind in "OU":
            if not all(type(item) is str for item in value.ravel().tolist()):
                raise TypeError(f"{where} is an array of {value.dtype} with more than texts.")
            texts = [value.ravel().tolist(), list(value.shape)]
            return {"texts": [*texts, "O" if value.dtype.kind == "O" else value.dtype.str[1:]]}
        if value.dtype.kind not in "biuf":
            raise TypeError(f"{where} is an array of {value.dtype}, which no such file can hold.")
        name = f"{len(self.arrays)} {where}"
        value = np.ascontiguousarray(value).reshape(value.shape)
        self.arrays[name] = value.astype(value.dtype.newbyteorder("="))
        return {"array": name}


def _is_known(random_state):
    """Whether it has the generator that `RandomState` makes by itself."""
    return random_state.get_state(legacy=False)["bit_generator"] == "MT19937"


class Decoder:
    """The way back.

    Parameters
    ----------
    arrays : dict of ndarray
        Of the file.
    """

    def __init__(self, arrays):
        self.arrays, self.random_states = arrays, []

    def __call__(self, value, depth=0):
        if depth > MAX_DEPTH:
            raise FileError("it is nested too deeply")
        if isinstance(value, list):
            return [self(part, depth + 1) for part in value]
        if not isinstance(value, dict):
            return value
        if len(value) > 1:
            return self.other(value, depth)
        ((kind, content),) = value.items()
        if kind == "dict":
            return {self(k, depth + 1): self(v, depth + 1) for k, v in content}
        if kind in ("tuple", "scalar", "random_state"):
            content = self(content if kind != "tuple" else list(content), depth + 1)
        return self.kinds[kind](self, content)

    def other(self, value, depth):
        """What a derived decoder may know."""
        raise FileError(f"it has {sorted(value)}, which says nothing")

    def _random_state(self, state):
        # numpy trusts it to be whole, and reads beyond its end if it is not.
        if isinstance(state, dict):  # the first files have tuples
            inside = state["state"].values()
            state = state["bit_generator"], *inside, state["has_gauss"], state["gauss"]
        name, key, place, has_gauss, gauss = state
        if (
            name != "MT19937"
            or not (isinstance(key, np.ndarray) and key.dtype == np.uint32 and key.shape == (624,))
            or not (type(place) is int and 0 <= place <= 624)
            or not (type(has_gauss) is int and has_gauss in (0, 1) and type(gauss) is float)
        ):
            raise FileError("it has a generator in a state that none can be in")
        made = np.random.RandomState()
        made.set_state(state)
        self.random_states.append(made)
        return made

    def _texts(self, content):
        items, shape, kind = content
        if not all(isinstance(item, str) for item in items) or kind[0] not in "OU":
            raise FileError("an array of texts has something else")
        if kind != "O" and len(items) * int(kind[1:]) > 1000 + 100 * sum(map(len, items)):
            raise FileError("an array of texts is wider than its texts")
        return np.array(items, dtype=kind).reshape(shape)

    kinds = {
        "float": lambda self, value: {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[value],
        "tuple": lambda self, value: tuple(value),
        "array": lambda self, value: self.arrays.pop(value),  # each has one place
        "scalar": lambda self, value: value[()],
        "texts": _texts,
        "random_state": _random_state,
        "same_random_state": lambda self, value: self.random_states[value],
        "slice": lambda self, value: slice(*value),
        "dtype": lambda self, value: np.dtype(value).type,
    }
