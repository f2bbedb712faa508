"""Reconstruction losses and negative log-likelihoods: `COSTS` has an entry for each.

All are pure functions of the rows and the decoder's raw output, which return one value per row,
``(batch,)``. Both are ``(batch, n_features)``, but where a cost has several outputs for a value.
"Raw" means before the link: where the link is the logistic function, they take logits, where it is
the exponential, logarithms.

`LOSSES`, `LIKELIHOODS`, `LINKS` and `SCALE_DEGREE` are views of the table. So are the values that
`loss` and `likelihood` may have, and what their docstrings list.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

# From here on Stirling's series has all digits. Logarithms of the gamma function of large numbers
# are large, and their small differences would be rounded away.
MIN_STIRLING = 10.0
MAX_LOG_DISPERSION = 40.0
# What is no positive number has the density of this one, next to none, where it must have one.
LEAST_POSITIVE = 1e-30

__all__ = [
    "COSTS",
    "LIKELIHOODS",
    "LINKS",
    "LOSSES",
    "SCALE_DEGREE",
    "Cost",
    "absolute_error",
    "bernoulli_nll",
    "categorical_nll",
    "gaussian_nll",
    "hurdle_lognormal_nll",
    "laplace_nll",
    "log_loss",
    "lognormal_nll",
    "negative_binomial_nll",
    "observed",
    "poisson_nll",
    "squared_error",
]


@dataclass(frozen=True)
class Cost:
    """What a reconstruction costs; called with rows and outputs it gives one value per row.

    Parameters
    ----------
    elements : callable or None
        ``(x, output, *parameter)`` -> one value for each value of x, which must not look at others.
        None where only a row as a whole has one.
    over : {"mean", "sum"}
        What is taken of them over the features: the mean makes it a loss, the sum a negative
        log-likelihood in nats. Likelihoods are called with a `parameter`, which some ignore.
    degree : int or None
        Of a loss, if ``loss(c * x, c * output) == c ** degree * loss(x, output)``: rows are
        standardized in training, and what is reported is in units of X.
    link : str or None
        What maps the raw output to the data, where it is not the identity. Data of a loss with a
        link have a scale of their own, [0, 1], and are not standardized.
    standardized : bool
        Of a loss with neither: that it is meant to be of standardized rows, and reported as such.
    of_rows : callable or None
        ``(x, output, parameter)`` -> the value of each row, where there is a quicker way to it, or
        no other.
    n_outputs : int
        Raw outputs for each value of x: first one for each, then a second one for each.
    relative : callable or None
        ``(x, output, parameter)`` -> the elements but for what x and the parameter say alone, which
        is enough to compare outputs: where that is less, and known to graphs that know no gamma
        function.

    Raises
    ------
    TypeError
        If a loss says of none of `degree`, `link` and `standardized`, or of several, that they
        hold: then its units are not known.
    """

    elements: Callable | None
    over: str
    degree: int | None = None
    link: str | None = None
    standardized: bool = False
    of_rows: Callable | None = None
    n_outputs: int = 1
    relative: Callable | None = None

    def __post_init__(self):
        units = self.degree is not None, self.link is not None, self.standardized
        if self.over == "mean" and sum(units) != 1:
            raise TypeError(
                "The units of a loss must be known. Give one of: degree=d, if loss(c * x, c * "
                "output) == c ** d * loss(x, output); link, if its data are in [0, 1]; "
                "standardized=True, if it is of standardized rows, and may be reported so."
            )

    def __call__(self, x, output, *parameter):
        """The value of each row, ``(batch,)``."""
        if self.of_rows is not None:
            return self.of_rows(x, output, *parameter)
        elements = self.elements(x, output, *parameter)
        share = 1 / x.shape[1] if self.over == "mean" else 1.0
        return elements @ elements.new_full((x.shape[1],), share)  # quicker than a sum


def _squared_error(x, output):
    return functional.mse_loss(output, x, reduction="none")


def _absolute_error(x, output):
    return (x - output).abs()


def _cross_entropy(x, logits, parameter=None):
    """Between x and logistic(logits); between 0 and 1 it is the usual relaxation."""
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _gaussian(x, mean, log_variance):
    """``-log N(x; mean, exp(log_variance))``; that is one number, or one for each feature."""
    squares = (x - mean).square() * torch.exp(-log_variance)
    return 0.5 * (squares + log_variance + math.log(2 * math.pi))


def _gaussian_of_rows(x, mean, log_variance):
    # As a product with the precisions it takes one table less than the sum of `_gaussian`.
    log_variance = log_variance.to(x.dtype).expand(x.shape[1])
    squares = (x - mean).square() @ torch.exp(-log_variance)
    return 0.5 * (squares + (log_variance + math.log(2 * math.pi)).sum())


def _laplace(x, mean, log_variance):
    """``-log Laplace(x; mean, sqrt(exp(log_variance) / 2))``."""
    log_scale = 0.5 * (log_variance.to(x.dtype) - math.log(2))
    return (x - mean).abs() * torch.exp(-log_scale) + log_scale + math.log(2)


def _lognormal(x, log_median, log_variance):
    """``-log p(x)``, where log x is normal: of x > 0."""
    log_x = x.clamp_min(LEAST_POSITIVE).log()
    return _gaussian(log_x, log_median, log_variance.to(x.dtype)) + log_x


def _hurdle_lognormal(x, output, log_variance):
    """0 with a probability of its own, else lognormal; outputs are log-medians, then its logits."""
    log_median, logit_of_zero = output.chunk(2, dim=1)
    positive = functional.softplus(logit_of_zero) + _lognormal(x, log_median, log_variance)
    return torch.where(x == 0, functional.softplus(-logit_of_zero), positive)


def _poisson(x, log_rate, parameter=None):
    """``-log Poisson(x; exp(log_rate))``."""
    return _relative_poisson(x, log_rate) + _least_poisson(x)


def _relative_poisson(x, log_rate, parameter=None):
    """But for what x says alone."""
    # By what the logarithms differ, which is small where they and x are large.
    large = x.clamp_min(1)
    gap = log_rate - large.log()
    return large * gap.expm1() - x * gap


def _least_poisson(x):
    """What is left of it: ``lgamma(x + 1) - x log(max(x, 1)) + max(x, 1)``."""
    many = x.clamp_min(MIN_STIRLING)
    series = 0.5 * (2 * math.pi * many).log() + _stirling_error(many)
    few, large = x.clamp_max(MIN_STIRLING), x.clamp(1, MIN_STIRLING)
    return torch.where(x < MIN_STIRLING, torch.lgamma(few + 1) - few * large.log() + large, series)


def _negative_binomial(x, log_mean, log_dispersion):
    """The mean is ``exp(log_mean)``, the variance ``mean + mean ** 2 / exp(log_dispersion)``."""
    # Beyond these bounds nothing changes that a float32 could show, or it is not finite.
    log_dispersion = log_dispersion.clamp(-MAX_LOG_DISPERSION, MAX_LOG_DISPERSION)
    return _NegativeBinomial.apply(x, log_mean, log_dispersion)


def _relative_negative_binomial(x, log_mean, log_dispersion):
    """But for what x and the dispersion say alone."""
    log_size = log_dispersion.clamp(-MAX_LOG_DISPERSION, MAX_LOG_DISPERSION)
    size, large, log_ratio = log_size.exp(), x.clamp_min(1), log_mean - log_size
    spread = size * functional.softplus(log_ratio) + x * functional.softplus(-log_ratio)
    gap = log_mean - large.log()
    share = large * gap.expm1() / (size + large)
    # Graphs without `log1p` would lose digits of a small share.
    series = share * (1 - share * (1 / 2 - share * (1 / 3 - share / 4)))
    rise = torch.where(share.abs() < 0.02, series, share.log1p())
    narrow = (size + x) * rise - x * gap
    return torch.where(size > _least_narrow(x), narrow, spread)


class _NegativeBinomial(torch.autograd.Function):
    """The value and its gradient, written out: autograd's takes half as long again, or twice."""

    @staticmethod
    def forward(ctx, x, log_mean, log_dispersion):
        ctx.save_for_backward(x, log_mean, log_dispersion)
        size, log_ratio = log_dispersion.exp(), log_mean - log_dispersion

        def spread():
            odds = size * functional.softplus(log_ratio) + x * functional.softplus(-log_ratio)
            return odds + torch.lgamma(size) - _log_rising(x, size)

        def narrow():
            # By what differs from the Poisson distribution: nothing large cancels there.
            total, large = size + x, size.clamp_min(MIN_STIRLING)
            share = (log_mean.exp() - x) / total
            gap = total * (torch.log1p(share) - share) + 0.5 * torch.log1p(x / size)
            gap = gap + _stirling_error(large) - _stirling_error(total.clamp_min(MIN_STIRLING))
            return _poisson(x, log_mean) + gap

        return _choose(size, _least_narrow(x), narrow, spread)

    @staticmethod
    def backward(ctx, gradient):
        x, log_mean, log_dispersion = ctx.saved_tensors
        size, log_ratio = log_dispersion.exp(), log_mean - log_dispersion
        total, excess = size + x, log_mean.exp() - x
        of_mean = excess * torch.sigmoid(-log_ratio)

        def spread():
            rise = functional.softplus(log_ratio) + torch.digamma(size) - torch.digamma(total)
            return size * rise - of_mean

        def narrow():
            share = excess / total
            rise = torch.log1p(share) - share / (1 + share)
            return size * (rise + _digamma_error(size) - _digamma_error(total))

        of_dispersion = _choose(size, _least_narrow(x), narrow, spread)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = functional.softplus(-log_ratio) + torch.digamma(x + 1) - torch.digamma(total)
            of_x = gradient * of_x
        parts = gradient * of_mean, gradient * of_dispersion
        of_mean, of_dispersion = (
            part.sum_to_size(given.shape)
            for part, given in zip(parts, (log_mean, log_dispersion), strict=True)
        )
        return of_x, of_mean, of_dispersion


