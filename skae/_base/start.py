"""How a model began, and what pickles and files know of it: settings, numbers and plain arrays."""

import copy
import os
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from sklearn.utils import check_random_state

from skae._rows.checks import check_unchanged, copy_containers, same
from skae._rows.columns import Target
from skae._rows.scaling import Scaling
from skae._rows.sources.dtypes import float_dtype
from skae._rows.statistics import ColumnStatistics
from skae._training.device import forked_seed, is_available, plain_torch
from skae._training.net import ObjectiveNet
from skae._training.state import pack, unpack, unshared, writable

# What may change between a `fit` and another that goes on from it; all else is built in.
MAY_CHANGE = {
    "calibrated",
    "checkpoint",
    "early_stopping",
    "latent_density",
    "learning_rate",
    "learning_rate_init",
    "max_iter",
    "n_score_samples",
    "n_iter_no_change",
    "n_rehearsed",
    "precision",
    "random_state",
    "tol",
    "validation_fraction",
    "verbose",
    "warm_start",
}
# What a net has that is no part of its module: one that is unpacked has it anew.
AROUND = ("callbacks", "net_params")


class Record:
    """What a fitted estimator knows of one thing; files know its parts by flat names.

    An estimator has it as the attribute `PLACE`. `NAMES` are the fields and the names. What is
    `ONLY_REHEARSED` is left out where nothing is.
    """

    PLACE: str
    NAMES: dict
    ONLY_REHEARSED = False
    KINDS: list = []

    def __init_subclass__(cls):
        Record.KINDS.append(cls)

    def to_state(self):
        """The parts that there are, under the names of files."""
        parts = {name: getattr(self, field) for field, name in self.NAMES.items()}
        return {name: part for name, part in parts.items() if part is not None}

    @classmethod
    def from_state(cls, state):
        """Take the parts out of a state, if they are there; returns a record or None."""
        found = {field: state.pop(n) for field, n in cls.NAMES.items() if n in state}
        return cls(**found) if found else None


@dataclass(frozen=True)
class Start(Record):
    """How a model began. What is fitted asks it, never the parameters of today.

    Parameters
    ----------
    params : dict
        The parameters that training can not go on without, estimators among them by their class.
    parts : dict
        Copies of those that a net is made with.
    statistics : ColumnStatistics
        Of the columns of the rows.
    span : pair of arrays of shape (n_features,)
        The smallest and the largest value of each column, infinite where they are not known.
    dtype : type
        Of the rows, for what is drawn.
    target : Target
        What the decoder is to reproduce.
    fill : list of arrays or None
        The arguments of `FillMissing`, where values may be missing.
    limits : pair of arrays of shape (n_features,) or None
        What the columns are clipped to before anything is learned from them.
    logs : list of three arrays of shape (n_features,) or None
        What `log_moments` measures, if some columns are amounts.
    """

    params: dict
    parts: dict
    statistics: ColumnStatistics
    span: tuple
    dtype: type
    target: Target = field(default_factory=Target)
    fill: list | None = None
    limits: tuple | None = None
    logs: list | None = None

    PLACE = "_start"
    NAMES = {
        "params": "_started_with",
        "parts": "_parts_of_start",
        "statistics": "_statistics",
        "span": "_range",
        "dtype": "_dtype",
        "target": "_parts",
        "fill": "_fill",
        "limits": "_limits",
        "logs": "_logs",
    }

    @classmethod
    def now(cls, estimator, X, **measured):
        """The start of a model that begins now, with rows X."""
        parts = {
            name: copy.deepcopy(value)
            for name, value in estimator.get_params(deep=False).items()
            if name not in MAY_CHANGE and name not in AROUND
        }
        return cls(_built_in(estimator), parts, dtype=float_dtype(X.dtype), **measured)

    def check_unchanged(self, estimator):
        """Refuse to go on with an estimator whose parameters are others now."""
        check_unchanged(self.params, _built_in(estimator), type(estimator).__name__)

    def then(self, estimator):
        """The estimator as it was: the same attributes, and the parameters of the start."""
        twin = object.__new__(type(estimator))
        vars(twin).update(vars(estimator), **self.parts)
        return twin

    def to_state(self):
        """As flat names and plain arrays."""
        state = super().to_state() | {"_statistics": asdict(self.statistics)}
        state["_parts"] = self.target.columns
        return state if self.target.columns is not None else _without(state, "_parts")

    @classmethod
    def from_state(cls, state):
        """The opposite; the target knows its columns only."""
        columns, record = state.pop("_parts", None), super().from_state(state)
        statistics = ColumnStatistics(**record.statistics)
        return replace(record, statistics=statistics, target=Target(columns=columns))


