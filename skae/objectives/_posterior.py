"""Codes drawn given what is known of rows: importance sampling that adapts to each row."""

import math
from dataclasses import dataclass, fields

import torch

# Where modes are looked for: from so many places at least and at most, by how many draws there are,
# the likeliest of draws of the prior among them.
FEWEST_STARTS, MOST_STARTS, DRAWS_PER_START, N_TRIED = 4, 16, 32, 64
# Steps of Newton's; second derivatives are differences of gradients at places so far apart.
N_STEPS, STEP = 8, 0.02
# A place from which a step would gain fewer nats is a mode.
MIN_GAIN = 0.1
LENGTHS = (1.0, 0.3, 0.1, 0.03, 0.0)
# Candidates for each code that is wanted, and at least, for each component of a code as well.
PER_DRAW, AT_LEAST, PER_COMPONENT, MOST_LEARNED_FROM = 8, 64, 16, 2048
# More are drawn where few of them count: for so many that do.
ENOUGH_PER_DRAW, MOST_PER_DRAW = 2, 64
# A part of them comes from the prior, for what a proposal does not know of.
PRIOR_SHARE = 0.1
# Proposals are a little wider than the posterior seems to be: their deviations.
WIDENING = 1.1
# Where a smaller share of the candidates counts, the next proposal is made of them. Weights are
# tempered until a share counts that something can be learned from.
ENOUGH, LEARNABLE, MAX_ROUNDS = 0.3, 0.2, 8
# So many candidates are looked at together.
AT_ONCE = 2**14


@dataclass(frozen=True)
class Proposal:
    """Where codes are looked for: normal distributions, each of a class, beside the prior.

    Parameters
    ----------
    log_weights : tensor of shape (batch, n_parts)
        Of the parts; together they are 1.
    means : tensor of shape (batch, n_parts, k)
    factors : tensor of shape (batch, n_parts, k, k)
        Cholesky factors of the covariances.
    labels : integer tensor of shape (batch, n_parts)
        Their classes; 0 where there are none.
    """

    log_weights: torch.Tensor
    means: torch.Tensor
    factors: torch.Tensor
    labels: torch.Tensor

    def of(self, rows):
        """That of some of the rows."""
        return Proposal(*(getattr(self, field.name)[rows] for field in fields(self)))

    def draw(self, n_draws, log_shares):
        """Codes and classes, ``(batch, n_draws, k)`` and ``(batch, n_draws)``."""
        places = torch.multinomial(self.log_weights.exp(), n_draws, replacement=True)
        rows = torch.arange(len(places), device=places.device)[:, None]
        noise = torch.randn(*places.shape, self.means.shape[2]).to(self.means)
        z = self.means[rows, places] + _times(self.factors[rows, places], noise)
        y = self.labels[rows, places]
        is_prior = torch.rand(places.shape).to(z) < PRIOR_SHARE
        of_prior = torch.multinomial(log_shares.exp(), y.numel(), replacement=True).view_as(y)
        return torch.where(is_prior[..., None], noise, z), torch.where(is_prior, of_prior, y)

    def log_parts(self, z, y):
        """The density of each part, ``(batch, n_draws, n_parts)``."""
        inverse = torch.linalg.inv(self.factors)
        far = torch.einsum("bpij,bnpj->bnpi", inverse, z[:, :, None] - self.means[:, None])
        volume = self.factors.diagonal(dim1=2, dim2=3).log().sum(dim=2)
        each = (self.log_weights - volume)[:, None] - 0.5 * far.square().sum(dim=3)
        return each.masked_fill(y[..., None] != self.labels[:, None], -math.inf)

    def log_density(self, z, y, log_shares):
        """That of all, with the prior, ``(batch, n_draws)``."""
        parts = self.log_parts(z, y).logsumexp(dim=2) + math.log(1 - PRIOR_SHARE)
        return torch.logaddexp(parts, log_prior(z, y, log_shares) + math.log(PRIOR_SHARE))

    def adapted(self, z, y, log_weights):
        """The next one, made of weighted candidates: a step of EM [1]_.

        References
        ----------
        .. [1] Cappé, Douc, Guillin, Marin and Robert, "Adaptive importance sampling in general
           mixture classes", Statistics and Computing 18, 2008.
        """
        weights = log_weights.softmax(dim=1)
        shares = self.log_parts(z, y).softmax(dim=2).nan_to_num() * weights[..., None]
        share = shares.sum(dim=1)  # (batch, n_parts)
        # A part that few candidates belong to stays nearly what it was.
        before = z.shape[2] + 2.0
        n_effective = share * effective_size(log_weights)[:, None]
        trust = (n_effective / (n_effective + before))[..., None]
        mean = torch.einsum("bnp,bnk->bpk", shares, z) / share[..., None].clamp_min(1e-12)
        means = trust * mean + (1 - trust) * self.means
        far = z[:, :, None] - means[:, None]
        square = torch.einsum("bnp,bnpi,bnpj->bpij", shares, far, far)
        square = square / share[..., None, None].clamp_min(1e-12)
        trust = trust[..., None]
        covariance = trust * square + (1 - trust) * self.factors @ self.factors.mT
        share = share + 0.01 / share.shape[1]
        factors = cholesky(covariance)
        return Proposal((share / share.sum(dim=1, keepdim=True)).log(), means, factors, self.labels)


