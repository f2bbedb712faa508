"""A module applied to rows and to codes, chunk by chunk."""

import copy
from functools import partial

import numpy as np
import torch
from sklearn.utils import assert_all_finite
from torch.nn import functional

from skae._rows.scaling import standardized
from skae._rows.source import CHUNK_ROWS, as_source, chunks
from skae._training.device import plain_torch
from skae._training.threads import work_of

# With fewer rows matrix products are summed in another order: a row would differ in its last digit
# from itself among others.
MIN_ROWS = 16
TORCH_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def device_of(module):
    """Where a module is."""
    return next(module.parameters()).device


def map_rows(function, X, scaling, module, *, allow_nan, name):
    """Apply a function of standardized rows to X.

    Parameters
    ----------
    function : callable
        (batch, n_features) -> (batch, ...), on the device of the module.
    X : array or CSR matrix of shape (n_samples, n_features)
    scaling : Scaling
    module : nn.Module
        What the function computes with.
    allow_nan : bool
        Whether NaN may be there.
    name : str
        Of the estimator, for messages.

    Returns
    -------
    ndarray of shape (n_samples, ...)
    """
    source, results, device = as_source(X), None, device_of(module)
    with plain_torch(grad=False, work=partial(work_of, module, min(X.shape[0], CHUNK_ROWS))):
        for chunk in chunks(X.shape[0]):
            x = standardized(source, chunk, scaling)
            if not x.sum().isfinite():
                assert_all_finite(
                    source.block(chunk), allow_nan=allow_nan, estimator_name=name, input_name="X"
                )
            n_rows = len(x)
            if n_rows < MIN_ROWS:
                x = functional.pad(x, (0, 0, 0, MIN_ROWS - n_rows))
            values = function(x.to(device)).cpu()[:n_rows]
            # One block for all: tensors kept for each chunk would scatter the heap.
            if results is None:
                results = values.new_empty((X.shape[0], *values.shape[1:]))
            results[chunk] = values
        return results.numpy()


def map_codes(decode, Z, labels, scaling, module):
    """Decode codes, and what else a decoder is told of each row.

    Parameters
    ----------
    decode : callable
        (batch, n_components), *(batch,) -> standardized rows, on the device of the module.
    Z : ndarray of shape (n_samples, n_components)
    labels : tuple of arrays of shape (n_samples,)
    scaling : Scaling
    module : nn.Module
        What `decode` computes with.

    Returns
    -------
    ndarray of shape (n_samples, n_features), in the dtype of Z
    """
    source, device = as_source(Z), device_of(module)
    decoded = np.empty((Z.shape[0], len(scaling.mean)), dtype=Z.dtype)
    with plain_torch(grad=False, work=partial(work_of, module, min(Z.shape[0], CHUNK_ROWS))):
        for chunk in chunks(Z.shape[0]):
            z = source.tensor(chunk).float().to(device)
            told = (torch.from_numpy(label[chunk]).to(device) for label in labels)
            x = decode(z, *told).cpu().to(TORCH_DTYPES[Z.dtype.name])
            decoded[chunk] = scaling.inverse(x).numpy()
    return decoded


def in_float64(module, function, n_features):
    """A module to score with and its dtype, float64 where that works.

    There the score of a row does not depend on the rows beside it, which in float32 it does in
    the last digits: sums are taken in another order. But some devices know no float64, and some
    modules of users are written for float32.
    """
    try:
        with plain_torch(grad=False):
            double = copy.deepcopy(module).double()
            row = torch.zeros(1, n_features, dtype=torch.float64)
            function(double, row.to(device_of(module)))
    except (RuntimeError, TypeError):
        return module, torch.float32
    return double, torch.float64
