"""Results written into what the caller gives, as numpy's `out`."""

import functools

import numpy as np
import torch

from skae._rows.source import CHUNK_ROWS, chunks

# About so many values are written to a file at a time.
OUT_VALUES = 2**20


class OutMixin:
    """Lets `transform` return its `out` as it is, whatever `set_output` asks for.

    It comes before scikit-learn's `TransformerMixin`, which makes frames of all that is returned.
    """

    def __init_subclass__(cls, **kwargs):
        plain = vars(cls).get("transform")
        super().__init_subclass__(**kwargs)
        if plain is None:
            return
        framed = cls.transform

        @functools.wraps(plain)
        def transform(self, X, *args, **kwargs):
            method = framed if kwargs.get("out") is None else plain
            return method(self, X, *args, **kwargs)

        cls.transform = transform


def filled(out, function, shape):
    """What a function gives of rows, block by block, written into something that has a place.

    Parameters
    ----------
    out : object with `shape` and slice assignment
        Chunks of rows, if it has `chunks`, or `shards`, are written whole.
    function : callable
        slice of rows -> array of shape (n_rows, n_columns)
    shape : pair of int
        What the shape of `out` must be.

    Returns
    -------
    out
    """
    if tuple(np.shape(out)) != tuple(shape):
        raise ValueError(
            f"out has the shape {tuple(np.shape(out))}, but what is to be written has {shape}."
        )
    _check_place(out)
    is_tensor = isinstance(out, torch.Tensor)
    place, of_place = (out.detach(), torch.from_numpy) if is_tensor else (out, np.asarray)
    stored = (getattr(out, "shards", None) or getattr(out, "chunks", None) or [1])[0]
    n_rows = max(1, OUT_VALUES // max(1, shape[1]) // CHUNK_ROWS) * CHUNK_ROWS
    start, held = 0, None
    for rows in chunks(shape[0], n_rows):  # of whole `CHUNK_ROWS`, on which last digits depend
        values = function(rows)
        if held is None:
            _check_dtype(out, values)
        held = values if held is None else np.concatenate([held, values])
        stop = rows.stop if rows.stop == shape[0] else rows.stop // stored * stored
        place[start:stop] = of_place(held[: stop - start])
        held, start = held[stop - start :], stop
    return out


def _check_place(out):
    """Refuse what nothing can be written to."""
    name = f"{type(out).__module__.partition('.')[0]}'s {type(out).__name__}"
    if isinstance(out, torch.Tensor):
        if out.layout is not torch.strided or out.device.type != "cpu":
            raise TypeError(
                f"out is a tensor of layout {out.layout} on {out.device}, but only dense ones on "
                "the CPU are written to. Call it without out, and move what is returned."
            )
    # A Dask array takes slices, but keeps what is assigned in memory, as steps to take.
    elif name.startswith("dask's") or not hasattr(out, "__setitem__"):
        raise TypeError(
            f"out is {name}, which has no place to write to. Give an array, a memory map, a "
            "dataset of h5py or an array of zarr."
        )
    if _is_read_only(out):
        raise ValueError(
            f"out is {name}, which is read-only. Open it for writing, as with mode='r+', or give a "
            "copy."
        )


def _is_read_only(out):
    return (
        getattr(out, "read_only", False) is True  # zarr
        or getattr(getattr(out, "flags", None), "writeable", True) is False
        or getattr(getattr(out, "file", None), "mode", None) == "r"  # h5py
    )


def _check_dtype(out, values):
    """Refuse what would cut values off, as numpy's own `out` does."""
    dtype = getattr(out, "dtype", None)
    if isinstance(dtype, torch.dtype):
        fits = torch.can_cast(torch.from_numpy(values[:0]).dtype, dtype)
    else:
        fits = not isinstance(dtype, np.dtype) or (
            np.can_cast(values.dtype, dtype, "same_kind") and dtype.kind not in "SU"
        )
    if not fits:
        raise TypeError(
            f"out has the dtype {dtype}, which would cut off values of {values.dtype}. Give one of "
            "a floating dtype, such as float32."
        )
