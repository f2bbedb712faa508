"""Logits of classes that can be relied on."""

import torch
from torch import nn


class Calibration(nn.Module):
    """A linear map of logits from several sources, plus a constant of each class.

    Until `set` says more it is the first of them as it is, and `is_set` False: the others need not
    be computed.

    Parameters
    ----------
    n_sources, n_classes : int
    """

    def __init__(self, n_sources, n_classes):
        super().__init__()
        self.register_buffer("weights", torch.zeros(n_sources, n_classes, n_classes))
        self.register_buffer("offset", torch.zeros(n_classes))
        self.reset()

    def reset(self):
        """Forget what was set."""
        self.weights.zero_()
        self.weights[0].fill_diagonal_(1)
        self.offset.zero_()
        self.is_set = False

    def set(self, weights, offset):
        """Set the maps ``(n_sources, n_classes, n_classes)`` and the constants ``(n_classes,)``."""
        self.weights.copy_(weights)
        self.offset.copy_(offset)
        self.is_set = True

    def forward(self, *logits):
        """``(batch, n_classes)`` each -> ``(batch, n_classes)``."""
        maps = zip(logits, self.weights, strict=True)
        return self.offset + sum(part @ weight.T for part, weight in maps)

    def _load_from_state_dict(self, state_dict, prefix, *others):
        # Of models from before there was one: it would change nothing.
        fresh = Calibration(*self.weights.shape[:2])
        for name, value in fresh.state_dict().items():
            state_dict.setdefault(f"{prefix}{name}", value)
        super()._load_from_state_dict(state_dict, prefix, *others)
        self.is_set = any((self.get_buffer(n).cpu() != v).any() for n, v in fresh.named_buffers())
