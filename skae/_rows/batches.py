"""Rows as batches: one tensor in memory, or read block by block from a file or a sparse matrix.

Nothing here indexes one row at a time: a batch is one indexing operation, whatever holds the data.
"""

import copy
from itertools import repeat

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from skae._rows.scaling import standardized
from skae._rows.source import CHUNK_ROWS, as_source, chunks

# A sparse X, or one in a file, whose dense float32 form is at most this large is held in memory.
MAX_DENSE_BYTES = 2**27
# About so many values are gathered in one operation and dealt out as batches: from memory what fits
# into a cache, from elsewhere what is worth a walk through a file.
MEMORY_AHEAD, FILE_AHEAD = 2**18, 2**22
# A file is shuffled by blocks of so many rows, which lie together, and then within what is read
# ahead: random access to single rows would read a page for each. Where rows are so wide that few
# are read ahead, blocks are smaller, so that there are at least so many of them to mix.
BLOCK_ROWS, MIN_BLOCKS = 64, 32
# Rows that are stored in chunks are read by these, mostly to be decompressed. Of large ones a block
# is a part such that a chunk is read so many times in a pass at most; more is read ahead for there
# to be enough blocks to mix, as far as this.
MAX_READS, CHUNKED_AHEAD = 4, 2**24


def fits_in_memory(source, n_rows):
    """Whether so many rows of a source are held in memory."""
    return source.is_dense or 4 * n_rows * source.shape[1] <= MAX_DENSE_BYTES


