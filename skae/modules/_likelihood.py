"""Likelihoods with the parameters that they learn."""

import math

import torch
from torch import nn
from torch.nn import functional

from skae._rows.amounts import AMOUNTS
from skae._rows.columns import COUNTS
from skae.losses import LEAST_POSITIVE, LIKELIHOODS, observed
from skae.modules._truncated import redrawn, truncated_laplace, truncated_normal

LINKS = {
    "bernoulli": torch.sigmoid,
    "categorical": lambda output: output.softmax(dim=1),
    "negative_binomial": torch.exp,
    "poisson": torch.exp,
}
# Beyond this the exponential of a log-mean overflows in float32.
MAX_LOG_MEAN, MAX_LOG_AMOUNT = 30.0, 60.0
LEARNED = ("gaussian", "laplace", "negative_binomial", *AMOUNTS)


def n_outputs_of(name):
    """Raw outputs for each value of a likelihood; one of what is told in place of a likelihood."""
    return LIKELIHOODS[name].n_outputs if name in LIKELIHOODS else 1


class Likelihood(nn.Module):
    """A likelihood of all columns that it is given; called, it gives their means.

    Raw outputs are as many as columns; of "hurdle_lognormal" as many again come after them.

    Parameters
    ----------
    name : str
        A name in `skae.losses.LIKELIHOODS`.
    parameter : tensor or None
        What the likelihood has beside its raw outputs, one number or one for each column: of
        "gaussian" and "laplace" the logarithm of the variance, of "lognormal" and
        "hurdle_lognormal" that of the variance of the logarithms, of "negative_binomial" that of
        the dispersion.
    learned : bool
        Whether `parameter` is where learning starts.
    allow_nan : bool
        Whether NaN is "not observed": the likelihood is that of the other values.
    high : tensor of shape (n_columns,) or None
        Where the mean of amounts is that of smaller ones only. That of all depends on a tail that
        no row has shown.
    """

    # Noise of a millionth of the data's variance, which is 1, is no longer modelled.
    MIN_LOG_VARIANCE = -14.0
    # Adam moves a weight by about its learning rate each step, too little for a logarithm that may
    # have to go from 0 to -10.
    PACE = 10.0

    def __init__(self, name, parameter=None, learned=True, allow_nan=False, high=None):
        super().__init__()
        self.register_buffer("log_high", None if high is None else high.log(), persistent=False)
        self.name, self.allow_nan = name, allow_nan
        parameter = torch.zeros(()) if parameter is None else parameter
        learned = learned and name in LEARNED
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
        """Set the learned variance, or the least that there may be; all but one of counts."""
        least = self.MIN_LOG_VARIANCE + 1e-3
        variance = torch.as_tensor(variance, dtype=torch.float64)
        above = variance.log().clamp_min(least) - self.MIN_LOG_VARIANCE
        paced = self.MIN_LOG_VARIANCE + above + (-(-above).expm1()).log()
        self.raw_parameter.copy_(paced / self.PACE)

    def nll(self, x, output):
        """``-log p(x)`` of rows and raw outputs in nats, ``(batch,)``."""
        output, parameter = self._limited(output), self.parameter
        if self.allow_nan:
            return observed(self.name, x, output, parameter)
        return LIKELIHOODS[self.name](x, output, parameter)

    def relative_nll(self, x, output):
        """But for what x says alone, ``(batch,)``: enough to compare outputs for the same rows."""
        relative = LIKELIHOODS[self.name].relative
        if relative is None:
            return self.nll(x, output)
        return relative(x, self._limited(output), self.parameter).sum(dim=1)

    def forward(self, output):
        """Means, of raw outputs, ``(batch, n_columns)``."""
        if self.name in AMOUNTS:
            return self._mean_amount(output)
        return LINKS[self.name](self._limited(output)) if self.name in LINKS else output

    def _mean_amount(self, output):
        log_median, *logit_of_zero = output.chunk(n_outputs_of(self.name), dim=1)
        log_mean = log_median + 0.5 * self.parameter.exp()
        if self.log_high is not None:
            deviation = (0.5 * self.parameter).exp()
            place = (self.log_high - log_median) / deviation
            log_mean = log_mean + _log_below(place - deviation) - _log_below(place)
        if logit_of_zero:
            log_mean = log_mean - functional.softplus(logit_of_zero[0])
        return log_mean.clamp(max=MAX_LOG_AMOUNT).exp()

    def excess(self, output):
        """The variance of sums of counts beyond that of a Poisson distribution, ``(batch,)``."""
        if self.name != "negative_binomial":
            return output.new_zeros(len(output))
        return (self(output).square() / self.parameter.exp()).sum(dim=1)

    def draw(self, output, low=None, high=None):
        """Rows drawn at random, of raw outputs.

        Parameters
        ----------
        output : tensor of shape (batch, n_outputs)
        low, high : tensor of shape (n_columns,) or None
            Bounds, infinite where there are none: draws are those of the truncated distribution.
            Of "hurdle_lognormal" they are those of what is not 0; "bernoulli" and "categorical"
            have their own.
        """
        if self.name in ("bernoulli", "categorical"):
            return self._draw_flags(self(output))
        nowhere = output.new_tensor(math.inf)
        bounds = -nowhere if low is None else low, nowhere if high is None else high
        if self.name in COUNTS:
            return redrawn(lambda: self._draw_counts(self(output)), *bounds)
        log_scale = 0.5 * self.parameter
        centre, *logit_of_zero = output.chunk(n_outputs_of(self.name), dim=1)
        if self.name in AMOUNTS:
            bounds = [bound.clamp_min(LEAST_POSITIVE).log() for bound in bounds]
        elif self.name == "laplace":
            log_scale = log_scale - 0.5 * math.log(2)
        scale = log_scale.exp()
        bounds = [(bound - centre).double() / scale for bound in bounds]
        truncated = truncated_laplace if self.name == "laplace" else truncated_normal
        drawn = (centre + scale * truncated(*bounds)).to(output)
        if self.name not in AMOUNTS:
            return drawn
        drawn = drawn.clamp_max(MAX_LOG_AMOUNT).exp()
        if logit_of_zero:
            drawn = torch.where(torch.bernoulli(logit_of_zero[0].sigmoid()) == 1, 0.0, drawn)
        return drawn

    def _draw_flags(self, mean):
        if self.name == "bernoulli":
            return torch.bernoulli(mean)
        drawn = torch.multinomial(mean, 1).squeeze(1)
        return functional.one_hot(drawn, mean.shape[1]).to(mean)

    def _draw_counts(self, mean):
        if self.name == "poisson":
            return torch.poisson(mean)
        size = self.parameter.exp().expand_as(mean)
        return torch.poisson(mean * torch._standard_gamma(size) / size)

    def _limited(self, output):
        return output.clamp(max=MAX_LOG_MEAN) if self.name in COUNTS else output


