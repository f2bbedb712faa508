"""Files of fitted estimators that hold numbers and texts only: nothing in them is run.

A file is one of safetensors. Its tensors are the arrays of the estimator; its metadata have one
JSON text, which says where they belong, and a digest of it all.
"""

import hashlib
import importlib
import json
import math
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch.utils._python_dispatch import TorchDispatchMode

import skae
import skae.architectures

__all__ = ["FileError", "load", "save"]

FORMAT = 1
# Where scikit-learn's estimators may come from, such as those beside ours in a Pipeline. A class is
# looked up there by its name; it is never called, its attributes are set.
SKLEARN = (
    "compose",
    "covariance",
    "decomposition",
    "discriminant_analysis",
    "impute",
    "linear_model",
    "mixture",
    "naive_bayes",
    "neural_network",
    "pipeline",
    "preprocessing",
)
# What new files may not be used for. It is read once, for it can be read only by setting it.
UMASK = os.umask(0o077)
os.umask(UMASK)
# Deeper than any estimator is, and far from the depth at which Python gives up.
MAX_DEPTH = 60


class FileError(ValueError):
    """A file can not be loaded: it is damaged, or it is none that `save` has written."""


def save(estimator, path):
    """Write a fitted estimator to a file that `load` reads without running anything from it.

    The file is written beside `path` first, so that one which is there already stays whole until
    the new one is.

    Parameters
    ----------
    estimator : estimator of skae
        A fitted one. Estimators of scikit-learn within it, such as the steps of a Pipeline, are
        written as well if their attributes are numbers, texts and arrays.
    path : str or path-like
        Where to; by custom with the suffix ``.safetensors``.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If a parameter or an attribute is something that such a file can not hold: a function, a
        callback, a tree. The message names it.
    ImportError
        If safetensors is not installed.

    See Also
    --------
    load : Reads the file.
    skae.export.to_onnx : For where there is no Python.

    Notes
    -----
    What only serves to go on with training is kept where it is needed: with ``warm_start=True``,
    and after `partial_fit`.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer, load, save
    >>> X, _ = load_iris(return_X_y=True)
    >>> model = AutoencoderTransformer(2, max_iter=5, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     save(model, path)
    ...     loaded = load(path)
    >>> bool((loaded.transform(X) == model.transform(X)).all())
    True
    """
    safetensors = _safetensors()
    if type(estimator) not in _own_classes().values() or not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"save takes estimators of skae, not {type(estimator).__name__}. For a Pipeline take "
            "joblib or skops."
        )
    check_is_fitted(estimator)
    encoder = _Encoder()
    text = json.dumps(
        {
            "format": FORMAT,
            "versions": {"skae": skae.__version__, "torch": torch.__version__},
            "estimator": encoder(estimator, type(estimator).__name__),
        },
        allow_nan=False,
    )
    metadata = {"skae": text, "digest": _digest(text, encoder.arrays)}
    data = safetensors.numpy.save(encoder.arrays, metadata)
    path = Path(os.path.realpath(path))  # the file that a link leads to
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=".skae-")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~UMASK)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def load(path, *, classes=()):
    """Read an estimator from a file of `save`.

    No code comes from the file: it can name classes of skae and of scikit-learn, whose attributes
    are set to what it holds, and the `classes` that are given here.

    Parameters
    ----------
    path : str or path-like
        The file.
    classes : iterable of classes and functions, default=()
        Your own that the estimator is made with, such as the modules of a `TorchArchitecture`. They
        are found by their names.

    Returns
    -------
    estimator : estimator of skae
        Fitted, with the same outputs to the bit on the same machine. It is on the device that its
        parameter `device` says if there is such a one here, else on the CPU.

    Raises
    ------
    FileError
        If the file is damaged, if it was not written by `save`, by a newer version of skae, or with
        classes that were not given. It is a ValueError.
    FileNotFoundError
        If there is no such file.
    ImportError
        If safetensors is not installed.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    >>> from skae import load
    >>> load("nothing.safetensors")
    Traceback (most recent call last):
    ...
    FileNotFoundError: [Errno 2] No such file or directory: 'nothing.safetensors'
    """
    safetensors = _safetensors()
    path = Path(path)
    with open(path, "rb"):  # that it is there, and can be read, is no question of its content
        pass
    classes = list(classes)
    given = {thing.__name__: thing for thing in classes}
    if len(given) < len(classes):
        raise ValueError("classes has two of one name. Rename one of them, or take joblib.")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if "skae" not in metadata:
            raise FileError("skae.save has not written it")
        text = metadata["skae"]
        if _digest(text, arrays) != metadata["digest"]:
            raise FileError("its digest is not that of its content: it is damaged")
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise FileError(
                f"it has format {content['format']}, written by skae {content['versions']['skae']};"
                f" this is skae {skae.__version__}, which knows {FORMAT}: update it"
            )
        with _AtMost(arrays.values(), slack=1000 if classes else 1):
            estimator = _Decoder(arrays, given)(content["estimator"])
        if type(estimator) not in _own_classes().values():
            raise FileError("it holds no estimator of skae")
        check_is_fitted(estimator)
    except Exception as error:  # whatever a hostile file leads to
        reason = error if isinstance(error, FileError) else f"{type(error).__name__}: {error}"
        raise FileError(f"{path} can not be loaded: {reason}") from error
    return estimator


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "save and load need safetensors: pip install 'skae[files]', or safetensors alone."
        ) from error
    return safetensors


