"""Codes with the class beside them."""

import torch


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
