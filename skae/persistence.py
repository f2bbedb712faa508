"""Files of fitted estimators."""

import importlib
import math
from pathlib import Path

import torch
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch.utils._python_dispatch import TorchDispatchMode

from skae._documented import PUBLIC, VERSION
from skae._files import Decoder, Encoder, FileError, import_safetensors, read, write

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
    import_safetensors()
    if type(estimator) not in PUBLIC.values() or not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"save takes estimators of skae, not {type(estimator).__name__}. For a Pipeline take "
            "joblib or skops."
        )
    check_is_fitted(estimator)
    content = {
        "format": FORMAT,
        "skae": VERSION,
        "torch": str(torch.__version__),
        "estimator": estimator,
    }
    write(path, content, _EstimatorEncoder())


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
    import_safetensors()
    path = Path(path)
    with open(path, "rb"):  # that it is there, and can be read, is no question of its content
        pass
    classes = list(classes)
    given = {thing.__name__: thing for thing in classes}
    if len(given) < len(classes):
        raise ValueError("classes has two of one name. Rename one of them, or take joblib.")
    try:
        content, arrays = read(path)
        if content["format"] != FORMAT:
            raise FileError(
                f"it has format {content['format']}, written by skae {content['skae']};"
                f" this is skae {VERSION}, which knows {FORMAT}: update it"
            )
        with _AtMost(arrays.values(), slack=1000 if classes else 1):
            estimator = _EstimatorDecoder(arrays, given)(content["estimator"])
        if type(estimator) not in PUBLIC.values():
            raise FileError("it holds no estimator of skae")
        check_is_fitted(estimator)
    except Exception as error:  # whatever a hostile file leads to
        reason = error if isinstance(error, FileError) else f"{type(error).__name__}: {error}"
        raise FileError(f"{path} can not be loaded: {reason}") from error
    return estimator


def _name(thing):
    """What a class or a function is called in a file: package and name."""
    if thing in PUBLIC.values():
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


class _EstimatorEncoder(Encoder):
    """Knows estimators, and the names of what they are made with."""

    def other(self, value, where):
        if isinstance(value, torch.device):
            return {"device": str(value)}
        if isinstance(value, BaseEstimator):
            state = dict(value.__getstate__())
            state.pop("_skl_callbacks", None)  # who heard of the training
            if state.get("_latent_density") is not None:
                state["_latent_density"] = None  # fitted again, with the same seed, when needed
            if "_metadata_request" in state:
                asked = vars(state["_metadata_request"]).items()
                state["_metadata_request"] = {
                    verb: dict(request.requests)
                    for verb, request in asked
                    if getattr(request, "requests", None)
                }
            return {"object": _name(type(value)), "state": self(state, where)}
        if callable(value) and getattr(value, "__name__", "<lambda>") != "<lambda>":
            return {"class": _name(value)}
        return super().other(value, where)


class _EstimatorDecoder(Decoder):
    """Finds classes by their names among what is known and what is `given`."""

    def __init__(self, arrays, given):
        super().__init__(arrays)
        # Files name it as if it were the user's own, and always did.
        self.given = {"FrozenEstimator": FrozenEstimator, **given}

    def other(self, value, depth):
        if value.keys() != {"object", "state"}:
            return super().other(value, depth)
        return self._object(value["object"], self(value["state"], depth + 1))

    def _find(self, name):
        package, _, name = name.partition(".")
        if package == "skae" and name in PUBLIC:
            return PUBLIC[name]
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

    def _object(self, name, state):
        cls = self._find(name)
        if not (isinstance(cls, type) and issubclass(cls, BaseEstimator)):
            raise FileError(f"{name} is no estimator")
        if not isinstance(state, dict) or not all(
            isinstance(key, str) and not key.startswith("__") for key in state
        ):
            raise FileError(f"the state of {name} has names that no attribute has")
        hidden = sorted(key for key in state if callable(getattr(cls, key, None)))
        if hidden:
            raise FileError(f"the state of {name} would hide its methods {hidden}")
        made = cls.__new__(cls)
        requests = state.pop("_metadata_request", {})
        made.__setstate__(state)
        with config_context(enable_metadata_routing=True):
            for verb, request in requests.items():
                getattr(made, f"set_{verb}_request")(**request)
        return made

    kinds = {
        **Decoder.kinds,
        "device": lambda self, value: torch.device(value),
        "class": _find,
    }
