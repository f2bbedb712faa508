"""A step recorded once as a flat list of operations, and replayed without autograd and modules.

Where networks are small, most of a step is not arithmetic: modules call each other, autograd notes
what they do and walks back through it, and each result is a new tensor. None of that changes from
one step to the next. So the operations below it are noted once, with the tensors that they read and
write, and are called again, in the same order and on the same tensors, with new values in them.
"""

from contextlib import suppress
from functools import partial

import torch
from torch.nn.modules import module as modules
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
# What a step may not do if it is to be the same operations each time: look at its numbers.
_LOOKS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
_RANDOM = torch.Tag.nondeterministic_seeded
# Arguments that are written though the operation does not say so.
_HIDDEN_WRITES = {_ATEN.native_batch_norm.default: (3, 4), _ATEN.cudnn_batch_norm.default: (3, 4)}
_DRAWS = {
    _ATEN.randn_like.default: torch.Tensor.normal_,
    _ATEN.randn.default: torch.Tensor.normal_,
    _ATEN.rand_like.default: torch.Tensor.uniform_,
    _ATEN.rand.default: torch.Tensor.uniform_,
}
# Batches have two sizes, and games four phases at most.
MAX_RECORDINGS = 8
# All that a step makes on its way is kept for the next one. Where that is much, it takes so long
# that there is nothing to be gained.
MAX_BYTES = 2**28
_COPIES = {_ATEN.clone.default, _ATEN._to_copy.default}
# These look at the shape of what they are given.
_OF_SHAPE = {
    "full_like",
    "new_empty",
    "new_full",
    "new_ones",
    "new_zeros",
    "ones_like",
    "zeros_like",
}


class Recording:
    """A function of tensors, recorded as it is called.

    The function must do the same operations whenever its arguments have the same shapes.

    Parameters
    ----------
    function : callable
        ``(*tensors)`` -> tensors, in any containers.
    inputs : list of tensors
        What it is called with now. None stays None.

    Attributes
    ----------
    outputs : as the function returned
        With the values of the last call.
    refusal : str or None
        Why it can not be replayed, if it can not.
    """

    def __init__(self, function, inputs):
        self.inputs = [None if x is None else x.clone() for x in inputs]
        with _Recorder() as recorder:
            outputs = function(*self.inputs)
        self.outputs = _mapped(torch.Tensor.detach, outputs)
        self.refusal = recorder.refusal
        if self.refusal is None:
            self.calls = recorder.calls
            self.is_graph = all(device.type == "cuda" for device in recorder.devices)

    def is_like(self, other):
        """Whether the same was done, to the same tensors."""
        mine, others = (_signature(one.calls, one.inputs) for one in (self, other))
        return mine == others

    def compile(self):
        """Make a program of what was recorded."""
        self.program, self.calls = _program(self.calls, self.outputs), None
        if self.is_graph:
            with suppress(RuntimeError):  # not all that a GPU does can be captured
                self.program = [_captured(self.program).replay]

    def replay(self, inputs):
        """The outputs for inputs of the same shapes; the next ones take their place.

        To be called where gradients are not recorded.
        """
        for mine, x in zip(self.inputs, inputs):  # noqa: B905, as they have been given before
            if x is not None:
                mine.copy_(x)
        for call in self.program:
            call()
        return self.outputs


def _captured(program):
    """A program as one graph that a GPU runs by itself."""
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph, capture_error_mode="thread_local"):
        for call in program:
            call()
    return graph


class _Recorder(TorchDispatchMode):
    """Note each operation, with what it read and what it gave."""

    def __init__(self):
        super().__init__()
        self.calls, self.refusal = [], None
        self.devices, self.constants, self.n_bytes = set(), set(), 0

    @classmethod
    def _should_skip_dynamo(cls):
        return False  # to be marked for torch's compiler would load it, which takes seconds

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        if self.refusal is None:
            self.refusal = self._note(operation, args, kwargs, result)
        return result

    def _note(self, operation, args, kwargs, result):
        """Note an operation; returns why it can not be replayed, or None."""
        tensors = _tensors([args, kwargs, result])
        if any(x.layout is not torch.strided for x in tensors):
            return f"{operation} is of sparse tensors"
        call = _Call(operation, args, kwargs, result)
        if call.looks_at_values:
            return f"{operation} looks at the values"
        if operation is _ATEN.lift_fresh.default:  # of numbers in the code: see `_signature`
            self.constants |= _places(args)
        if call.changed & self.constants:
            return f"{operation} changes numbers of the code"
        call.find_form()
        self.calls.append(call)
        self.devices |= {x.device for x in tensors}
        if call.made:
            self.n_bytes += sum(x.nbytes for x in _tensors(result))
        return "it takes too much memory" if self.n_bytes > MAX_BYTES else None


