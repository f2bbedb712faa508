"""What a stream has shown: a sample of its rows of bounded size, each there with equal chance."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from skae._base.start import Record
from skae._rows.source import as_source, with_rows_at
from skae._rows.table import Table

# What "auto" is: so many rows at most, and no more than fit into so many bytes, but for a few.
MAX_ROWS, MAX_BYTES, MIN_ROWS = 10_000, 2**24, 100
# What takes as long as a look at all rows is done where they have become more by such a factor.
GROWTH = 1.25
# Of a class of so many rows none are remembered that are no longer rehearsed.
MANY = 10


@dataclass(frozen=True)
class Reservoir(Record):
    """A uniform sample of the rows of a stream, as they came, in memory.

    It has as many rows as it may, or all.

    Parameters
    ----------
    X : array or CSR array of shape (n_kept, n_features)
        In the form of the rows that came first.
    size : int
        How many it may have.
    knows_all : bool
        Whether it is of all rows that the model has learned from.
    n_seen : int
        Of how many rows it is a sample.
    labels : integer array of shape (n_kept,) or None
    weight : array of shape (n_kept,) or None
    """

    X: np.ndarray
    size: int
    knows_all: bool
    n_seen: int = 0
    labels: np.ndarray | None = None
    weight: np.ndarray | None = None

    PLACE = "_reservoir"
    ONLY_REHEARSED = True
    NAMES = {
        "X": "_reservoir_rows",
        "size": "_reservoir_size",
        "knows_all": "_reservoir_knows_all",
        "n_seen": "_reservoir_seen",
        "labels": "_reservoir_labels",
        "weight": "_reservoir_weight",
    }

    @classmethod
    def like(cls, table, n_rehearsed, knows_all):
        """An empty one for such rows."""
        nothing = table.subset[:0]
        size = _affordable(table) if n_rehearsed == "auto" else n_rehearsed
        labels = None if table.labels is None else table.labels[nothing]
        return cls(table.X.kept(nothing), size, knows_all, labels=labels)

    def __len__(self):
        return self.X.shape[0]

    @property
    def has_all(self):
        """Whether no row is missing."""
        return self.knows_all and len(self) == self.n_seen

    def has_grown(self, n_new):
        """Whether it is time to look at all rows again: some times, until there are many."""
        before, now = (math.log(max(1, n), GROWTH) for n in (self.n_seen - n_new, self.n_seen))
        return n_new < self.n_seen and int(before) < int(now)

    def of_size(self, n_rehearsed, random_state):
        """The same, with at most so many rows. It grows only while it has all."""
        is_sample = len(self) < self.n_seen
        if n_rehearsed == "auto" or (n_rehearsed >= len(self) and is_sample):
            return self
        kept = np.arange(len(self))
        if n_rehearsed < len(self):
            kept = np.sort(random_state.permutation(kept)[:n_rehearsed])
        return replace(self._only(kept), size=n_rehearsed)

    def with_rows(self, table, random_state):
        """The same once the rows of a table came, those that count."""
        n_new, labels = len(table.subset), self.labels
        numbers = self.n_seen + np.arange(n_new)
        # A row is among those that are kept as often as all before it are.
        places = (random_state.random_sample(n_new) * (numbers + 1)).astype(np.int64)
        places = np.where(numbers < self.size, numbers, places)
        _, chosen = np.unique(places[::-1], return_index=True)  # of several the last one stays
        chosen = np.sort(n_new - 1 - chosen)
        chosen = chosen[places[chosen] < self.size]
        reservoir = replace(self, n_seen=self.n_seen + n_new)
        if not len(chosen):
            return reservoir
        places, rows, weight = places[chosen], table.subset[chosen], self.weight
        X = with_rows_at(self.X, table.X.kept(rows), places)
        if labels is not None:
            labels = with_rows_at(labels, table.labels[rows], places)
        if weight is not None or table.weight is not None:
            new = _weights(table.weight, len(table.X))[rows]
            weight = with_rows_at(_weights(weight, len(self)), new, places)
        return replace(reservoir, X=X, labels=labels, weight=weight)

    def _only(self, kept):
        labels, weight = (c if c is None else c[kept] for c in (self.labels, self.weight))
        return replace(self, X=self.X[kept], labels=labels, weight=weight)

    def table(self, target, n_rows=None, random_state=None):
        """Its rows as a `Table`, or so many of them, drawn at random."""
        rows = np.arange(len(self))
        if n_rows is not None:
            rows = random_state.permutation(rows)[:n_rows]
        return Table(as_source(self.X), target, rows, self.weight, self.labels)

    def to_state(self):
        """As flat names and plain arrays."""
        state = super().to_state()
        if sparse.issparse(self.X):
            X = self.X
            parts = {"data": X.data, "indices": X.indices, "indptr": X.indptr}
            state[self.NAMES["X"]] = {**parts, "shape": list(X.shape)}
        return state

    @classmethod
    def from_state(cls, state):
        """The opposite."""
        record = super().from_state(state)
        if record is None or not isinstance(record.X, dict):
            return record
        data, indices, indptr, shape = (
            record.X[name] for name in ("data", "indices", "indptr", "shape")
        )
        return replace(record, X=sparse.csr_array((data, indices, indptr), shape=tuple(shape)))


class RareRows(Reservoir):
    """A few rows of each class of which a reservoir has fewer by now."""

    PLACE = "_rare_rows"
    NAMES = {field: f"_rare{name}" for field, name in Reservoir.NAMES.items()}

    @classmethod
    def of(cls, before, now, known=None):
        """Those that there are when a reservoir has changed, or None.

        Parameters
        ----------
        before, now : Reservoir
            With labels.
        known : RareRows or None
            What there was until then.
        """
        known = before._only(slice(0)) if known is None else known
        kept, added = np.ones(len(known), dtype=bool), []
        for label in np.unique(before.labels):
            rows = np.flatnonzero(before.labels == label)[:MANY]
            is_known, n_now = known.labels == label, (now.labels == label).sum()
            if n_now < len(rows) >= is_known.sum():
                kept[is_known] = False
                added.append(rows)
        if not added:
            return known if len(known) else None
        known, more = known._only(kept), before._only(np.concatenate(added))
        places = len(known) + np.arange(len(more))
        weight = more.weight
        if weight is not None or known.weight is not None:
            weight = np.concatenate([_weights(part.weight, len(part)) for part in (known, more)])
        X = with_rows_at(known.X, more.X, places)
        labels = np.concatenate([known.labels, more.labels])
        return cls(X, before.size, before.knows_all, len(labels), labels, weight)


def _affordable(table):
    """How many rows like those of a table are kept where nobody says it."""
    some = table.X.kept(table.subset[:MIN_ROWS])
    n_bytes = some.data.nbytes + some.indices.nbytes if sparse.issparse(some) else some.nbytes
    of_row = max(1, n_bytes / some.shape[0])
    return int(np.clip(MAX_BYTES // of_row, MIN_ROWS, MAX_ROWS))


def _weights(weight, n_rows):
    return np.ones(n_rows) if weight is None else weight