def _least_narrow(x):
    """The size from which on it is nearly a Poisson distribution."""
    return (x / 10).clamp_min(MIN_STIRLING)


def _choose(value, limit, above, below):
    """``torch.where(value > limit, above(), below())``; what is needed nowhere is not computed."""
    (least, most), (lowest, highest) = value.aminmax(), limit.aminmax()
    if most <= lowest:
        return below()
    return above() if least > highest else torch.where(value > limit, above(), below())


def _log_rising(x, size):
    """``lgamma(x + size) - lgamma(x + 1)``, for a size that is not large."""

    def few():
        return torch.lgamma(x + size) - torch.lgamma(x + 1)

    def series():
        many = x.clamp_min(MIN_STIRLING)
        steps = (size - 1) * many.log() + (many + size - 0.5) * torch.log1p(size / many) - size
        return steps + _stirling_error(many + size) - _stirling_error(many)

    return _choose(x.new_tensor(MIN_STIRLING), x, few, series)


def _stirling_error(t):
    """``lgamma(t)`` less ``(t - 1/2) log t - t + log(2 pi) / 2``, for t of 9 or more."""
    inverse = 1 / t.square()
    return (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / t


def _digamma_error(t):
    """``digamma(t) - log(t)``, for t of 9 or more."""
    inverse = 1 / t.square()
    return -0.5 / t - inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse / 240)))