class _Call:
    """An operation that was called; tensors are told apart by the memory that they lie in."""

    def __init__(self, operation, args, kwargs, result):
        self.operation = operation
        # Without the graph of autograd, which would be kept alive.
        self.args, self.kwargs, self.result = (
            _mapped(torch.Tensor.detach, value) for value in (args, kwargs, result)
        )
        self.is_random = _RANDOM in operation.tags
        of_shape = operation.overloadpacket.__name__ in _OF_SHAPE
        self.read = set() if of_shape else _places([args, kwargs])
        changed = [args[place] for place in _HIDDEN_WRITES.get(operation, ())]
        if operation._schema.is_mutable:
            arguments = operation._schema.arguments
            given = {**{a.name: v for a, v in zip(arguments, args, strict=False)}, **kwargs}
            # Not `a.is_write`, which torch 2.4 does not have.
            written = [a.name for a in arguments if a.alias_info and a.alias_info.is_write]
            changed = [given.get(name) for name in written]
        self.changed, self.made = _places(changed), _places(result) - self.read

    @property
    def looks_at_values(self):
        """Whether what it gave, and not only the values in it, depends on what it was given."""
        if self.operation is _ATEN.index.Tensor:
            return any(x is not None and x.dtype in (torch.bool, torch.uint8) for x in self.args[1])
        is_number = any(isinstance(value, bool | int | float) for value in _leaves(self.result))
        return is_number or bool(_LOOKS & {*self.operation.tags})

    @property
    def is_nothing(self):
        """Whether it gave only another view of what there was."""
        return not self.made and not self.changed

    def again(self):
        """A function without arguments that does the same, into the same tensors."""
        if self.operation._schema.is_mutable and not self.made:
            return partial(self.operation._op, *self.args, **self.kwargs)
        if self.operation in _DRAWS and self.result.is_contiguous():
            return partial(_DRAWS[self.operation], self.result)
        if self.operation in _COPIES:
            return partial(self.result.copy_, self.args[0])
        if self.form is None:
            return partial(_copy_all, self.operation, self.args, self.kwargs, self.results)
        function, names = self.form
        into = dict(zip(names, self.results, strict=True))
        return partial(function, *self.args, **self.kwargs, **into)

    @property
    def results(self):
        return self.result if isinstance(self.result, tuple | list) else (self.result,)

    def find_form(self):
        """Find a form that writes into given tensors, as long as the arguments are what they were.

        It must give the same to the last bit: some kernels are others there.
        """
        self.form = None
        if self.is_random or self.operation._schema.is_mutable or self.is_nothing:
            return
        if self.changed or any(x is None for x in self.results):  # there is no place for that
            return
        kind = self.operation, *self.kwargs, *map(_kind, _leaves(self.args))
        if kind not in _FORMS:
            _FORMS[kind] = self._tried_forms()
        self.form = _FORMS[kind]

    def _tried_forms(self):
        found = None
        for function, names in _forms(self.operation):
            tried = [torch.empty_like(x) for x in self.results]
            try:
                function(*self.args, **self.kwargs, **dict(zip(names, tried, strict=True)))
            except (RuntimeError, TypeError):
                continue
            pairs = zip(tried, self.results, strict=True)
            if all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs):
                found = function, names
        return found


def _leaves(value):
    # A third of the time that torch's own takes, which knows more containers.
    if isinstance(value, dict):
        value = [*value.values()]
    if not isinstance(value, tuple | list):
        return [value]
    return [leaf for part in value for leaf in _leaves(part)]


