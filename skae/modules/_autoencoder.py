"""The deterministic autoencoder, its outputs and its linear start."""

import torch
from torch import nn

from skae.modules._held import Held
from skae.modules._principal import LinearCodes


class Autoencoder(nn.Module):
    """An encoder, a decoder and a link.

    The objective compares rows with ``output(encode(x))``, the raw output; ``decode`` applies the
    link, which maps the raw output to the data where the loss is defined before that, such as the
    logistic function for `log_loss` on logits.

    Parameters
    ----------
    encoder : nn.Module
        (batch, n_features) -> (batch, n_components).
    decoder : nn.Module
        (batch, n_components) -> (batch, n_features).
    link : nn.Module
        Elementwise.
    """

    def __init__(self, encoder, decoder, link=None):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.link = nn.Identity() if link is None else link
        self.fill = nn.Identity()  # a `FillMissing` where values may be missing
        self.principal = LinearCodes()

    def encode(self, x):
        """Codes, ``(batch, n_features) -> (batch, n_components)``."""
        return self.principal(self.encoder(self.fill(x)))

    def output(self, z):
        """The decoder's raw output, ``(batch, n_components) -> (batch, n_features)``."""
        return self.decoder(self.principal.inverse(z))

    def decode(self, z, *told):
        """Reconstructions, of codes and of what else the raw output depends on."""
        return self.link(self.output(z, *told))

    def reconstruct(self, x):
        """Reconstructions of rows, ``(batch, n_features)``."""
        return self.decode(self.encode(x))


class Bounded(nn.Module):
    """Clip each output to the bounds of its feature, with a gradient that can always return.

    The gradient is that of the identity. Where the target lies at the bound the clipped error is
    zero and so is the gradient; where it does not, an output beyond the bound is still pulled back,
    which plain clipping could not do.

    Parameters
    ----------
    low, high : tensor of shape (n_features,)
        Infinite where a feature has no bound.
    """

    def __init__(self, low, high):
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, output):
        """Elementwise, ``(batch, n_features)``."""
        if not self.training:
            return output.clamp(self.low, self.high)
        if torch.compiler.is_compiling():  # it warns of functions with a gradient of their own
            return output + (output.clamp(self.low, self.high) - output).detach()
        return _Clip.apply(output, self.low, self.high)


class _Clip(torch.autograd.Function):
    """`torch.clamp` with the gradient of the identity."""

    @staticmethod
    def forward(ctx, output, low, high):
        return output.clamp(low, high)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None, None


class Offset(nn.Module):
    """Add a constant to each output, which is enlarged before.

    Parameters
    ----------
    offset : tensor of shape (n_outputs,)
    scale : tensor of shape (n_outputs,) or None
        By what; None is by nothing.
    """

    def __init__(self, offset, scale=None):
        super().__init__()
        self.register_buffer("offset", offset)
        is_one = scale is None or bool((scale == 1).all())
        self.register_buffer("scale", None if is_one else scale)

    def forward(self, output):
        """Elementwise, ``(batch, n_outputs)``."""
        return (output if self.scale is None else output * self.scale) + self.offset


def logistic_offset(mean):
    """What makes logistic outputs start at the mean of the data, as centring does for linear ones.

    From 0.5 everywhere, dark pixels push all logits down at once, and deep networks overshoot to
    where the logistic function is flat and nothing is learned any more.

    Parameters
    ----------
    mean : array of shape (n_features,)
        Within [0, 1].
    """
    return Offset(torch.as_tensor(mean).float().clamp(1e-3, 1 - 1e-3).logit())


class _Sum(nn.Module):
    """A linear map and a network of the same rows."""

    def forward(self, x):
        return self.linear(x) + self.network(x)


class LinearPlusNetwork(Held, _Sum):
    """``x -> weight x + bias + network(x)``, where the network starts at zero.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Widths. The linear map is zero until `begin_at` says what it is.
    network : nn.Module
        (batch, n_inputs) -> (batch, n_outputs), which ends in a `torch.nn.Linear`.
    n_held : int or None
        How many of the inputs are held where no row has been; None means all.
    """

    def __init__(self, n_inputs, n_outputs, network, n_held=None):
        super().__init__(n_inputs if n_held is None else n_held, n_outputs)
        # It draws no random weights that nobody would see.
        self.linear = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs)
        self.network = network
        with torch.no_grad():
            network[-1].weight.zero_()
            network[-1].bias.zero_()
        self.begin_at(torch.zeros(n_outputs, n_inputs), torch.zeros(n_outputs))

    @torch.no_grad()
    def begin_at(self, weight, bias):
        """Set the linear map, ``(n_outputs, n_inputs)`` and ``(n_outputs,)``."""
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)

    @property
    def is_linear(self):
        """Whether the network adds nothing yet."""
        return not any(part.any() for part in self.network[-1].parameters())