class Rows(Dataset):
    """Standardized float32 rows, their labels and their weights, a batch at a time.

    ``rows[indices]`` is ``(x, (y, weight))`` with x of shape (n_indices, n_features); y and weight
    are None or have one value per index.

    Parameters
    ----------
    X : Source, or what has one, of shape (n_samples, n_features)
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
        self.source, self.scaling, self.n_features = as_source(X), scaling, X.shape[1]
        self.subset = np.arange(X.shape[0]) if subset is None else subset
        self._set_weight(None if weight is None else np.asarray(weight, np.float64)[self.subset])
        self.labels = None if labels is None else torch.from_numpy(labels[self.subset])
        self.held = None
        if self._fits_in_memory():
            self.held = self._read_all()
            self.source = None
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
        return fits_in_memory(self.source, len(self.subset))

    def _read_all(self):
        held = torch.empty((len(self.subset), self.n_features), dtype=torch.float32)
        for chunk in chunks(len(self.subset)):
            held[chunk] = standardized(self.source, self.subset[chunk], self.scaling)
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
    def lies_in_file(self):
        """Whether the rows are read from a file, and are not held in memory."""
        return self.source is not None and self.source.lies_in_file

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
        x = torch.empty((len(rows), self.n_features), dtype=torch.float32)
        for part in map(order.__getitem__, chunks(len(rows))):  # nothing is there twice
            x[torch.from_numpy(part)] = standardized(self.source, rows[part], self.scaling)
        return x, (labels, weight)

    def fair_sample(self, n_rows, generator):
        """At most so many of the rows, in random order, each as often as its weight has it.

        So weights that are multiples of the smallest are repeated rows, if there are no more of
        those than may be.
        """
        order = torch.randperm(len(self), generator=generator)
        if self.raw_weight is None:
            return order[:n_rows]
        weight = self.raw_weight[order.numpy()] / self.raw_weight.min()
        if not np.allclose(weight, weight.round(), 1e-9) or weight.sum() > n_rows:
            weight = weight * (min(n_rows, len(self)) / weight.sum())
        return order[_as_often(weight, weight.sum())]

    def chunks_of(self, indices):
        """Give x of some of the rows in parts; a file is walked through once for several parts."""
        n_ahead = max(1, FILE_AHEAD // self.n_features // CHUNK_ROWS) * CHUNK_ROWS
        for several in indices.to(self.device).split(n_ahead):
            yield from self[several][0].split(CHUNK_ROWS)


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
    by_weight : bool
        Whether, in training, rows come as often as they weigh, and no weight is given: for what is
        computed of a batch as a whole by layers that know no weights.
    **loader_params
        For `torch.utils.data.DataLoader`, which is used only if there are any, such as
        ``num_workers``.
    """

    def __init__(
        self, rows, batch_size, shuffle=False, n_labelled=None, by_weight=False, **loader_params
    ):
        self.rows, self.batch_size, self.shuffle = rows, batch_size, shuffle
        self.n_labelled, self.loader_params = n_labelled, loader_params
        # Of equal weights it would be another order of the same rows.
        by_weight &= shuffle and rows.weight is not None and np.ptp(rows.raw_weight) > 0
        self.by_weight = by_weight

    @staticmethod
    def deal(batches):
        """What a process takes of the batches of a pass; `SharedNet` has another."""
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
        mean = self._mean_weight_of_labelled()
        for (x, (y, weight)), n in zip(self._read(batches), n_labelled, strict=False):
            weight = None if self.by_weight else weight
            if n is None:
                yield x, (y, weight)
                continue
            n_plain = len(x) - n
            if weight is not None:
                weight = torch.cat([weight[:n_plain], weight[n_plain:] / mean])
            yield x, (y[n_plain:], weight)

    def _mean_weight_of_labelled(self):
        """What their weights are divided by, so that terms of theirs are means of their own.

        The mean over all rows is one.
        """
        if self.n_labelled is None or self.rows.weight is None:
            return None
        return self.rows.weight[self.rows.labels >= 0].mean()

    def _labelled(self):
        """The labelled rows that each batch ends with."""
        labels = self.rows.labels
        found = (labels >= 0).nonzero().squeeze(1)
        if not self.shuffle:
            return found.tensor_split(len(self))
        n_drawn, passes = self.n_labelled * len(self) * (len(found) > 0), [found[:0]]
        while sum(map(len, passes)) < n_drawn:
            drawn = found[torch.randperm(len(found), device=found.device)]
            if self.by_weight:
                drawn = drawn.cpu()
                drawn = drawn[_as_often(self.rows.raw_weight[drawn.numpy()], len(drawn))]
                drawn = drawn.to(found.device)
            passes.append(_take_turns(drawn, labels))
        return torch.cat(passes)[:n_drawn].tensor_split(len(self))

    def _n_together(self):
        """How many batches are read in one operation."""
        n_values = FILE_AHEAD if self.rows.held is None else MEMORY_AHEAD
        if self._has_large_chunks():
            n_parts = MIN_BLOCKS * -(-self.rows.source.together // MAX_READS)
            n_values = max(n_values, min(n_parts * self.rows.n_features, CHUNKED_AHEAD))
        return max(1, n_values // self.rows.n_features * len(self) // len(self.rows))

    def n_mixed(self):
        """Of how many places of a file the rows are that are shuffled together; None if of all."""
        if not self._has_large_chunks() or len(self) <= self._n_together():
            return None
        return len(self._blocks()) * self._n_together() // len(self)

    def _has_large_chunks(self):
        """Whether the rows come in chunks of which blocks of a common size would be small parts."""
        return self.rows.lies_in_file and self.rows.source.together > MAX_READS * BLOCK_ROWS

    def _order(self):
        n_rows, device = len(self.rows), self.rows.device
        if not self.shuffle:
            return torch.arange(n_rows, device=device)
        if self.by_weight:
            order = torch.randperm(n_rows)
            order = order[_as_often(self.rows.raw_weight[order.numpy()], n_rows)]
            return order[torch.randperm(n_rows)].to(device)
        if not self.rows.lies_in_file or len(self) <= self._n_together():
            return torch.randperm(n_rows, device=device)
        blocks = self._blocks()
        blocks = torch.cat([blocks[i] for i in torch.randperm(len(blocks))])
        batches = blocks.tensor_split(len(self))
        together = [
            torch.cat(batches[start : start + self._n_together()])
            for start in range(0, len(self), self._n_together())
        ]
        return torch.cat([rows[torch.randperm(len(rows))] for rows in together])

    def _blocks(self):
        """Neighbouring rows of a file, which are read together."""
        rows = torch.arange(len(self.rows))
        n_largest = max(1, self._n_together() * len(rows) // len(self) // MIN_BLOCKS)
        if not self._has_large_chunks():
            return rows.split(min(BLOCK_ROWS, n_largest))
        source = self.rows.source
        n_parts = min(MAX_READS, -(-source.together // n_largest))
        return rows.tensor_split(source.starts(self.rows.subset, n_parts)[1:].tolist())

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


def _as_often(weight, n_drawn):
    """Places of rows, each as often as its weight has it, `n_drawn` in all."""
    # The sums are rounded, not the weights, so that their shares stay what they are.
    ends = torch.from_numpy((weight.cumsum() * (n_drawn / weight.sum())).round().astype(np.int64))
    return torch.arange(len(weight)).repeat_interleave(ends.diff(prepend=ends.new_zeros(1)))


def _take_turns(rows, labels):
    """Order rows so that each stretch has of each class what its share of all rows is."""
    labels, places = labels[rows], torch.empty(len(rows), device=rows.device)
    for label in labels.unique():
        where = (labels == label).nonzero().squeeze(1)
        steps = torch.arange(len(where), device=rows.device) + torch.rand(1).item()
        places[where] = steps / len(where)
    return rows[places.argsort(stable=True)]