def _built_in(estimator):
    return {
        name: type(value) if hasattr(value, "get_params") else copy_containers(value)
        for name, value in estimator.get_params().items()
        if name.split("__")[0] not in MAY_CHANGE
    }


def _without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


class PicklingMixin:
    """How an estimator that trains a net is packed, and unpacked."""

    # Of models from before they were parameters.
    precision, n_rehearsed = "float32", "auto"

    def __getstate__(self):
        state = dict(super().__getstate__())
        if isinstance(self.checkpoint, os.PathLike):
            state["checkpoint"] = os.fspath(self.checkpoint)
        if not isinstance(state.get("net_"), ObjectiveNet):
            return unshared(state)
        before = self._start.params.get("net_params")
        # A warm start may have been asked for since; with other settings there is none.
        goes_on = self._goes_on or (self.warm_start and same(before, self.net_params))
        state["net_"] = pack(self.net_, with_optimizers=goes_on)
        state["scaling_"] = self.scaling_.arguments()
        for record in [value for value in state.values() if isinstance(value, Record)]:
            state.pop(record.PLACE)
            if not (self.n_rehearsed == 0 and record.ONLY_REHEARSED):
                state.update(record.to_state())
        if self._rng is np.random.mtrand._rand:  # of the process, not of the model
            state["_rng"] = None
        # Settings of the optimizer are needed where it is kept.
        gone = ("callbacks",) if goes_on else AROUND
        state["_started_with"] = _without(self._start.params, *gone)
        return unshared(state)

    def __setstate__(self, state):
        # Torch writes where it should not if an array lies in a file that was mapped to memory.
        super().__setstate__(writable(state))
        if isinstance(vars(self).get("net_"), dict):
            packed = vars(self).pop("net_")
            self.scaling_ = Scaling(**self.scaling_)
            around = {name: copy_containers(getattr(self, name)) for name in AROUND}
            self._started_with = {**around, **self._started_with}
            for kind in Record.KINDS:
                record = kind.from_state(vars(self))
                if record is not None:
                    setattr(self, kind.PLACE, record)
            start = self._start
            target = start.then(self)._make_target(start.target.columns)
            self._start = replace(start, target=target)
            if self._rng is None:
                self._rng = check_random_state(None)
            vars(self).pop("_rng_before", None)  # files of before have it
            self.net_ = self._unpack_net(packed, to_train=False)

    def _unpack_net(self, packed, *, to_train):
        # Parameters may have been set since; the module is that of the ones from before.
        then = self._start.then(self)
        then.net_params = self._start.params["net_params"] if to_train else None
        then.callbacks = self.callbacks if to_train else None
        if not to_train:  # it may have been set to what is none since
            then.learning_rate_init = 1.0
        if not is_available(then.device):
            then.device = "cpu"
        trainer = then._make_trainer()
        with plain_torch(grad=True), forked_seed(trainer.device, 0):
            net = then._assemble(
                trainer,
                packed["start_"],
                batch_size=packed["batch_size"],
                n_labelled=packed["n_labelled_"],
            )
            unpack(net, packed, to_train=to_train)
        return net
