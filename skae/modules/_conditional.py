"""Codes with the class beside them."""

import torch
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
    # A column more, which is left out, for those without a class.
    told = functional.one_hot(y % (n_classes + 1), n_classes + 1)
    return torch.cat([z, told[:, :n_classes].to(z)], dim=1)


def tell(z, y, n_classes):
    """Codes for a decoder that is told the class, if it is told any; y is None where there is none.

    Parameters
    ----------
    z : tensor of shape (batch, n_components)
    y : integer tensor of shape (batch,) or None
        Class numbers, -1 for none.
    n_classes : int
        0 if no class is told.

    Returns
    -------
    tensor of shape (batch, n_components + n_classes)
    """
    if not n_classes:
        return z
    y = torch.full((len(z),), -1, device=z.device) if y is None else y
    return with_class(z, y, n_classes)
