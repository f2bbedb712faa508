"""Likelihoods with the parameters that they learn."""

import math

import torch
from torch import nn
from torch.nn import functional

from skae.losses import LIKELIHOODS, observed

LINKS = {
    "bernoulli": torch.sigmoid,
    "categorical": lambda output: output.softmax(dim=1),
    "negative_binomial": torch.exp,
    "poisson": torch.exp,
}
# Beyond this the exponential of a log-mean overflows in float32.
MAX_LOG_MEAN = 30.0
COUNTS = ("negative_binomial", "poisson")


class Likelihood(nn.Module):
    """A likelihood of all columns that it is given; called, it gives their means.

    Parameters
    ----------
    name : str
        A name in `skae.losses.LIKELIHOODS`.
    parameter : tensor or None
        What the likelihood has beside its raw outputs, one number or one for each column: of
        "gaussian" and "laplace" the logarithm of the variance, of "negative_binomial" that of the
        dispersion.
    learned : bool
        Whether `parameter` is where learning starts.
    allow_nan : bool
        Whether NaN is "not observed": the likelihood is that of the other values.
    """

    # Noise of a millionth of the data's variance, which is 1, is no longer modelled.
    MIN_LOG_VARIANCE = -14.0
    # Adam moves a weight by about its learning rate each step, too little for a logarithm that may
    # have to go from 0 to -10.
    PACE = 10.0

    def __init__(self, name, parameter=None, learned=True, allow_nan=False):
        super().__init__()
        self.name, self.allow_nan = name, allow_nan
        parameter = torch.zeros(()) if parameter is None else parameter
        learned = learned and name in ("gaussian", "laplace", "negative_binomial")
        self.raw_parameter = nn.Parameter(parameter, requires_grad=learned)

    @property
    def parameter(self):
        """See the class."""
        if not self.raw_parameter.requires_grad:
            return self.raw_parameter
        paced = self.PACE * self.raw_parameter
        if self.name == "negative_binomial":
            return paced.clamp(-MAX_LOG_MEAN, MAX_LOG_MEAN)
        # Softly, so that more noise can still raise it.
        return self.MIN_LOG_VARIANCE + functional.softplus(paced - self.MIN_LOG_VARIANCE)

    @torch.no_grad()
    def begin_at(self, variance):
        """Set the learned noise of "gaussian" or "laplace", or the least that there may be."""
        least = self.MIN_LOG_VARIANCE + 1e-3
        above = math.log(max(variance, math.exp(least))) - self.MIN_LOG_VARIANCE
        paced = self.MIN_LOG_VARIANCE + math.log(math.expm1(above))
        self.raw_parameter.fill_(paced / self.PACE)

    def nll(self, x, output):
        """``-log p(x)`` of rows and raw outputs in nats, ``(batch,)``."""
        output, parameter = self._limited(output), self.parameter
        if self.allow_nan:
            return observed(self.name, x, output, parameter)
        return LIKELIHOODS[self.name](x, output, parameter)

    def forward(self, output):
        """Means, of raw outputs, ``(batch, n_columns)``."""
        return LINKS[self.name](self._limited(output)) if self.name in LINKS else output

    def draw(self, mean):
        """Rows drawn at random, of means."""
        if self.name == "bernoulli":
            return torch.bernoulli(mean)
        if self.name == "categorical":
            drawn = torch.multinomial(mean, 1).squeeze(1)
            return functional.one_hot(drawn, mean.shape[1]).to(mean)
        if self.name == "poisson":
            return torch.poisson(mean)
        if self.name == "negative_binomial":
            size = self.parameter.exp().expand_as(mean)
            return torch.poisson(mean * torch._standard_gamma(size) / size)
        deviation = torch.exp(0.5 * self.parameter)
        if self.name == "gaussian":
            return mean + deviation * torch.randn_like(mean)
        sign_and_size = torch.rand_like(mean) - 0.5
        exponential = -torch.log1p(-2 * sign_and_size.abs())
        return mean + deviation / 2**0.5 * sign_and_size.sign() * exponential

    def _limited(self, output):
        return output.clamp(max=MAX_LOG_MEAN) if self.name in COUNTS else output


class MixedLikelihood(nn.Module):
    """Independent likelihoods of groups of columns.

    Parameters
    ----------
    parts : list of (Likelihood, integer tensor)
        Each with the columns that it is of; together they are all columns.
    """

    def __init__(self, parts):
        super().__init__()
        likelihoods, columns = zip(*parts, strict=True)
        self.likelihoods = nn.ModuleList(likelihoods)
        for number, places in enumerate(columns):
            self.register_buffer(f"columns_{number}", places)
        self.register_buffer("order", torch.cat(columns).argsort())

    def _parts(self, *tables):
        for number, likelihood in enumerate(self.likelihoods):
            columns = getattr(self, f"columns_{number}")
            yield likelihood, *(table.index_select(1, columns) for table in tables)

    def nll(self, x, output):
        """``-log p(x)`` of rows and raw outputs in nats, ``(batch,)``."""
        return sum(likelihood.nll(*parts) for likelihood, *parts in self._parts(x, output))

    def forward(self, output):
        """Means, of raw outputs, ``(batch, n_columns)``."""
        means = [likelihood(part) for likelihood, part in self._parts(output)]
        return torch.cat(means, dim=1)[:, self.order]

    def draw(self, mean):
        """Rows drawn at random, of means."""
        drawn = [likelihood.draw(part) for likelihood, part in self._parts(mean)]
        return torch.cat(drawn, dim=1)[:, self.order]


class LogCounts(nn.Module):
    """Counts as logarithms, for the encoder; other columns stay as they are.

    Parameters
    ----------
    is_count : boolean tensor of shape (n_features,)
    mean : tensor of shape (n_features,)
        Of the counts; logarithms are relative to it.
    exposure : Exposure or None
        How much was counted of each row, if that is taken out.
    """

    def __init__(self, is_count, mean, exposure=None):
        super().__init__()
        self.exposure = exposure
        self.register_buffer("is_count", is_count)
        self.register_buffer("offset", torch.log1p(mean.clamp_min(0)))

    def forward(self, x):
        """``(batch, n_features)`` -> the same shape."""
        x = x if self.exposure is None else self.exposure.take_out(x)
        return torch.where(self.is_count, torch.log1p(x.clamp_min(0)) - self.offset, x)
