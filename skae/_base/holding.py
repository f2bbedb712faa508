"""How far the networks of a model see, once it is trained."""

import torch
from torch import nn

from skae._base.applying import device_of
from skae.modules import Bounded, Held, Likelihood, LinearPlusNetwork
from skae.modules._held import REACH

# How many rows are looked at for how far they reach, and how many for the lines beyond.
MAX_REACHED_ROWS, MAX_REGRESSED_ROWS = 10_000, 2000
# Of the standard normal prior hardly a draw lies so many deviations beyond its usual norm.
BEYOND_PRIOR = 4.0


def hold(module, tables, has_prior):
    """Hold the networks of a trained module to where its rows and their codes are.

    Parameters
    ----------
    module : Autoencoder
    tables : iterable of Rows
        What it was trained and judged on.
    has_prior : bool
        Whether codes are drawn from a standard normal prior as well.
    """
    # A linear map that nothing was added to is what PCA is everywhere.
    parts = [part for part in module.modules() if isinstance(part, Held) and not _is_linear(part)]
    if not parts:
        return
    norms, hooks = dict.fromkeys(parts, 0.0), []

    def note(part, inputs):
        norms[part] = max(norms[part], part.norms(inputs[0]).max().item())

    release(module)
    try:
        for part in parts:
            hooks.append(part.register_forward_pre_hook(note))
        with torch.inference_mode():
            kept = [_pass(module, rows) for rows in tables]
    finally:
        for hook in hooks:
            hook.remove()
    for part in parts:
        if norms[part] > 0:
            part.reach(REACH * norms[part])
    first = next((part for part in module.decoder.modules() if part in parts), None)
    if first is not None and has_prior:
        first.reach(first.slope.shape[1] ** 0.5 + BEYOND_PRIOR)
    if _gives_rows(module):
        encoder, decoder = module.encoder, _network_of(module.decoder)
        x, z = (torch.cat(several)[:MAX_REGRESSED_ROWS] for several in zip(*kept, strict=True))
        if encoder in parts:
            encoder.follow(x, z)
            z = x @ encoder.slope[: z.shape[1]].T  # the codes that rows far away have
        if decoder in parts:
            decoder.follow(z, x)


def release(module):
    """Let the networks see everything, as while they are trained and judged; radii are kept."""
    for part in module.modules():
        if isinstance(part, Held):
            part.is_held = False


def _pass(module, rows):
    """Encode and decode some of the rows; returns a few of them, and their codes."""
    kept = rows.fair_sample(MAX_REACHED_ROWS, torch.Generator().manual_seed(0))
    found, n_found = [], 0
    for part in rows.chunks_of(kept):
        x = part.to(device_of(module))
        z = module.encode(x)
        module.output(z)
        if hasattr(module, "classify"):
            module.classify(x)
        if n_found < MAX_REGRESSED_ROWS:
            found.append((module.fill(x), z))
            n_found += len(x)
    return tuple(torch.cat(several) for several in zip(*found, strict=True))


def _is_linear(part):
    return isinstance(part, LinearPlusNetwork) and part.is_linear


def _network_of(decoder):
    """A decoder less what ends it."""
    ends = type(decoder) is nn.Sequential and isinstance(decoder[-1], Bounded)
    return decoder[0] if ends else decoder


def _gives_rows(module):
    """Whether what the decoder gives are standardized rows, not their logits or logarithms."""
    link = module.link
    if isinstance(link, Likelihood):
        return link.name in ("gaussian", "laplace")
    return isinstance(link, nn.Identity)