def _mapped(function, value):
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, dict):
        return {name: _mapped(function, part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value)([_mapped(function, part) for part in value])
    return value


def _tensors(containers):
    return [x for x in _leaves(containers) if isinstance(x, torch.Tensor)]


def _places(containers):
    return {x.untyped_storage()._cdata for x in _tensors(containers)}


def _copy_all(operation, args, kwargs, results):
    made = operation(*args, **kwargs)
    for old, new in zip(results, made if isinstance(made, tuple | list) else (made,), strict=True):
        if old is not None:
            old.copy_(new)


# For kinds of calls the form that gives the same, or None.
_FORMS = {}


def _kind(value):
    if isinstance(value, torch.Tensor):
        return value.dtype, value.dim(), value.is_contiguous(), value.device.type
    return type(value)


def _forms(operation):
    """Forms of an operation that write into given tensors, the quickest last: `(function, names)`.

    Torch's own function, if there is one of this name, is called faster than the operation.
    """
    own = {a.name: str(a.type) for a in operation._schema.arguments}
    packet = operation.overloadpacket
    for name in packet.overloads():
        other = getattr(packet, name)
        arguments = other._schema.arguments
        outs = [a.name for a in arguments if a.is_out]
        if outs and {a.name: str(a.type) for a in arguments if not a.is_out} == own:
            yield other._op, outs
            function = getattr(torch, packet.__name__, None)
            if function is not None and outs == ["out"]:
                yield function, outs


def _signature(calls, inputs):
    """What was done to what: tensors are told apart by who made them, or by where they lie."""
    made = {place: f"input {i}" for i, x in enumerate(inputs) for place in _places(x)}

    def named(value):
        if not isinstance(value, torch.Tensor):
            return type(value), value
        (place,) = _places(value)
        return made.get(place, place), value.shape, value.stride(), value.storage_offset()

    signature = []
    for number, call in enumerate(calls):
        if call.operation is _ATEN.lift_fresh.default:  # of a number in the code, or of many
            made |= dict.fromkeys(_places(call.args), str(call.args[0].tolist()))
        signature.append((call.operation, *map(named, _leaves((call.args, call.kwargs)))))
        made |= dict.fromkeys(call.made, number)
    return signature


def _program(calls, outputs):
    """What must be done again: not what gives views or the same each time, or what nobody reads."""
    calls = [call for call in calls if not call.is_nothing]
    changed = set().union(*(call.changed for call in calls))
    made = set().union(*(call.made for call in calls))
    fixed, again = set(), []
    for call in calls:
        moves = call.is_random or call.changed or call.made & changed
        if call.read <= fixed and not moves:
            fixed |= call.made
        else:
            again.append(call)
    needed, program = _places(outputs), []
    for call in reversed(again):
        writes = call.made | call.changed
        if call.is_random or call.changed - made or writes & needed:
            needed |= call.read
            program.append(call.again())
    return program[::-1]


class Recorder:
    """Call functions of tensors, or replay what they did when they were called before.

    Parameters
    ----------
    module : nn.Module
        What they apply.
    wanted : bool
        Whether anything is to be replayed; whether it may be depends on the module.
    """

    def __init__(self, module, wanted):
        self.is_on = wanted and not _may_change(module)
        # What each key was recorded as once: it must be the same again to be replayed.
        self.known, self.recordings = {}, {}

    def stop(self):
        """Record and replay nothing from now on."""
        self.is_on, self.known, self.recordings = False, {}, {}

    def __call__(self, name, function, *inputs):
        """The result of ``function(name, *inputs)``, which may have more rows or fewer."""
        if not self.is_on:
            return function(name, *inputs)
        key = name, *[None if x is None else len(x) for x in inputs]
        recording = self.recordings.get(key)
        if recording is not None:
            return recording.replay(inputs)
        if key not in self.known:  # it may have to make what others find, or be the only one
            self.known[key] = None
            return function(name, *inputs)
        before = self.known[key]  # what is called may stop this
        recording = Recording(partial(function, name), inputs)
        if recording.refusal or (before is not None and not recording.is_like(before)):
            self.stop()
        elif before is None:
            self.known[key] = recording
        else:
            self._keep(key, recording)
        return recording.outputs

    def _keep(self, key, recording):
        if len(self.recordings) == MAX_RECORDINGS:
            del self.recordings[next(iter(self.recordings))]
        recording.compile()
        self.recordings[key], self.known[key] = recording, None


_HOOKS = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"


def _may_change(module):
    """Whether a module may do something else in its next call: those of others may."""
    parts = [*module.modules(), getattr(module, "objective", module)]
    is_watched = any(parameter._backward_hooks for parameter in module.parameters())
    is_watched |= any(getattr(modules, f"_global{name}") for name in _HOOKS)
    return is_watched or any(map(_is_of_others, parts))


def _is_of_others(part):
    """Whether its class is, or something that it calls."""
    called = filter(callable, vars(part).values())
    where = [getattr(one, "__module__", None) or type(one).__module__ for one in called]
    return (
        any(getattr(part, name, None) for name in _HOOKS)
        or not type(part).__module__.startswith(("skae.", "torch.nn.modules."))
        or not all(place.startswith(("skae.", "torch.")) or place == "builtins" for place in where)
    )