def _times(matrices, vectors):
    return (matrices @ vectors[..., None]).squeeze(-1)


def cholesky(matrices):
    """Of positive semidefinite matrices, with a little added to their diagonals."""
    scale = matrices.diagonal(dim1=-2, dim2=-1).mean(dim=-1).clamp_min(1e-12)
    little = 1e-6 * scale[..., None, None] * torch.eye(matrices.shape[-1]).to(matrices)
    return torch.linalg.cholesky(matrices + little)


def log_prior(z, y, log_shares):
    """``log p(z, y)``, but for the constant of the normal density."""
    return -0.5 * z.square().sum(dim=-1) + log_shares[y]


def effective_size(log_weights):
    """The effective sample size ``(sum w)^2 / sum w^2``, of the last dimension."""
    return 1 / log_weights.softmax(dim=-1).square().sum(dim=-1)


def tempered(log_weights, n_effective, n_steps=30):
    """The largest power in [0, 1] of weights of which so many are effective; their logarithms."""
    low = torch.zeros_like(log_weights[:, :1])
    high = torch.ones_like(low)
    for _ in range(n_steps):
        middle = (low + high) / 2
        is_low = (effective_size(middle * log_weights) >= n_effective)[:, None]
        low, high = torch.where(is_low, middle, low), torch.where(is_low, high, middle)
    return low * log_weights