def _digest(text, arrays):
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array)
    return digest.hexdigest()


def _own_classes():
    return {
        name: getattr(module, name)
        for module in (skae.architectures, skae)
        for name in module.__all__
        if isinstance(getattr(module, name), type)
    }


def _name(thing):
    """What a class or a function is called in a file: package and name."""
    if thing in _own_classes().values():
        return f"skae.{thing.__name__}"
    root, package, *_ = f"{thing.__module__}..".split(".")
    is_estimator = isinstance(thing, type) and issubclass(thing, BaseEstimator)
    if root == "sklearn" and package in SKLEARN and is_estimator:
        return f"{package}.{thing.__name__}"
    return f"yours.{thing.__name__}"


class _AtMost(TorchDispatchMode):
    """Refuse tensors that are far more, or far larger, than what a file holds.

    The layers are built anew from the sizes that the file names, and then filled from it. Modules
    of the user's own get some `slack`, for they may need more than what is in the file.
    """

    def __init__(self, arrays, slack):
        super().__init__()
        self.n_left = slack * (1000 + 100 * len(arrays))
        self.n_values = slack * (100_000 + 10 * sum(array.size for array in arrays))

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.n_left -= 1
        sizes = [value for value in args if isinstance(value, list | tuple)]
        sizes = [value for value in sizes if all(isinstance(n, int) for n in value)]
        if self.n_left < 0 or any(math.prod(value) > self.n_values for value in sizes):
            raise FileError("it names layers that are larger than all that it holds")
        return operation(*args, **(kwargs or {}))


class _Encoder:
    """Turns an estimator into what JSON can hold, and `arrays`."""

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
        if isinstance(value, np.random.RandomState):
            # A parameter and the state of a model may be one and the same.
            if value not in self.random_states:
                self.random_states.append(value)
                return {"random_state": self(value.get_state(), where)}
            return {"same_random_state": self.random_states.index(value)}
        if isinstance(value, torch.device):
            return {"device": str(value)}
        if isinstance(value, type) and issubclass(value, np.generic):
            return {"dtype": np.dtype(value).name}
        if isinstance(value, BaseEstimator):
            state = dict(value.__getstate__())
            if state.get("_latent_density") is not None:
                state["_latent_density"] = None  # fitted again, with the same seed, when needed
            return {"object": _name(type(value)), "state": self(state, where)}
        if callable(value) and getattr(value, "__name__", "<lambda>") != "<lambda>":
            return {"class": _name(value)}
        raise TypeError(
            f"{where} is {value!r}, which a file of numbers and texts can not hold. Set it to "
            "something else with set_params, or take joblib."
        )

    def array(self, value, where):
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


class _Decoder:
    """The way back."""

    def __init__(self, arrays, classes):
        self.arrays, self.given, self.random_states = arrays, classes, []

    def __call__(self, value, depth=0):
        if depth > MAX_DEPTH:
            raise FileError("it is nested too deeply")
        if isinstance(value, list):
            return [self(part, depth + 1) for part in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"object", "state"}:
            return self.object(value["object"], self(value["state"], depth + 1))
        ((kind, content),) = value.items()
        if kind == "dict":
            return {self(k, depth + 1): self(v, depth + 1) for k, v in content}
        if kind in ("tuple", "scalar", "random_state"):
            content = self(content if kind != "tuple" else list(content), depth + 1)
        return _DECODERS[kind](self, content)

    def find(self, name):
        package, _, name = name.partition(".")
        if package == "skae" and name in _own_classes():
            return _own_classes()[name]
        if package in SKLEARN:
            found = getattr(importlib.import_module(f"sklearn.{package}"), name, None)
            if isinstance(found, type) and issubclass(found, BaseEstimator):
                return found
        if package == "yours" and name in self.given:
            return self.given[name]
        raise FileError(
            f"it was made with {name}, which is not skae's. If you trust it, give it: "
            f"load(path, classes=[{name}])"
        )

    def object(self, name, state):
        cls = self.find(name)
        if not (isinstance(cls, type) and issubclass(cls, BaseEstimator)):
            raise FileError(f"{name} is no estimator")
        if not isinstance(state, dict) or not all(
            isinstance(key, str) and not key.startswith("__") for key in state
        ):
            raise FileError(f"the state of {name} has names that no attribute has")
        made = cls.__new__(cls)
        made.__setstate__(state)
        return made

    def random_state(self, state):
        made = np.random.RandomState()
        made.set_state(state)
        self.random_states.append(made)
        return made

    def texts(self, content):
        items, shape, kind = content
        if not all(isinstance(item, str) for item in items) or kind[0] not in "OU":
            raise FileError("an array of texts has something else")
        if kind != "O" and len(items) * int(kind[1:]) > 1000 + 100 * sum(map(len, items)):
            raise FileError("an array of texts is wider than its texts")
        return np.array(items, dtype=kind).reshape(shape)


_DECODERS = {
    "float": lambda decoder, value: {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[value],
    "tuple": lambda decoder, value: tuple(value),
    "array": lambda decoder, value: decoder.arrays.pop(value),  # each has one place
    "scalar": lambda decoder, value: value[()],
    "texts": _Decoder.texts,
    "random_state": _Decoder.random_state,
    "same_random_state": lambda decoder, value: decoder.random_states[value],
    "slice": lambda decoder, value: slice(*value),
    "device": lambda decoder, value: torch.device(value),
    "dtype": lambda decoder, value: np.dtype(value).type,
    "class": _Decoder.find,
}
