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
