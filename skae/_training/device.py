"""Where the computation runs, and the state of torch around it."""

import contextlib
import os
import threading

import torch

from skae._training.threads import threads_for

# Torch's generators belong to the process: threads that seed them must wait for each other.
_GENERATORS = threading.RLock()


class _Float32ByDefault:
    """The default dtype is the process's too: the first thread sets it, the last gives it back."""

    def __init__(self):
        self.lock, self.n_inside, self.thread = threading.Lock(), 0, threading.local()

    def __enter__(self):
        with self.lock:
            if self.n_inside == 0:
                self.dtype = torch.get_default_dtype()
                self._set(torch.float32)
            self.n_inside += 1
        self.thread.n_inside = getattr(self.thread, "n_inside", 0) + 1

    def __exit__(self, *exc_info):
        self.thread.n_inside -= 1
        with self.lock:
            self.n_inside -= 1
            if self.n_inside == 0:
                self._set(self.dtype)

    @staticmethod
    def _set(dtype):
        if dtype != torch.get_default_dtype():  # which takes next to no time
            torch.set_default_dtype(dtype)

    def after_fork(self):
        """Only the thread that forked is left."""
        n_before, self.n_inside = self.n_inside, getattr(self.thread, "n_inside", 0)
        self.lock = threading.Lock()
        if n_before and not self.n_inside:
            torch.set_default_dtype(self.dtype)


_FLOAT32_BY_DEFAULT = _Float32ByDefault()


def _after_fork():
    """What other threads held when the process was forked nobody would give back."""
    global _GENERATORS
    _GENERATORS = threading.RLock()
    _FLOAT32_BY_DEFAULT.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
    os.register_at_fork(after_in_child=_after_fork)


def available_devices():
    """Names that `device` may take on this machine, the fastest first."""
    names = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def is_available(device):
    """Whether `resolve_device` knows it."""
    if device == "auto":
        return True
    try:
        device = torch.device(device)
    except RuntimeError:
        return False
    # There is one CPU, which accelerate calls the first.
    name, available = "cpu" if device.type == "cpu" else str(device), available_devices()
    return name in available or f"{name}:0" in available


def resolve_device(device):
    """Turn the parameter `device` into a `torch.device` that exists here."""
    if not is_available(device):
        raise ValueError(
            f"device={device!r} is not available here. Choose 'auto' or one of "
            f"{available_devices()}."
        )
    return torch.device(available_devices()[0] if device == "auto" else device)


@contextlib.contextmanager
def forked_seed(device, seed):
    """Seed torch inside a context and leave the caller's random state as it was.

    Parameters
    ----------
    device : torch.device
        The device whose generator is used, beside the CPU's.
    seed : int
        The seed.
    """
    on_cpu = device.type == "cpu"
    fork = torch.random.fork_rng(
        devices=[] if on_cpu else [device], device_type="cuda" if on_cpu else device.type
    )
    with _GENERATORS, fork:
        # `torch.manual_seed` would also seed devices whose state is not given back.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


def generators(device):
    """Torch's generators that a training on a device draws from, by name."""
    device, found = torch.device(device), {"cpu": torch.default_generator}
    if device.type == "cuda":
        number = torch.cuda.current_device() if device.index is None else device.index
        found["device"] = torch.cuda.default_generators[number]
    return found


class RandomStream:
    """Torch's random numbers from a seed, taken up where they were left: a context when called.

    Parameters
    ----------
    device : torch.device
    seed : int
    """

    def __init__(self, device, seed):
        self.device, self.seed, self.states = device, seed, None

    @contextlib.contextmanager
    def __call__(self):
        """Draw from it."""
        with forked_seed(self.device, self.seed):
            if self.states is not None:
                for name, generator in generators(self.device).items():
                    generator.set_state(self.states[name])
            yield
            self.states = {name: g.get_state() for name, g in generators(self.device).items()}


@contextlib.contextmanager
def plain_torch(*, grad, work=None):
    """Torch as it comes, whatever the caller has set: dtype, device, autocast, gradients.

    Parameters
    ----------
    grad : bool
        Whether gradients are recorded.
    work : function or None
        Says how many threads that is worth: see `threads_for`.
    """
    with (
        threads_for(work),
        _FLOAT32_BY_DEFAULT,
        torch.inference_mode(not grad),
        torch.set_grad_enabled(grad),
        _without_contexts(),
    ):
        yield


def _without_contexts():
    """Outside of the contexts of torch that the caller is in: each slows every call down."""
    contexts = [
        torch.autocast(device_type, enabled=False)
        for device_type in ("cpu", "cuda")
        if torch.is_autocast_enabled(device_type)
    ]
    # In torch 2.4 `get_default_device` does not see a context.
    if torch.empty(0).device.type != "cpu":
        contexts.append(torch.device("cpu"))
    return _all_of(contexts) if contexts else contextlib.nullcontext()


@contextlib.contextmanager
def _all_of(contexts):
    with contextlib.ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield
