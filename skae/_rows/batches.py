"""Rows as batches: one tensor in memory, or read block by block from disk or a sparse matrix.

Nothing here indexes one row at a time: a batch is one indexing operation, whatever holds the data.
"""

import copy
from itertools import repeat

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import gen_batches
from torch.utils.data import DataLoader, Dataset

# A sparse or memory-mapped X whose dense float32 form is at most this large is held in memory.
MAX_DENSE_BYTES = 2**27
CHUNK_ROWS = 1024
# About so many values are gathered in one operation and dealt out as batches: from memory what fits
# into a cache, from elsewhere what is worth a walk through a file.
MEMORY_AHEAD, FILE_AHEAD = 2**18, 2**22
# A file is shuffled by blocks of so many rows, which lie together, and then within what is read
# ahead: random access to single rows would read a page for each. Where rows are so wide that few
# are read ahead, blocks are smaller, so that there are at least so many of them to mix.
BLOCK_ROWS, MIN_BLOCKS = 64, 32


def is_memory_mapped(X):
    """Whether the values of X, an array or a view of one, lie in a file."""
    while X is not None:
        if isinstance(X, np.memmap):
            return True
        X = getattr(X, "base", None)
    return False


def dense_block(X, rows):
    """Rows of an array or CSR matrix as a dense array, which may be a view of X.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    rows : slice or integer array
        Which rows.

    Returns
    -------
    ndarray of shape (n_rows, n_features)
    """
    if not isinstance(rows, slice) and (np.diff(rows) == 1).all():
        rows = slice(rows[0], rows[-1] + 1)
    block = X[rows]
    return block.toarray() if sparse.issparse(block) else block


def dense_tensor(X, rows, copy=True):
    """Rows of an array or CSR matrix as a dense floating tensor, float64 where X needs it.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    rows : slice or integer array
        Which rows.
    copy : bool
        Whether the result may not be a view of X, for it may be changed in place.

    Returns
    -------
    tensor of shape (n_rows, n_features)
    """
    block = dense_block(X, rows)
    dtype = block.dtype
    if dtype not in (np.float32, np.float64):
        dtype = np.float32 if dtype.itemsize <= 2 else np.float64
    # Torch warns of arrays that can not be written to and refuses steps backwards.
    foreign = not block.flags.writeable or min(block.strides) < 0
    copy = foreign or (copy and (block.base is not None or block is X))
    make = np.array if copy else np.asarray
    return torch.from_numpy(make(block, dtype=dtype, order="C"))


def standardized(X, rows, scaling):
    """Rows of an array or CSR matrix as a dense float32 tensor, scaled; never a view of X."""
    return scaling(dense_tensor(X, rows, copy=scaling.is_identity))


def chunks(n_rows, chunk_rows=CHUNK_ROWS):
    """Slices that cover `n_rows` rows."""
    return gen_batches(n_rows, chunk_rows)


class Rows(Dataset):
    """Standardized float32 rows, their labels and their weights, a batch at a time.

    ``rows[indices]`` is ``(x, (y, weight))`` with x of shape (n_indices, n_features); y and weight
    are None or have one value per index.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    scaling : Scaling
        Applied to each block as it is read.
    subset : integer array or None
        Which rows of X; None means all.
    weight : array of shape (n_samples,) or None
        Weights of the rows of X; here they are divided by their mean over `subset`.
    labels : integer array of shape (n_samples,) or None
        Class numbers of the rows of X, -1 where there is no label.
    device : torch.device
        Where rows that are held in memory are put, if they fit there.
    """

    def __init__(self, X, scaling, *, subset=None, weight=None, labels=None, device=None):
        self.X, self.scaling, self.n_features = X, scaling, X.shape[1]
        self.subset = np.arange(X.shape[0]) if subset is None else subset
        self._set_weight(None if weight is None else np.asarray(weight, np.float64)[self.subset])
        self.labels = None if labels is None else torch.from_numpy(labels[self.subset])
        self.held = None
        if self._fits_in_memory():
            self.held = self._read_all()
            self.X = None
            if device is not None and _has_room(device, self.held):
                self.held = self.held.to(device)
                self.weight = None if self.weight is None else self.weight.to(device)
                self.labels = None if self.labels is None else self.labels.to(device)

    def _set_weight(self, weight):
        self.raw_weight = weight
        self.weight = None
        if weight is not None:
            self.weight = torch.from_numpy((weight / weight.mean()).astype(np.float32))

    def _fits_in_memory(self):
        on_disk = sparse.issparse(self.X) or is_memory_mapped(self.X)
        return not on_disk or 4 * len(self.subset) * self.X.shape[1] <= MAX_DENSE_BYTES

    def _read_all(self):
        held = torch.empty((len(self.subset), self.X.shape[1]), dtype=torch.float32)
        for chunk in chunks(len(self.subset)):
            held[chunk] = standardized(self.X, self.subset[chunk], self.scaling)
        return held

    def __len__(self):
        return len(self.subset)

    def part(self, rows):
        """Some of these rows as rows of their own; a slice shares their memory."""
        part = copy.copy(self)
        part.subset = self.subset[rows]
        part.held = None if self.held is None else self.held[rows]
        part.labels = None if self.labels is None else self.labels[rows]
        if self.weight is not None:
            part._set_weight(self.raw_weight[rows])
            part.weight = part.weight.to(self.weight.device)
        return part

    @property
    def device(self):
        """Where the batches are: the device of the rows in memory, else the CPU."""
        return torch.device("cpu") if self.held is None else self.held.device

    def __getitem__(self, indices):
        weight = None if self.weight is None else self.weight[indices]
        labels = None if self.labels is None else self.labels[indices]
        if self.held is not None:
            # Thrice as fast as `held[indices]`, which looks at each value.
            return self.held.index_select(0, indices), (labels, weight)
        rows = self.subset[indices.numpy()]
        order = np.argsort(rows)  # a file is read from front to back
        x = torch.empty((len(rows), self.X.shape[1]), dtype=torch.float32)
        x[torch.from_numpy(order)] = standardized(self.X, rows[order], self.scaling)
        return x, (labels, weight)