def _categorical_of_rows(x, logits, parameter=None):
    """``-log softmax(logits)`` of the category that x, a one-hot block, has."""
    return -(x * logits.log_softmax(dim=1)).sum(dim=1)


COSTS = {
    "absolute_error": Cost(_absolute_error, "mean", degree=1),
    "bernoulli": Cost(_cross_entropy, "sum", link="logistic"),
    "categorical": Cost(None, "sum", of_rows=_categorical_of_rows),
    "gaussian": Cost(_gaussian, "sum", of_rows=_gaussian_of_rows),
    "hurdle_lognormal": Cost(_hurdle_lognormal, "sum", n_outputs=2),
    "laplace": Cost(_laplace, "sum"),
    "log_loss": Cost(_cross_entropy, "mean", link="logistic"),
    "lognormal": Cost(_lognormal, "sum"),
    "negative_binomial": Cost(_negative_binomial, "sum", relative=_relative_negative_binomial),
    "poisson": Cost(_poisson, "sum", relative=_relative_poisson),
    "squared_error": Cost(_squared_error, "mean", degree=2),
}


LOSSES = {name: cost for name, cost in COSTS.items() if cost.over == "mean"}
LIKELIHOODS = {name: cost for name, cost in COSTS.items() if cost.over == "sum"}
# What maps the decoder's raw output to the data, where it is not the identity.
LINKS = {name: cost.link for name, cost in COSTS.items() if cost.link is not None}
SCALE_DEGREE = {name: cost.degree for name, cost in LOSSES.items() if cost.degree is not None}

absolute_error = COSTS["absolute_error"]
bernoulli_nll = COSTS["bernoulli"]
categorical_nll = COSTS["categorical"]
gaussian_nll = COSTS["gaussian"]
hurdle_lognormal_nll = COSTS["hurdle_lognormal"]
laplace_nll = COSTS["laplace"]
log_loss = COSTS["log_loss"]
lognormal_nll = COSTS["lognormal"]
negative_binomial_nll = COSTS["negative_binomial"]
poisson_nll = COSTS["poisson"]
squared_error = COSTS["squared_error"]


def observed(name, x, output, *parameter):
    """A loss or likelihood of the values of x that are not NaN.

    Losses are means over those, likelihoods are sums; of a row without any they are 0.

    Parameters
    ----------
    name : str
        A name in `COSTS`.
    x : tensor of shape (batch, n_features)
    output : tensor of shape (batch, n_outputs)
    *parameter : tensor
        Of the likelihood.

    Returns
    -------
    tensor of shape (batch,)
    """
    cost = COSTS[name]
    seen, x = ~x.isnan(), x.nan_to_num()  # a gradient of NaN would be NaN even where it is masked
    if cost.elements is None:  # a row is observed as a whole
        return torch.where(seen.all(dim=1), cost(x, output, *parameter), 0.0)
    total = torch.where(seen, cost.elements(x, output, *parameter), 0.0).sum(dim=1)
    return total / seen.sum(dim=1).clamp_min(1) if cost.over == "mean" else total
