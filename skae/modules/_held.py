"""Networks that go on as straight lines where no row has been."""

from collections import OrderedDict

import torch
from torch import nn

# How much further than the farthest row of training a row may be for the network to see it. On
# tables whose held-out rows lie far beyond, half of this loses what networks add a little further
# out, and half as much again follows them where they are wrong.
REACH = 2.0
# A radius that no row reaches.
NOT_HELD = 1e30
# What is added to the variances of a regression, as a share of their mean: far away, directions in
# which rows hardly vary would else be followed by what is chance in them.
RIDGE = 1e-3


class Held(nn.Module):
    r"""A network that sees no row beyond those that it was trained on, and a line that goes on.

    What is derived from it comes before the class of the network, f. Without training the two are,
    with the rows' norm held to a radius,

    .. math:: f(r x) + (1 - r) A x, \quad r = R / \max(R, \lVert x \rVert),

    which within the radius R is f, to the last bit. A network knows nothing of where no row has
    been, and what it gives there is an accident of its activation; A is what the rows that there
    are lead to expect, as principal components do, or zero.

    Parameters
    ----------
    n_held, n_outputs : int
        How many of the inputs, the first, are held: others, such as the class, are told.
    """

    def __init__(self, n_held, n_outputs):
        super().__init__()
        self.is_held = False
        self.register_buffer("radius", torch.tensor(NOT_HELD))
        self.register_buffer("slope", torch.zeros(n_outputs, n_held))

    def forward(self, x):
        """``(batch, n_inputs) -> (batch, n_outputs)``."""
        if self.training or not self.is_held:
            return super().forward(x)
        n_held = self.slope.shape[1]
        held, share = x[:, :n_held], self.radius / torch.maximum(self.radius, self.norms(x))
        near = held * share
        if n_held < x.shape[1]:
            near = torch.cat([near, x[:, n_held:]], dim=1)
        return super().forward(near) + (1 - share) * nn.functional.linear(held, self.slope)

    def norms(self, x):
        """Of what is held of each row, ``(batch, 1)``."""
        return torch.linalg.vector_norm(x[:, : self.slope.shape[1]], dim=1, keepdim=True)

    @torch.no_grad()
    def reach(self, norm):
        """Let it see rows of at most such a norm, and what it saw before."""
        before = torch.where(self.radius < NOT_HELD, self.radius, 0.0)
        self.radius.copy_(before.clamp_min(norm))
        self.is_held = True

    @torch.no_grad()
    def follow(self, x, y):
        """Go on along the regression of the first outputs, y, on x."""
        self.slope[: y.shape[1]] = regression(x, y)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # A file of before does not know of these.
        for name in ("radius", "slope"):
            state_dict.setdefault(prefix + name, getattr(self, name))
        self.is_held = bool(state_dict[prefix + "radius"] < NOT_HELD)
        super()._load_from_state_dict(state_dict, prefix, *args)


class HeldSequential(Held, nn.Sequential):
    """A sequence of layers, (batch, n_inputs) -> (batch, n_outputs), that is held."""

    def __init__(self, network, n_held, n_outputs):
        super().__init__(n_held, n_outputs)
        self._modules.update(network._modules)  # under their names

    def __getitem__(self, place):
        """A layer, or several as a sequence of their own."""
        return nn.Sequential(OrderedDict(self._modules))[place]


def regression(x, y):
    """Slopes of y on x, ``(n_outputs, n_inputs)``, by a little of ridge; on the CPU."""
    x, y = (part.cpu().double() for part in (x, y))  # not all devices know float64
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    if len(x) < x.shape[1]:
        gram = x @ x.T
        _add_ridge(gram, x.shape[1])
        return (x.T @ torch.linalg.solve(gram, y)).T.float()
    gram = x.T @ x
    _add_ridge(gram, x.shape[1])
    return torch.linalg.solve(gram, x.T @ y).T.float()


def _add_ridge(gram, n_inputs):
    share = gram.diagonal().sum() / n_inputs
    gram.diagonal().add_((RIDGE * share).clamp_min(torch.finfo(gram.dtype).tiny))


def held(network, n_held, n_outputs):
    """A sequence of layers that can be held; a module of another kind as it is.

    So is a single layer, which is a line already.
    """
    if type(network) is not nn.Sequential or len(network) == 1:
        return network
    # Whatever else it has, such as a hook or a buffer, would be lost.
    others = {name: value for name, value in vars(network).items() if name not in _ITS_OWN}
    plain = {n: value for n, value in vars(nn.Sequential()).items() if n not in _ITS_OWN}
    return HeldSequential(network, n_held, n_outputs) if others == plain else network


_ITS_OWN = "_modules", "training"
