"""Estimators in pickles and files: settings, numbers and plain arrays, from which nets are made."""

import os
from dataclasses import asdict

import numpy as np
from sklearn.utils import check_random_state

from skae._rows.checks import copy_containers, same
from skae._rows.scaling import Scaling
from skae._rows.statistics import ColumnStatistics
from skae._training.device import forked_seed, is_available, plain_torch
from skae._training.net import ObjectiveNet
from skae._training.state import pack, unpack, writable

# What a net has that is no part of its module: one that is unpacked has it anew.
AROUND = ("callbacks", "net_params")


class PicklingMixin:
    """How an estimator that trains a net is packed, and unpacked."""

    def __getstate__(self):
        state = dict(super().__getstate__())
        if isinstance(self.checkpoint, os.PathLike):
            state["checkpoint"] = os.fspath(self.checkpoint)
        if isinstance(state.get("net_"), ObjectiveNet):
            before = self._started_with.get("net_params")
            # A warm start may have been asked for since; with other settings there is none.
            goes_on = self._goes_on or (self.warm_start and same(before, self.net_params))
            state["net_"] = pack(self.net_, with_optimizers=goes_on)
            state["scaling_"] = self.scaling_.arguments()
            state["_statistics"] = asdict(self._statistics)
            if self._rng is np.random.mtrand._rand:  # of the process, not of the model
                state["_rng"] = state["_rng_before"] = None
            # Settings of the optimizer are needed where it is kept.
            gone = ("callbacks",) if goes_on else AROUND
            started = self._started_with.items()
            state["_started_with"] = {k: v for k, v in started if k not in gone}
        return state

    def __setstate__(self, state):
        # Torch writes where it should not if an array lies in a file that was mapped to memory.
        super().__setstate__(writable(state))
        if isinstance(vars(self).get("net_"), dict):
            packed = vars(self).pop("net_")
            self.scaling_ = Scaling(**self.scaling_)
            self._statistics = ColumnStatistics(**self._statistics)
            around = {name: copy_containers(getattr(self, name)) for name in AROUND}
            self._started_with = {**around, **self._started_with}
            if self._rng is None:
                self._rng = check_random_state(None)
            self.net_ = self._unpack_net(packed, to_train=False)

    def _unpack_net(self, packed, *, to_train):
        # Parameters may have been set since; the module is that of the ones from before.
        then = type(self)(**{**self.get_params(deep=False), **self._parts_of_start})
        vars(then).update({k: v for k, v in vars(self).items() if k not in vars(then)})
        then.net_params = self._started_with["net_params"] if to_train else None
        then.callbacks = self.callbacks if to_train else None
        if not is_available(then.device):
            then.device = "cpu"
        sizes = packed["batch_size"], packed["n_labelled_"]
        with plain_torch(grad=True), forked_seed(then._device(), 0):
            net = then._assemble_net(packed["start_"], None, self._statistics, *sizes)
            unpack(net, packed, to_train=to_train)
        return net
