"""Torch tensors, and arrays of other libraries, where numpy's are meant."""

import functools

import numpy as np
import torch
from sklearn import get_config

from skae._rows.refused import refuse


def as_numpy(values):
    """A tensor as an array, without a copy where it lies in memory; anything else as it is.

    Arrays of other libraries come through DLPack; what has its rows elsewhere is refused.
    """
    refuse(values)
    if not _is_foreign(values):
        return values
    if not isinstance(values, torch.Tensor):
        values = torch.from_dlpack(values)
    values = values.detach().to_dense().cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()


def tensors_welcome(method):
    """Let a method take tensors.

    With scikit-learn's `array_api_dispatch` its result comes back as X came in, on the same device.
    What it is to write to, `out`, is left as it is.
    """

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        X = args[0] if args else kwargs.get("X")
        args = [as_numpy(value) for value in args]
        kwargs = {k: value if k == "out" else as_numpy(value) for k, value in kwargs.items()}
        result = method(self, *args, **kwargs)
        if kwargs.get("out") is not None:
            return result
        is_numbers = isinstance(result, np.ndarray) and result.dtype.kind in "biuf"
        if is_numbers and _is_foreign(X) and get_config()["array_api_dispatch"]:
            return _like(result, X)
        return result

    return wrapper


def _is_foreign(values):
    return isinstance(values, torch.Tensor) or (
        hasattr(values, "__array_namespace__") and not isinstance(values, np.ndarray | np.generic)
    )


def _like(result, X):
    if isinstance(X, torch.Tensor):
        return torch.from_numpy(result).to(X.device)
    return X.__array_namespace__().asarray(result, device=X.device)
