"""A module applied to rows and to codes, chunk by chunk."""

import copy
import math
from functools import partial
from operator import is_
from weakref import WeakKeyDictionary

import numpy as np
import torch
from sklearn.utils import check_array
from torch import nn

from skae._rows.scaling import standardized
from skae._rows.source import CHUNK_ROWS, Source, as_source, chunks, is_read_in_place
from skae._rows.sources.dtypes import accepted_dtypes
from skae._training.device import plain_torch
from skae._training.state import is_of_the_user
from skae._training.threads import work_of

# With fewer rows matrix products are summed in another order: a row would differ in its last digit
# from itself among others.
MIN_ROWS = 16
TORCH_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def device_of(module):
    """Where a module is."""
    return next(module.parameters()).device


def padded(x):
    """At least `MIN_ROWS` rows: some of zeros after those of x, ``(n, n_features)``."""
    return x if len(x) >= MIN_ROWS else torch.constant_pad_nd(x, (0, 0, 0, MIN_ROWS - len(x)))


def map_rows(function, X, scaling, module, *, allow_nan, name, pads=False):
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
    pads : bool
        Whether the function sees to it that products are of enough rows: see `padded`.

    Returns
    -------
    ndarray of shape (n_samples, ...)
    """
    source, results, device = as_source(X), None, device_of(module)
    with plain_torch(grad=False, work=partial(work_of, module, min(X.shape[0], CHUNK_ROWS))):
        for chunk in chunks(X.shape[0]):
            x = standardized(source, chunk, scaling)
            if not math.isfinite(x.sum().item()):
                source.check_values(source.block(chunk), allow_nan=allow_nan, estimator_name=name)
            n_rows = len(x)
            values = function((x if pads else padded(x)).to(device)).cpu()[:n_rows]
            # One block for all: tensors kept for each chunk would scatter the heap.
            if results is None:
                results = values.new_empty((X.shape[0], *values.shape[1:]))
            results[chunk] = values
        return results.numpy()


def map_codes(decode, Z, told, scaling, module):
    """Decode codes, and what else a decoder is told of each row.

    Parameters
    ----------
    decode : callable
        (batch, n_components) and what it is told -> standardized rows, on the module's device.
    Z : ndarray of shape (n_samples, n_components)
    told : sequence of arrays of n_samples rows, or None
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
            some = (None if t is None else torch.from_numpy(t[chunk]).to(device) for t in told)
            x = decode(z, *some).cpu().to(TORCH_DTYPES[Z.dtype.name])
            decoded[chunk] = scaling.inverse(x).numpy()
    return decoded


def tell_exposure(told, log_exposure):
    """What a decoder is told, the class if any, with logarithms of exposures, if any, behind it."""
    if log_exposure is None:
        return told
    return (*(told or (None,)), np.asarray(log_exposure, dtype=np.float32)[:, None])


def as_codes(Z, n_columns, name):
    """The `Source` of codes, checked as scikit-learn does; of what lies in a file when it is read.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_columns)
    n_columns : int
    name : str
        Of the estimator, for messages.
    """
    source = Codes(as_source(Z)) if is_read_in_place(Z) else as_source(_checked(Z))
    if source.shape[1:] != (n_columns,):
        raise ValueError(
            f"X has {source.shape[-1]} columns, but codes of this {name} have {n_columns} "
            "(n_components)."
        )
    return source


def _checked(Z):
    return check_array(Z, dtype=accepted_dtypes(Z), input_name="X")


class Codes(Source):
    """Codes of another source, block by block as scikit-learn would have them.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source):
        self.source, self.shape, self.dtype = source, source.shape, source.dtype

    def block(self, rows):
        """Some of the rows, floats of this machine's byte order."""
        return _checked(self.source.block(rows))


def in_float64(module, function, n_features):
    """A module to score with and its dtype, float64 where that works.

    There the score of a row does not depend on the rows beside it, which in float32 it does in
    the last digits: sums are taken in another order. But some devices know no float64, and some
    modules of users are written for float32.

    To copy a small module takes longer than to score a row. So the copy is kept beside the module,
    and has the weights of the day at each call.
    """
    with plain_torch(grad=False):
        kept = _COPIES.get(module)
        if kept is None or not kept.is_up_to_date():
            try:
                kept = DoubleCopy(module)
                row = torch.zeros(1, n_features, dtype=torch.float64)
                function(kept.double, row.to(device_of(module)))
            except (RuntimeError, TypeError):
                return module, torch.float32
            if kept.is_worth_it():
                _COPIES[module] = kept
        kept.take_weights()
        return kept.double, torch.float64


# Of modules that live. A copy knows the parts of its module, not the module.
_COPIES = WeakKeyDictionary()
# A copy of so many weights takes longer to fill than to make.
MAX_KEPT_WEIGHTS = 2**20
_PARTS = "_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks"


class DoubleCopy:
    """A module's copy in float64, and what the module was made of when it was copied.

    Whoever changes a module in place may do so past torch's counters, so that nothing tells old
    weights from new ones: they are taken anew for each use. What else there is, such as a submodule
    or a slope, is another object if it has changed, but for what modules of the user's own hold.
    """

    def __init__(self, module):
        self.double = copy.deepcopy(module).double()
        self.is_of_the_user = any(map(is_of_the_user, module.modules()))
        self.pairs = list(zip(_tensors(self.double), _tensors(module), strict=True))
        self.inside = [
            inside
            for part in module.modules()
            for inside in (vars(part), *(vars(part)[name] for name in _PARTS))
        ]
        self.sizes = list(map(len, self.inside))
        known = vars(nn.Module()).keys() - {"training"}
        found = [(d, *item) for d in self.inside for item in d.items() if item[0] not in known]
        self.places = list(zip(*found, strict=True))

    def is_worth_it(self):
        """Whether to keep it."""
        n_weights = sum(weight.numel() for weight, _ in self.pairs)
        return not self.is_of_the_user and n_weights <= MAX_KEPT_WEIGHTS

    def is_up_to_date(self):
        """Whether the module has the same parts still, whatever their weights."""
        if list(map(len, self.inside)) != self.sizes:
            return False
        inside, names, values = self.places
        return all(map(is_, map(dict.get, inside, names), values)) and all(
            mine.shape == its.shape and mine.device == its.device for mine, its in self.pairs
        )

    def take_weights(self):
        """Make the weights and buffers those that the module has now."""
        for mine, its in self.pairs:
            mine.copy_(its)


def _tensors(module):
    return [*module.parameters(), *module.buffers()]
