"""Where the computation runs."""

import torch


def available_devices():
    """Names that `device` may take on this machine, the fastest first."""
    names = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def resolve_device(device):
    """Turn the parameter `device` into a `torch.device` that exists here."""
    available = available_devices()
    if device == "auto":
        return torch.device(available[0])
    try:
        resolved = torch.device(device)
    except RuntimeError:
        resolved = None
    name = str(resolved)
    if resolved is None or not (name in available or f"{name}:0" in available):
        raise ValueError(
            f"device={device!r} is not available here. Choose 'auto' or one of {available}."
        )
    return resolved


def forked_seed(device, seed):
    """Seed torch inside a context and leave the caller's random state as it was.

    Parameters
    ----------
    device : torch.device
        The device whose generator is used, beside the CPU's.
    seed : int
        The seed.

    Returns
    -------
    context manager
    """
    return _ForkedSeed(device, seed)


class _ForkedSeed:
    def __init__(self, device, seed):
        self.seed = seed
        self.fork = torch.random.fork_rng(
            devices=[] if device.type == "cpu" else [device],
            device_type="cuda" if device.type == "cpu" else device.type,
        )

    def __enter__(self):
        self.fork.__enter__()
        torch.manual_seed(self.seed)

    def __exit__(self, *exc_info):
        return self.fork.__exit__(*exc_info)
