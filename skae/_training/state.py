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


def normalizes_batches(module):
    """Whether a layer has statistics of batches, which depend on what rows are in one."""
    return any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in module.modules())


def snapshot(net):
    """What `restore` needs to take a net back to where it is now."""
    optimizers = [optimizer.state_dict() for optimizer in net.optimizers_.values()]
    facts = {name: getattr(net, name) for name in FACTS if hasattr(net, name)}
    module = plain_module(net)
    states = take_weights(module), *copy.deepcopy((optimizers, facts))
    told = {name: value for name, value in vars(net).items() if name.startswith("iterator_")}
    return *states, told, plain_module(net).objective, len(net.history)


def restore(net, state):
    """Undo the trainings since `snapshot`."""
    weights, optimizers, facts, told, objective, n_epochs = state
    for name in set(FACTS) - facts.keys():
        vars(net).pop(name, None)
    vars(net).update(facts | told)
    plain_module(net).objective = objective
    put_weights(plain_module(net), weights)
    _load_optimizers(net, optimizers)
    net.module_.eval()
    del net.history[n_epochs:]


def take_record(net, of):
    """Give a net that was not trained the record of a training that has come to nothing better."""
    for name in ("history_", "best_epoch_", "interrupted_", "lowest_"):
        setattr(net, name, getattr(of, name))
    net.row_losses_ = None
    return net


def take_weights(module):
    """A copy of all that `forward` may read: parameters, buffers, and what torch leaves out."""
    weights = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    beside = copy.deepcopy(_buffers_beside(module)), values_beside(module)
    others = dict(zip(_OTHERS, beside, strict=True))
    return weights | {name: part for name, part in others.items() if part}


def put_weights(module, weights):
    """Give a module what `take_weights` has taken of one like it."""
    weights = dict(weights)
    buffers, values = (weights.pop(name, {}) for name in _OTHERS)
    for name in module.state_dict().keys() - weights.keys():  # it has come since
        part, last = _owner(module, name)
        part._buffers.pop(last, None)
    _load(module, weights)
    _put_buffers(module, buffers)
    put_values(module, values)


# The buffers that torch does not write to files, and plain attributes.
_OTHERS = "beside", "values"


def _load(module, weights):
    """Load weights, among which may be buffers that modules of the user's own made in training."""
    for name in weights.keys() - module.state_dict().keys():
        part, last = _owner(module, name)
        if is_of_the_user(part) and not hasattr(part, last):
            part.register_buffer(last, torch.empty_like(weights[name], device=_device_of(module)))
    module.load_state_dict(weights)


def _owner(module, name):
    path, _, last = name.rpartition(".")
    return module.get_submodule(path), last


def _device_of(module):
    return next(module.parameters()).device


def is_of_the_user(module):
    """Whether a module is not what its constructor is given, as those of torch and skae are."""
    roots = {cls.__module__.partition(".")[0] for cls in type(module).__mro__}
    return not roots <= {"builtins", "skae", "torch"}


def _buffers_beside(module):
    """The buffers that torch does not write to files, None where there is one to come."""
    return {
        f"{path}.{name}".lstrip("."): part._buffers[name]
        for path, part in module.named_modules()
        for name in sorted(part._non_persistent_buffers_set)
        if part._buffers[name] is None or _is_dense(part._buffers[name])
    }


def _put_buffers(module, buffers):
    """Make the buffers of `_buffers_beside` these: others may have come since, or be gone."""
    for name in _buffers_beside(module).keys() - buffers.keys():
        part, last = _owner(module, name)
        del part._buffers[last]
        part._non_persistent_buffers_set.discard(last)
    for name, value in buffers.items():
        part, last = _owner(module, name)
        if last not in part._buffers:
            part.register_buffer(last, None, persistent=False)
        if last not in part._non_persistent_buffers_set:
            raise ValueError(f"{name} is no buffer that torch leaves out")
        if value is not None:
            there = part._buffers[last]
            # What is written as float32 was a bfloat16, if that is what stands there.
            dtype = there.dtype if there is not None and there.is_floating_point() else value.dtype
            value = value.detach().clone().to(_device_of(module), dtype)
        part._buffers[last] = value


def _is_dense(tensor):
    return tensor.layout == torch.strided and "float8" not in str(tensor.dtype)


