"""The state of a net: kept while training may fail, or as plain arrays for pickles and files.

An unpacked net can be applied at once. What it takes to train it, the optimizer and the callbacks,
may be of the user's own and is not made before it is asked for: until then its state rests.
"""

import copy

import numpy as np
import torch

# What else a net knows of its last training.
FACTS = ("best_epoch_", "interrupted_", "lowest_", "n_labelled_", "start_", "steps_done_")


def plain_module(net):
    """What is trained, less the compiler around it, which gives its weights other names."""
    return getattr(net.module_, "_orig_mod", net.module_)


def snapshot(net):
    """What `restore` needs to take a net back to where it is now."""
    optimizers = [optimizer.state_dict() for optimizer in net.optimizers_.values()]
    facts = {name: getattr(net, name) for name in FACTS if hasattr(net, name)}
    states = copy.deepcopy((plain_module(net).state_dict(), optimizers, facts))
    told = {name: value for name, value in vars(net).items() if name.startswith("iterator_")}
    return *states, told, plain_module(net).objective, len(net.history)


def restore(net, state):
    """Undo the trainings since `snapshot`."""
    module, optimizers, facts, told, objective, n_epochs = state
    vars(net).update(facts | told)
    plain_module(net).objective = objective
    plain_module(net).load_state_dict(module)
    _load_optimizers(net, optimizers)
    net.module_.eval()
    del net.history[n_epochs:]


def take_record(net, of):
    """Give a net that was not trained the record of a training that has come to nothing better."""
    for name in ("history_", "best_epoch_", "interrupted_", "lowest_"):
        setattr(net, name, getattr(of, name))
    net.row_losses_ = None
    return net


def pack(net, *, with_optimizers):
    """A trained net as plain arrays and lists; optimizers only where training is to go on."""
    return {
        "module": to_arrays(dict(plain_module(net).state_dict())),
        "training": _pack_training(net) if with_optimizers else None,
        "history": [_without_batches(row) for row in net.history],
        "batch_size": net.batch_size,
        **{name: getattr(net, name) for name in FACTS if hasattr(net, name)},
    }


def unpack(net, state, *, to_train):
    """Give a net, initialized with the same settings, what `pack` has kept.

    Only if it is `to_train` need these be those of the optimizer as well.
    """
    plain_module(net).load_state_dict(to_tensors(state["module"]))
    net.module_.eval()
    if not to_train:
        net.resting_ = state["training"]
    elif state["training"] is not None:
        _load_optimizers(net, to_tensors(state["training"]["optimizers"]))
        net.lr_shares_ = state["training"]["lr_shares"]
    net.history_ = type(net.history)([{**row, "batches": []} for row in state["history"]])
    for name in FACTS:
        if name in state:
            setattr(net, name, state[name])


def rests(net):
    """Whether the net has been unpacked and not made ready for training since."""
    return hasattr(net, "resting_")


def _pack_training(net):
    if rests(net):
        return net.resting_
    optimizers = [optimizer.state_dict() for optimizer in net.optimizers_.values()]
    return {"optimizers": to_arrays(optimizers), "lr_shares": net.lr_shares_}


def _load_optimizers(net, states):
    for optimizer, state in zip(net.optimizers_.values(), states, strict=True):
        optimizer.load_state_dict(state)


def _without_batches(row):
    return {name: value for name, value in row.items() if name != "batches"}


def to_arrays(value):
    """Containers with arrays for tensors."""
    return _convert(value, torch.Tensor, _array)


def _array(tensor):
    tensor = tensor.detach().cpu()
    # numpy has no bfloat16; float32 has all of its numbers.
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy().copy()


def to_tensors(value):
    """Containers with tensors for arrays."""
    return _convert(value, np.ndarray, lambda array: torch.from_numpy(np.array(array)))


def writable(value):
    """Containers with copies of the arrays that can not be written, such as those of a file."""
    return _convert(
        value, np.ndarray, lambda array: array if array.flags.writeable else np.array(array)
    )


def _convert(value, kind, function):
    """Containers as they are, with a function applied to what is of one kind."""
    if type(value) is dict:
        return {key: _convert(part, kind, function) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_convert(part, kind, function) for part in value)
    return function(value) if isinstance(value, kind) else value
