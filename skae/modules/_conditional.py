"""Codes with the class beside them."""

import torch
from torch import nn
from torch.nn import functional


def with_class(z, y, n_classes):
    """Append a one-hot code of the class.

    Parameters
    ----------
    z : tensor of shape (batch, n_components)
    y : integer tensor of shape (batch,)
        Class numbers, -1 for none.
    n_classes : int

    Returns
    -------
    tensor of shape (batch, n_components + n_classes)
    """
    return torch.cat([z, one_hot(y, n_classes).to(z)], dim=1)


def one_hot(y, n_classes):
    """True for the class of each row, ``(batch,) -> (batch, n_classes)``; -1 is none.

    Torch's own looks at the values.
    """
    return y.unsqueeze(1) == torch.arange(n_classes, device=y.device)


def tell(z, y, n_classes, numbers=None):
    """Codes for a decoder that is told the class or a number, if it is told any.

    Parameters
    ----------
    z : tensor of shape (batch, n_components)
    y : tensor of shape (batch,) or None
        Class numbers, -1 for none; or numbers. None is no class, or the middle of the numbers.
    n_classes : int
        0 if no class is told.
    numbers : tensor or None
        Some that may be told, where a number is.

    Returns
    -------
    tensor of shape (batch, n_components + n_classes), or (batch, n_components + 1)
    """
    if numbers is not None:
        y = numbers.median().expand(len(z)) if y is None else y
        return torch.cat([z, y.to(z)[:, None]], dim=1)
    if not n_classes:
        return z
    y = torch.full((len(z),), -1, device=z.device) if y is None else y
    return with_class(z, y, n_classes)


class ClassLevels(nn.Module):
    """What is added to what is decoded as rows of a class, so that their means are right.

    Until `add` says what it is, nothing is.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("added", torch.zeros(0))

    def add(self, levels):
        """Add levels of shape (n_classes, n_features) to those that there are."""
        levels = levels.to(self.added.device, torch.float32)
        self.added = self.added + levels if len(self.added) else levels

    def forward(self, output, y):
        """``(batch, n_outputs)``, with class numbers or None -> the same shape; -1 has none."""
        if y is None or not len(self.added):
            return output
        n_classes, n_features = self.added.shape
        added = functional.pad(self.added, (0, output.shape[1] - n_features))
        return output + one_hot(y, n_classes).to(output) @ added.to(output)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # A file of before does not know of it.
        value = state_dict.setdefault(f"{prefix}added", self.added.new_zeros(0))
        self.added = self.added.new_zeros(value.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
