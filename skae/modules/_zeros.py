"""A first layer that does not multiply the zeros of its rows."""

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.autograd import forward_ad

# With more values that are not zero, or of smaller layers and batches, a dense product is faster.
MAX_FILLED, MIN_PRODUCTS = 0.03, 2**24


class SkipZeros(nn.Linear):
    """A linear layer for standardized rows of which most values were zero before.

    Of ``W x + b`` what zeros give is the same for all rows: ``W (x - zero) + (W zero + b)``, where
    most of ``x - zero`` is zero. In training on the CPU the product and the gradient of W are
    computed of the rest, if that is small enough; what is traced, compiled, on another device or
    differentiated by its input is `torch.nn.Linear`.

    Parameters
    ----------
    linear : nn.Linear
        Whose parameters are taken; it has a bias.
    zero : tensor of shape (n_inputs,)
        What a zero is in a standardized row.
    """

    def __init__(self, linear, zero):
        super().__init__(linear.in_features, linear.out_features, device="meta")
        # It lies in memory as sparse products want it, one input after the other.
        weight = linear.weight.detach().T.contiguous().T
        self.weight, self.bias = nn.Parameter(weight), linear.bias
        self.zero = zero

    def forward(self, x):
        """``(batch, n_inputs) -> (batch, n_outputs)``."""
        if not self._may_look_at(x):
            return super().forward(x)
        zero = self.zero.to(x.dtype)
        filled = torch.from_numpy(x.detach().numpy() != zero.numpy())
        if torch.count_nonzero(filled) > MAX_FILLED * filled.numel():
            return super().forward(x)
        rest = _differences(x.detach().numpy(), zero.numpy(), filled.numpy())
        return _SparseProduct.apply(rest, self.weight, self.bias, zero)

    def _may_look_at(self, x):
        """Whether the values are there, are rows of a batch, and are worth a look."""
        return (
            not (torch.compiler.is_compiling() or torch.jit.is_tracing() or _is_transformed())
            and type(x) is torch.Tensor
            and x.ndim == 2
            and x.device.type == "cpu"
            and x.dtype == self.weight.dtype
            and x.dtype in (torch.float32, torch.float64)
            and not (x.requires_grad and torch.is_grad_enabled())
            # Without training the last digits of a code must not depend on the rows beside it.
            and self.training
            and x.numel() * self.out_features >= MIN_PRODUCTS
        )


def _is_transformed():
    """Whether `torch.func` or forward-mode differentiation looks on."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


class _SparseProduct(torch.autograd.Function):
    """``W x + b``, where x is a SciPy matrix and `zero` is to be added to each of its rows."""

    @staticmethod
    def forward(ctx, x, weight, bias, zero):
        ctx.x, ctx.zero = x, zero
        product = torch.from_numpy(x @ weight.T.numpy())
        return product.add_(torch.addmv(bias, weight, zero))

    @staticmethod
    def backward(ctx, gradient):
        total = gradient.sum(dim=0)
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = torch.from_numpy(ctx.x.T @ gradient.numpy()).addr_(ctx.zero, total).T
        return None, of_weight, total, None


def _differences(x, zero, filled):
    """``x - zero`` as a CSR matrix, of which the places in `filled` are stored."""
    places = np.flatnonzero(filled)  # of one dimension, for they are found five times as fast
    rows, columns = np.divmod(places, len(zero))
    starts = np.searchsorted(rows, np.arange(len(x) + 1))
    values = x.ravel()[places] - zero[columns]
    parts = values, columns.astype(np.int32), starts.astype(np.int32)
    return sparse.csr_matrix(parts, shape=x.shape)


def skip_zeros(network, zero):
    """A network whose first layer, if that is linear, skips what is `zero`; others as they are."""
    first = next(network.children(), None) if type(network) is nn.Sequential else None
    if type(first) is nn.Linear and first.bias is not None:
        network[0] = SkipZeros(first, zero)
    return network
