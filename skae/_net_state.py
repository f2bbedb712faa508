"""The state of a net: kept while training may fail, or as plain arrays for pickles and files."""

import copy

import numpy as np
import torch

# What else a net knows of its last training.
FACTS = ("best_epoch_", "interrupted_", "lowest_", "n_labelled_", "start_", "steps_done_")


def snapshot(net):
    """What `restore` needs to take a net back to where it is now."""
    optimizers = [optimizer.state_dict() for optimizer in net.optimizers_.values()]
    states = net.module_.state_dict(), optimizers, net.lowest_
    return copy.deepcopy(states), len(net.history)


def restore(net, state):
    """Undo the trainings since `snapshot`."""
    (module, optimizers, net.lowest_), n_epochs = state
    net.module_.load_state_dict(module)
    _load_optimizers(net, optimizers)
    net.module_.eval()
    del net.history[n_epochs:]


def pack(net, *, with_optimizers):
    """A trained net as plain arrays and lists; optimizers only where training is to go on."""
    optimizers = [optimizer.state_dict() for optimizer in net.optimizers_.values()]
    return {
        "module": _to_arrays(dict(net.module_.state_dict())),
        "optimizers": _to_arrays(optimizers) if with_optimizers else None,
        "history": [_without_batches(row) for row in net.history],
        "batch_size": net.batch_size,
        **{name: getattr(net, name) for name in FACTS if hasattr(net, name)},
    }


def unpack(net, state):
    """Give a net, initialized with the same settings, what `pack` has kept."""
    net.module_.load_state_dict(_to_tensors(state["module"]))
    net.module_.eval()
    if state["optimizers"] is not None:
        _load_optimizers(net, _to_tensors(state["optimizers"]))
    net.history_ = type(net.history)([{**row, "batches": []} for row in state["history"]])
    for name in FACTS:
        if name in state:
            setattr(net, name, state[name])


def _load_optimizers(net, states):
    for optimizer, state in zip(net.optimizers_.values(), states, strict=True):
        optimizer.load_state_dict(state)


def _without_batches(row):
    return {name: value for name, value in row.items() if name != "batches"}


def _to_arrays(value):
    if isinstance(value, dict):
        return {key: _to_arrays(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_to_arrays, value))
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu()
    # numpy has no bfloat16; float32 has all of its numbers.
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy().copy()


def _to_tensors(value):
    if isinstance(value, dict):
        return {key: _to_tensors(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_to_tensors, value))
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
