"""Rows as batches: one tensor in memory, or read block by block from disk or a sparse matrix.

Nothing here indexes one row at a time: a batch is one indexing operation, whatever holds the data.
"""

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import gen_batches
from torch.utils.data import DataLoader, Dataset

# A sparse or memory-mapped X whose dense float32 form is at most this large is held in memory.
MAX_DENSE_BYTES = 2**27
CHUNK_ROWS = 1024


def is_memory_mapped(X):
    """Whether the values of X, an array or a view of one, lie in a file."""
    while X is not None:
        if isinstance(X, np.memmap):
            return True
        X = getattr(X, "base", None)
    return False


def dense_tensor(X, rows):
    """Rows of an array or CSR matrix as a dense floating tensor, float64 where X needs it.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    rows : slice or integer array
        Which rows.

    Returns
    -------
    tensor of shape (n_rows, n_features)
        Never a view of X, which a module of the user's may change in place.
    """
    block = X[rows]
    if sparse.issparse(block):
        block = block.toarray()
    dtype = block.dtype
    if dtype not in (np.float32, np.float64):
        dtype = np.float32 if dtype.itemsize <= 2 else np.float64
    return torch.from_numpy(np.array(block, dtype=dtype, order="C"))


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
        Which rows of X, in increasing order; None means all.
    weight : array of shape (n_samples,) or None
        Weights of the rows of X; here they are divided by their mean over `subset`.
    device : torch.device
        Where rows that are held in memory are put, if they fit there.
    """

    def __init__(self, X, scaling, *, subset=None, weight=None, device=None):
        self.X, self.scaling, self.n_features = X, scaling, X.shape[1]
        self.subset = np.arange(X.shape[0]) if subset is None else subset
        self.weight = None
        if weight is not None:
            weight = np.asarray(weight, dtype=np.float64)[self.subset]
            self.weight = torch.from_numpy((weight / weight.mean()).astype(np.float32))
        self.held = None
        if self._fits_in_memory():
            self.held = self._read_all()
            self.X = None
            if device is not None and _has_room(device, self.held):
                self.held = self.held.to(device)
                self.weight = None if self.weight is None else self.weight.to(device)

    def _fits_in_memory(self):
        on_disk = sparse.issparse(self.X) or is_memory_mapped(self.X)
        return not on_disk or 4 * len(self.subset) * self.X.shape[1] <= MAX_DENSE_BYTES

    def _read_all(self):
        held = torch.empty((len(self.subset), self.X.shape[1]), dtype=torch.float32)
        for chunk in chunks(len(self.subset)):
            held[chunk] = self.scaling(dense_tensor(self.X, self.subset[chunk]))
        return held

    def __len__(self):
        return len(self.subset)

    @property
    def device(self):
        """Where the batches are: the device of the rows in memory, else the CPU."""
        return torch.device("cpu") if self.held is None else self.held.device

    def __getitem__(self, indices):
        weight = None if self.weight is None else self.weight[indices]
        if self.held is not None:
            return self.held[indices], (None, weight)
        rows = self.subset[indices.numpy()]
        order = np.argsort(rows)  # a file is read from front to back
        x = torch.empty((len(rows), self.X.shape[1]), dtype=torch.float32)
        x[torch.from_numpy(order)] = self.scaling(dense_tensor(self.X, rows[order]))
        return x, (None, weight)


def _has_room(device, tensor):
    """Whether a tensor fits into half of what is free on a GPU; the CPU needs no copy."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return 2 * tensor.nbytes <= free
    return device.type != "cpu"


class BatchIterator:
    """Batches of `Rows`, shuffled anew in each pass with torch's generator.

    The batches of a pass differ by at most one row, so none is left with a single row (which batch
    normalization cannot take) unless it is asked for.

    Parameters
    ----------
    rows : Rows
    batch_size : int
        At most, but for a single row that is left over, which joins the others.
    shuffle : bool
    **loader_params
        For `torch.utils.data.DataLoader`, which is used only if there are any, such as
        ``num_workers``.
    """

    def __init__(self, rows, batch_size, shuffle=False, **loader_params):
        self.rows, self.batch_size, self.shuffle = rows, batch_size, shuffle
        self.loader_params = loader_params

    def __len__(self):
        n_rows = len(self.rows)
        n_batches = -(-n_rows // self.batch_size)
        return n_batches if self.batch_size == 1 else max(1, min(n_batches, n_rows // 2))

    def __iter__(self):
        device = self.rows.device
        n_rows = len(self.rows)
        order = (torch.randperm if self.shuffle else torch.arange)(n_rows, device=device)
        batches = order.tensor_split(len(self))
        if self.loader_params:
            return iter(
                DataLoader(self.rows, sampler=batches, batch_size=None, **self.loader_params)
            )
        return map(self.rows.__getitem__, batches)