def _has_room(device, tensor):
    """Whether a tensor fits into half of what is free on a GPU; the CPU needs no copy."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return 2 * tensor.nbytes <= free
    return device.type != "cpu"


class BatchIterator:
    """Batches of `Rows`, shuffled anew in each pass with torch's generator.

    Rows in memory, and those of a file as far as they are read at once, come in any order with the
    same probability. In a larger file blocks of rows stay together until they have been read.

    The batches of a pass differ by at most one row, so none is left with a single row (which batch
    normalization cannot take) unless it is asked for.

    With `n_labelled`, labelled rows are added at the end of each batch, and ``y`` has the labels of
    just those: the other rows of a batch stand there as rows without a label. In training the
    labelled rows take turns, each batch having of each class what its share is; in validation each
    of them comes once.

    Parameters
    ----------
    rows : Rows
    batch_size : int
        At most, but for a single row that is left over, which joins the others.
    shuffle : bool
    n_labelled : int or None
        How many labelled rows are added to a batch in training. None adds none, and ``y`` has the
        labels of all rows of the batch, if they have any.
    **loader_params
        For `torch.utils.data.DataLoader`, which is used only if there are any, such as
        ``num_workers``.
    """

    def __init__(self, rows, batch_size, shuffle=False, n_labelled=None, **loader_params):
        self.rows, self.batch_size, self.shuffle = rows, batch_size, shuffle
        self.n_labelled, self.loader_params = n_labelled, loader_params

    @staticmethod
    def deal(batches):
        """What a process takes of the batches of a pass; `SharingMixin` has another."""
        return batches

    def __len__(self):
        n_rows = len(self.rows)
        n_batches = -(-n_rows // self.batch_size)
        return n_batches if self.batch_size == 1 else max(1, min(n_batches, n_rows // 2))

    def __iter__(self):
        batches = self.deal(self._order().tensor_split(len(self)))
        n_labelled = repeat(None)
        if self.n_labelled is not None:
            labelled = self.deal(self._labelled())
            n_labelled = [len(part) for part in labelled]
            batches = [torch.cat(parts) for parts in zip(batches, labelled, strict=True)]
        for (x, (y, weight)), n in zip(self._read(batches), n_labelled, strict=False):
            yield x, (y if n is None else y[len(y) - n :], weight)

    def _labelled(self):
        """The labelled rows that each batch ends with."""
        labels = self.rows.labels
        found = (labels >= 0).nonzero().squeeze(1)
        if not self.shuffle:
            return found.tensor_split(len(self))
        n_drawn, passes = self.n_labelled * len(self) * (len(found) > 0), [found[:0]]
        while sum(map(len, passes)) < n_drawn:
            passes.append(
                _take_turns(found[torch.randperm(len(found), device=found.device)], labels)
            )
        return torch.cat(passes)[:n_drawn].tensor_split(len(self))

    def _n_together(self):
        """How many batches are read in one operation."""
        n_values = FILE_AHEAD if self.rows.held is None else MEMORY_AHEAD
        return max(1, n_values // self.rows.n_features * len(self) // len(self.rows))

    def _order(self):
        n_rows, device = len(self.rows), self.rows.device
        if not self.shuffle:
            return torch.arange(n_rows, device=device)
        if not is_memory_mapped(self.rows.X) or len(self) <= self._n_together():
            return torch.randperm(n_rows, device=device)
        n_ahead = self._n_together() * n_rows // len(self)
        blocks = torch.arange(n_rows).split(min(BLOCK_ROWS, max(1, n_ahead // MIN_BLOCKS)))
        blocks = torch.cat([blocks[i] for i in torch.randperm(len(blocks))])
        batches = blocks.tensor_split(len(self))
        together = [
            torch.cat(batches[start : start + self._n_together()])
            for start in range(0, len(self), self._n_together())
        ]
        return torch.cat([rows[torch.randperm(len(rows))] for rows in together])

    def _read(self, batches):
        if self.loader_params:
            yield from DataLoader(self.rows, sampler=batches, batch_size=None, **self.loader_params)
            return
        for start in range(0, len(batches), self._n_together()):
            group = batches[start : start + self._n_together()]
            x, (y, weight) = self.rows[torch.cat(group)]
            sizes = [len(batch) for batch in group]
            columns = [repeat(None) if c is None else c.split(sizes) for c in (y, weight)]
            for part, *parts in zip(x.split(sizes), *columns, strict=False):
                yield part, tuple(parts)


def _take_turns(rows, labels):
    """Order rows so that each stretch has of each class what its share of all rows is."""
    labels, places = labels[rows], torch.empty(len(rows), device=rows.device)
    for label in labels.unique():
        where = (labels == label).nonzero().squeeze(1)
        steps = torch.arange(len(where), device=rows.device) + torch.rand(1).item()
        places[where] = steps / len(where)
    return rows[places.argsort(stable=True)]