def posterior_codes(log_likelihood, start, n_draws, log_shares):
    """Draws of ``p(z, y | x) ~ p(x | z, y) p(z) p(y)`` for each row, z being standard normal.

    The first proposal are normal distributions at modes of it, where its curvature says how wide
    they are. Where few candidates count, the next one is made of them.

    Parameters
    ----------
    log_likelihood : callable
        Codes ``(batch, n, k)``, classes ``(batch, n)``, numbers of rows ``(batch,)`` ->
        log p(x | z, y), ``(batch, n)``.
    start : tensor of shape (n_rows, n_classes, k)
        A guess of codes, for each class.
    n_draws : int
    log_shares : tensor of shape (n_classes,)
        log p(y); of one class it is 0.

    Returns
    -------
    z : tensor of shape (n_rows, n_draws, k)
    y : tensor of shape (n_rows, n_draws)
    n_effective : tensor of shape (n_rows,)
        How many independent draws the weighted candidates are worth.
    """
    n_rows, _, k = start.shape
    n_starts = min(MOST_STARTS, max(FEWEST_STARTS, n_draws // DRAWS_PER_START))
    target = _Target(log_likelihood, log_shares, k, n_starts)
    left = torch.arange(n_rows)
    proposal = target.at_modes(left, start)
    n_tried = max(AT_LEAST, PER_COMPONENT * k, min(MOST_LEARNED_FROM, PER_DRAW * n_draws))
    found = None
    for number in range(MAX_ROUNDS + 1):
        z, y, log_weights = target.weighted(proposal, n_tried, left)
        is_done = effective_size(log_weights) >= ENOUGH * n_tried
        is_done |= number == MAX_ROUNDS
        done, rest = is_done.nonzero().squeeze(1), (~is_done).nonzero().squeeze(1)
        if len(done):
            part = z[done], y[done], log_weights[done]
            n_wanted = _n_wanted(part[2], n_draws)
            if n_wanted > n_tried:
                part = target.weighted(proposal.of(done), n_wanted, left[done])
            part = _drawn(*part, n_draws)
            if found is None:
                found = [values.new_empty(n_rows, *values.shape[1:]) for values in part]
            for values, new in zip(found, part, strict=True):
                values[left[done]] = new
        if not len(rest):
            break
        left, weights = left[rest], tempered(log_weights[rest], LEARNABLE * n_tried)
        proposal = proposal.of(rest).adapted(z[rest], y[rest], weights)
    return tuple(found)


def _n_wanted(log_weights, n_draws):
    """How many candidates it takes for enough of them to count in each row."""
    worst = effective_size(log_weights).min().item() / log_weights.shape[1]
    return int(n_draws * min(MOST_PER_DRAW, max(PER_DRAW, ENOUGH_PER_DRAW / worst)))


def _drawn(z, y, log_weights, n_draws):
    places = torch.multinomial(log_weights.softmax(dim=1), n_draws, replacement=True)
    rows = torch.arange(len(z))[:, None]
    return z[rows, places], y[rows, places], effective_size(log_weights)


@dataclass(frozen=True)
class _Target:
    """The posterior of each row."""

    log_likelihood: object
    log_shares: torch.Tensor
    k: int
    n_starts: int

    def log_density(self, z, y, rows):
        """Without the constant that makes it one, ``(batch, n)``."""
        found = self.log_likelihood(z, y, rows) + log_prior(z, y, self.log_shares)
        return found.nan_to_num(-1e30, posinf=-1e30, neginf=-1e30)

    def weighted(self, proposal, n, rows):
        """Candidates of a proposal, and logarithms of their weights."""
        pieces = []
        for size in _sizes(n, max(1, AT_ONCE // len(rows))):
            z, y = proposal.draw(size, self.log_shares)
            log_weights = self.log_density(z, y, rows) - proposal.log_density(z, y, self.log_shares)
            pieces.append((z, y, log_weights))
        return tuple(torch.cat(part, dim=1) for part in zip(*pieces, strict=True))

    def at_modes(self, rows, start):
        """The first proposal."""
        z, y = self.starts(rows, start)
        curvature = torch.eye(self.k).to(z).repeat(*z.shape[:2], 1, 1)
        left = torch.arange(len(rows))
        for number in range(N_STEPS + 1):
            gradient, curvature[left] = self.derivatives(z[left], y[left], rows[left])
            step = torch.linalg.solve(curvature[left], gradient[..., None]).squeeze(3)
            # What a quadratic function would gain by it.
            is_far = ((gradient * step).sum(dim=2) / 2 > MIN_GAIN).any(dim=1)
            left, step = left[is_far], step[is_far]
            if not len(left) or number == N_STEPS:
                break
            z[left] = self.stepped(z[left], y[left], rows[left], step)
        factors = cholesky(torch.linalg.inv(curvature))
        height = self.log_density(z, y, rows) + factors.diagonal(dim1=2, dim2=3).log().sum(dim=2)
        weights = 0.9 * height.softmax(dim=1) + 0.1 / height.shape[1]
        return Proposal(weights.log(), z, WIDENING * factors, y)

    def starts(self, rows, start):
        """The likeliest of some draws of the prior, of each class, and the guess."""
        n_classes, n_rows = len(self.log_shares), len(rows)
        z = torch.randn(n_rows, n_classes, N_TRIED, self.k).to(self.log_shares)
        z[:, :, 0] = start
        y = torch.arange(n_classes)[:, None].expand(n_rows, -1, N_TRIED)
        height = self.log_density(z.flatten(1, 2), y.flatten(1, 2), rows).view_as(y)
        height[:, :, 0] = math.inf
        places = height.topk(max(1, self.n_starts // n_classes), dim=2).indices
        z = z.gather(2, places[..., None].expand(-1, -1, -1, self.k))
        return z.flatten(1, 2), y.gather(2, places).flatten(1, 2)

    def derivatives(self, z, y, rows):
        """Gradient and curvature of the logarithm, ``(batch, n, k)`` and ``(batch, n, k, k)``.

        The curvature is minus the second derivative, where that is positive.
        """
        n, moved = z.shape[1], torch.cat([torch.zeros(1, self.k), STEP * torch.eye(self.k)]).to(z)
        near = (z[:, :, None] + moved).flatten(1, 2)
        y = y.repeat_interleave(len(moved), dim=1)
        slopes = self.gradient(near, y, rows).view(len(z), n, len(moved), self.k)
        gradient = slopes[:, :, 0]
        second = (slopes[:, :, :1] - slopes[:, :, 1:]) / STEP
        values, vectors = torch.linalg.eigh((second + second.mT) / 2)
        eye = torch.eye(self.k).to(z)
        return gradient - z, eye + (vectors * values.clamp_min(0)[..., None, :]) @ vectors.mT

    def gradient(self, z, y, rows):
        """Of the log-likelihood."""
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            total = self.log_likelihood(z, y, rows).sum()
        return torch.autograd.grad(total, z)[0].nan_to_num(0, 0, 0)

    def stepped(self, z, y, rows, step):
        """A step uphill, as far as is best."""
        lengths = torch.tensor(LENGTHS).to(z)
        tried = z[:, :, None] + lengths[:, None] * step[:, :, None]
        n = len(lengths)
        height = self.log_density(tried.flatten(1, 2), y.repeat_interleave(n, dim=1), rows)
        best = height.view(*z.shape[:2], n).argmax(dim=2)
        return tried.gather(2, best[..., None, None].expand(-1, -1, 1, self.k)).squeeze(2)


def _sizes(n, most):
    return [min(most, n - start) for start in range(0, n, most)]