def _log_below(x):
    """Logarithm of the standard normal distribution function, by what all graphs know."""
    return (0.5 * (1 + torch.erf(x / 2**0.5))).clamp_min(1e-6).log()


class MixedLikelihood(nn.Module):
    """Independent likelihoods of groups of columns.

    The raw outputs have one for each column, in their order, and behind them the second ones of
    those that have two, likelihood by likelihood.

    Parameters
    ----------
    parts : list of (Likelihood, integer tensor)
        Each with the columns that it is of; together they are all columns.
    """

    def __init__(self, parts):
        super().__init__()
        likelihoods, columns = zip(*parts, strict=True)
        self.likelihoods = nn.ModuleList(likelihoods)
        n_outputs = sum(map(len, columns))
        for number, places in enumerate(columns):
            self.register_buffer(f"columns_{number}", places)
            n_more = len(places) * (n_outputs_of(likelihoods[number].name) - 1)
            outputs = torch.cat([places, torch.arange(n_outputs, n_outputs + n_more)])
            self.register_buffer(f"outputs_{number}", outputs, persistent=False)
            n_outputs += n_more
        self.register_buffer("order", torch.cat(columns).argsort())

    def _parts(self, output):
        for number, likelihood in enumerate(self.likelihoods):
            columns, outputs = getattr(self, f"columns_{number}"), f"outputs_{number}"
            yield likelihood, columns, output.index_select(1, getattr(self, outputs))

    def nll(self, x, output):
        """``-log p(x)`` of rows and raw outputs in nats, ``(batch,)``."""
        return sum(
            likelihood.nll(x.index_select(1, columns), part)
            for likelihood, columns, part in self._parts(output)
        )

    def relative_nll(self, x, output):
        """But for what x says alone, ``(batch,)``: see `Likelihood`."""
        return sum(
            likelihood.relative_nll(x.index_select(1, columns), part)
            for likelihood, columns, part in self._parts(output)
        )

    def forward(self, output):
        """Means, of raw outputs, ``(batch, n_columns)``."""
        means = [likelihood(part) for likelihood, _, part in self._parts(output)]
        return torch.cat(means, dim=1)[:, self.order]

    def excess(self, output):
        """The variance of sums of counts beyond that of a Poisson distribution, ``(batch,)``."""
        return sum(likelihood.excess(part) for likelihood, _, part in self._parts(output))

    def draw(self, output, low=None, high=None):
        """Rows drawn at random, of raw outputs: see `Likelihood.draw`."""
        drawn = [
            likelihood.draw(part, *(None if b is None else b[columns] for b in (low, high)))
            for likelihood, columns, part in self._parts(output)
        ]
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


class LogAmounts(nn.Module):
    """Amounts on a scale of logarithms, for the encoder; other columns stay as they are.

    There an amount x is ``(log(x + shift) - offset) / spread``. A shift that is far below the
    positive values leaves these nearly as they are, and gives 0 a place below them.

    Parameters
    ----------
    is_amount : boolean tensor of shape (n_features,)
    shift, offset, spread : tensor of shape (n_features,)
    """

    def __init__(self, is_amount, shift, offset, spread):
        super().__init__()
        self.register_buffer("is_amount", is_amount)
        self.register_buffer("shift", shift)
        self.register_buffer("offset", offset)
        self.register_buffer("spread", spread)

    def forward(self, x):
        """``(batch, n_features)`` -> the same shape."""
        log = (x.clamp_min(0) + self.shift).clamp_min(LEAST_POSITIVE).log()
        return torch.where(self.is_amount, (log - self.offset) / self.spread, x)

    def inverse(self, x):
        """The way back."""
        log = (self.offset + self.spread * x).clamp_max(MAX_LOG_AMOUNT)
        amount = (log.exp() - self.shift).clamp_min(0)
        return torch.where(self.is_amount, amount, x)