def values_beside(module):
    """What modules of the user's own have as plain attributes: tensors, arrays, numbers, texts.

    Their `forward` may read it, it may be random, and it may have changed in training.

    Returns
    -------
    dict of dict
        For each module by its path, its attributes, in plain containers: see `_encode`.
    """
    found = {}
    for path, part in module.named_modules():
        if not is_of_the_user(part):
            continue
        values = {k: _encode(v) for k, v in vars(part).items() if k not in _OF_TORCH}
        values = {name: value for name, value in values.items() if value is not _NOT_PLAIN}
        if values:
            found[path] = values
    return found


def put_values(module, values):
    """Give modules the attributes that `values_beside` has found."""
    for path, attributes in values.items():
        part = module.get_submodule(path)
        for name, value in attributes.items():
            there = vars(part).get(name)
            hides = there is None and callable(getattr(type(part), name, None))
            if hides or name in _OF_TORCH or hasattr(torch.nn.Module, name):
                raise ValueError(f"{name} is no attribute of a module's own")
            value = _decode(value)
            if isinstance(value, torch.Tensor):
                known = isinstance(there, torch.Tensor)
                value = value.to(there.device if known else _device_of(module))
            vars(part)[name] = value


_OF_TORCH = set(vars(torch.nn.Module()))
_NOT_PLAIN = object()
_CONTAINERS = {kind.__name__: kind for kind in (list, tuple, set, frozenset)}


def _encode(value, inside=()):
    """A value as arrays, numbers, texts and lists, with what they stand for; or `_NOT_PLAIN`."""
    if value is None or type(value) in (bool, int, float, str):
        return ["value", value]
    if type(value) is complex:
        return ["complex", value.real, value.imag]
    if type(value) is torch.Tensor and _is_dense(value):
        return ["tensor", _array(value), str(value.dtype).removeprefix("torch.")]
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return ["array" if isinstance(value, np.ndarray) else "scalar", np.array(value)]
    if id(value) in inside:  # a container that holds itself
        return _NOT_PLAIN
    if type(value) in _CONTAINERS.values():
        parts = [_encode(part, (*inside, id(value))) for part in value]
        if isinstance(value, set | frozenset):  # the same, in whatever order they come
            parts.sort(key=repr)
        return _NOT_PLAIN if _NOT_PLAIN in parts else [type(value).__name__, parts]
    if type(value) is dict:
        pairs = [[_encode(part, (*inside, id(value))) for part in pair] for pair in value.items()]
        return _NOT_PLAIN if any(_NOT_PLAIN in pair for pair in pairs) else ["dict", pairs]
    return _NOT_PLAIN


def _decode(value):
    kind, content, *more = value
    if kind == "tensor":
        return torch.from_numpy(np.array(content)).to(getattr(torch, more[0]))
    if kind in ("array", "scalar"):
        return np.array(content)[()] if kind == "scalar" else np.array(content)
    if kind == "complex":
        return complex(content, more[0])
    if kind == "dict":
        return {_decode(key): _decode(part) for key, part in content}
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](_decode(part) for part in content)
    return content


def pack(net, *, with_optimizers):
    """A trained net as plain arrays and lists; optimizers only where training is to go on."""
    module = plain_module(net)
    beside = {"buffers": to_arrays(_buffers_beside(module)), "values": values_beside(module)}
    return {
        "module": to_arrays(dict(module.state_dict())),
        "beside": {name: part for name, part in beside.items() if part},
        "training": _pack_training(net) if with_optimizers else None,
        "history": [_without_batches(row) for row in net.history],
        "batch_size": net.batch_size,
        **{name: getattr(net, name) for name in FACTS if hasattr(net, name)},
    }


def unpack(net, state, *, to_train):
    """Give a net, initialized with the same settings, what `pack` has kept.

    Only if it is `to_train` need these be those of the optimizer as well.
    """
    module, beside = plain_module(net), state.get("beside", {})  # not in files of before
    _load(module, to_tensors(state["module"]))
    if "buffers" in beside:
        _put_buffers(module, to_tensors(beside["buffers"]))
    put_values(module, beside.get("values", {}))
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
        # Kernels of optimizers take averages as they lie in memory, beside their parameter.
        for parameter, known in optimizer.state.items():
            for name, value in known.items():
                if torch.is_tensor(value) and value.shape == parameter.shape:
                    known[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


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


def unshared(value):
    """Containers of their own, so that a hash does not depend on who shares one with whom."""
    return _convert(value, (), None)


def _convert(value, kind, function):
    """Containers as they are, with a function applied to what is of one kind."""
    if type(value) is dict:
        return {key: _convert(part, kind, function) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_convert(part, kind, function) for part in value)
    return function(value) if isinstance(value, kind) else value
