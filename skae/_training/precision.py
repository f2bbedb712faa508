"""Products in fewer bits, where there are units for them."""

import contextlib
import functools
from pathlib import Path

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from skae._rows.checks import warn_user

# Names that Linux has for them; the last is Arm's.
UNITS = "amx_bf16", "avx512_bf16", "bf16"
# Of GPUs, and the compute capability from which they have them.
AMPERE = 8, 0
_PRODUCTS = {
    functional.linear,
    functional.conv1d,
    functional.conv2d,
    functional.conv3d,
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
}


class BFloat16Products(TorchFunctionMode):
    """Where it is entered, dense and convolutional layers multiply in bf16, forwards and backwards.

    They are given float32 and give it back, so that nothing else is rounded. `torch.autocast` would
    take the products in losses, penalties and statistics as well, and leave bf16 to what follows a
    layer.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Call a function of torch."""
        kwargs = kwargs or {}
        if function not in _PRODUCTS or args[0].dtype != torch.float32:
            return function(*args, **kwargs)
        args = [_low(value) for value in args]
        return function(*args, **{name: _low(value) for name, value in kwargs.items()}).float()


def _low(value):
    return value.bfloat16() if isinstance(value, torch.Tensor) else value


def what_is_missing(device):
    """What a device lacks to multiply in bf16 faster than in float32, or None."""
    if device.type == "cuda":
        found = torch.cuda.get_device_capability(device)
        return None if found >= AMPERE else f"its compute capability is {found}, below {AMPERE}"
    if device.type != "cpu":
        return "it is not known to have units for them"
    if not torch.backends.mkldnn.is_available():
        return "this torch was built without oneDNN"
    if _flags().isdisjoint(UNITS):
        return f"of {', '.join(UNITS)} there is none among the flags in /proc/cpuinfo"
    return None


@functools.cache
def _flags():
    """What the processor can do, on Linux."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        found = [line for line in lines if line.startswith(("flags", "Features"))]
        return frozenset(found[0].split()) if found else frozenset()
    return frozenset()


def products(precision, device):
    """A context for the parameter `precision`, to train a module in on a device.

    Where there are no units it is that of float32: in bf16 that would take longer.
    """
    is_low = precision == "bfloat16" and what_is_missing(device) is None
    return BFloat16Products() if is_low else contextlib.nullcontext()


def warn_of_missing(precision, device):
    """Say it where `precision` asks for units that a device does not have."""
    missing = what_is_missing(device) if precision == "bfloat16" else None
    if missing is not None:
        warn_user(
            f"precision='bfloat16' trains in float32 here: {str(device)!r} has no units for "
            f"products in bfloat16 ({missing}), which would take longer. Set precision='float32', "
            "or a device that has them."
        )
