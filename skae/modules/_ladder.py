"""The ladder network: a classifier that denoises each of its layers."""

import itertools

import torch
from torch import nn
from torch.nn import functional

from skae.architectures._activations import make_activation

EPSILON = 1e-6
# How much a batch counts in the statistics that inference uses.
MOMENTUM = 0.05


class Ladder(nn.Module):
    """An encoder with normalized layers, run with noise or without, and a decoder of each layer.

    Parameters
    ----------
    sizes : tuple of int
        Widths of all layers: the features, the hidden ones, the classes.
    activation : str
        Between the layers.
    noise_levels : tuple of float
        Standard deviations of the noise that each layer of the noisy run is given, the rows first.
    """

    def __init__(self, sizes, activation, noise_levels):
        super().__init__()
        self.noise_levels = noise_levels
        self.activation = make_activation(activation)
        pairs = list(itertools.pairwise(sizes))
        self.up = nn.ModuleList(_scaled_linear(a, b) for a, b in pairs)
        self.down = nn.ModuleList(_scaled_linear(b, a) for a, b in pairs)
        self.offsets = nn.ParameterList(torch.zeros(width) for width in sizes[1:])
        # The scale of a layer before a rectifier is that of the next layer's weights.
        self.scale = nn.Parameter(torch.ones(sizes[-1]))
        self.combinators = nn.ModuleList(GaussianCombinator(width) for width in sizes)
        self.statistics = nn.ModuleList(
            nn.BatchNorm1d(width, EPSILON, MOMENTUM, affine=False) for width in sizes[1:]
        )

    def classify(self, x):
        """Logits without noise, ``(batch, n_features) -> (batch, n_classes)``."""
        return self._layers(x)[-1]

    def encode(self, x):
        """The last hidden layer without noise, ``(batch, n_features) -> (batch, width)``."""
        return self._layers(x)[-2]

    def _layers(self, x):
        layers = [x]
        for number, (linear, norm) in enumerate(zip(self.up, self.statistics, strict=True)):
            layers.append(self._activate(norm(linear(layers[-1])), number))
        return layers

    def _activate(self, z, number):
        z = z + self.offsets[number]
        if number < len(self.up) - 1:
            return self.activation(z)
        return self.scale * z

    def clean(self, x):
        """Each layer before its activation, normalized, and how: ``(z, mean, 1 / deviation)``."""
        layers, h = [(x, None, None)], x
        for number, (linear, norm) in enumerate(zip(self.up, self.statistics, strict=True)):
            a = linear(h)
            known = (None, None) if self.training else (norm.running_mean, norm.running_var)
            # One operation, where mean, variance and quotient were five; the last two are constant.
            z, mean, precision = torch.native_batch_norm(
                a, None, None, *known, self.training, MOMENTUM, EPSILON
            )
            if not self.training:
                mean, precision = norm.running_mean, (norm.running_var + EPSILON).rsqrt()
            layers.append((z, mean, precision))
            h = self._activate(z, number)
        return layers

    def noisy(self, x):
        """Each layer before its activation, with noise, and the logits."""
        z = self._with_noise(x, 0)
        layers, h = [z], z
        for number, linear in enumerate(self.up):
            z = self._with_noise(self._normalize(linear(h), number), number + 1)
            layers.append(z)
            h = self._activate(z, number)
        return layers, h

    def _normalize(self, a, number):
        # Of this run inference takes the statistics: classes are learned here, from noisy rows, of
        # which those with a label may be other than those without.
        return self.statistics[number](a)

    def _with_noise(self, z, number):
        return torch.add(z, torch.randn_like(z), alpha=self.noise_levels[number])

    def denoise(self, layers, logits):
        """Estimates of the clean layers, the rows first, given noisy ones."""
        u, estimates = logits.softmax(dim=1), []
        for number in reversed(range(len(layers))):
            if number < len(self.down):
                u = self.down[number](estimates[-1])
            # These have no statistics of their own for inference: the batch has to do.
            if len(u) == 1:  # held out alone: it is its own mean
                u = torch.zeros_like(u)
            else:
                u = functional.batch_norm(u, None, None, training=True, eps=EPSILON)
            estimates.append(self.combinators[number](layers[number], u))
        return estimates[::-1]


class GaussianCombinator(nn.Module):
    """The best estimate of z, a normal variable, from a noisy z and a summary u of what is above.

    ``(z - mean(u)) weight(u) + mean(u)``, where the mean and the weight are a linear function plus
    a logistic one of u, apart for each unit.
    """

    def __init__(self, width):
        super().__init__()
        # Of the mean and the weight: height and slope and place of the logistic curve, linear part.
        start = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0])[:, None, None].repeat(1, 2, width)
        self.curves = nn.Parameter(start)

    def forward(self, z, u):
        """``(batch, width), (batch, width) -> (batch, width)``."""
        return _Combine.apply(z, u, self.curves)


class _Combine(torch.autograd.Function):
    """The combinator's formula and its gradient, written out: half the time of autograd's."""

    @staticmethod
    def forward(ctx, z, u, curves):
        height, slope, place, linear, offset = curves
        logistic = [torch.addcmul(place[i], slope[i], u).sigmoid_() for i in range(2)]
        mean, weight = (
            torch.addcmul(offset[i], linear[i], u).addcmul_(height[i], logistic[i])
            for i in range(2)
        )
        ctx.save_for_backward(z, u, curves, mean, weight, *logistic)
        return torch.addcmul(mean, z - mean, weight)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        z, u, curves, mean, weight, *logistic = ctx.saved_tensors
        height, slope, _, linear, _ = curves
        of_z = gradient * weight
        of_curves, of_u = torch.empty_like(curves), 0
        for i, of_value in enumerate((gradient - of_z, gradient * (z - mean))):
            part = of_value * logistic[i]
            of_height = part.sum(dim=0)
            of_logit = torch.addcmul(part, part, logistic[i], value=-1).mul_(height[i])
            of_place = of_logit.sum(dim=0)
            of_u = torch.addcmul(of_value * linear[i] + of_u, of_logit, slope[i])
            of_slope, of_linear = (of_logit.mul_(u)).sum(dim=0), torch.mul(of_value, u, out=part)
            parts = (of_height, of_slope, of_place, of_linear.sum(dim=0), of_value.sum(dim=0))
            torch.stack(parts, out=of_curves[:, i])
        return of_z, of_u, of_curves


def _scaled_linear(n_inputs, n_outputs):
    linear = nn.Linear(n_inputs, n_outputs, bias=False)
    nn.init.normal_(linear.weight, std=n_inputs**-0.5)
    return linear
