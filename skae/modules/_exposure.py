"""How much was counted of each row."""

import torch
from torch import nn
from torch.nn import functional

# Of a row of which nothing was counted, as a share of what was counted of the mean row.
LEAST_EXPOSURE = 1e-6


class Exposure(nn.Module):
    """How much was counted of each row, the exposure, relative to the mean row.

    It is the sum of the counts, or what another column says.

    Parameters
    ----------
    is_count : boolean tensor of shape (n_features,)
    mean : tensor of shape (n_features,)
        Of the columns.
    column : int or None
        The column that says it.
    """

    def __init__(self, is_count, mean, column=None):
        super().__init__()
        self.is_sum = column is None
        is_told = torch.zeros_like(is_count)
        if column is not None:
            is_told[column] = True
        is_part = is_count if column is None else is_told
        parts = torch.where(is_part, mean.clamp_min(0), 0.0)
        total = parts.sum()
        self.register_buffer("is_count", is_count)
        self.register_buffer("is_told", is_told)
        self.register_buffer("is_part", is_part)
        self.register_buffer("total", torch.where(total > 0, total, 1.0))
        self.register_buffer("shares", parts / self.total)

    def forward(self, x):
        """The logarithm of the exposure over its mean, ``(batch, n_features) -> (batch, 1)``.

        Where values are missing, of those that are there over the mean of the same columns; a row
        without any counts as the mean row.
        """
        known = self.is_part & ~x.isnan()
        total = torch.where(known, x.clamp_min(0), 0.0).sum(dim=1, keepdim=True) / self.total
        share = torch.where(known, self.shares, 0.0).sum(dim=1, keepdim=True)
        relative = torch.where(share > 0, total / share.clamp_min(LEAST_EXPOSURE), 1.0)
        return relative.clamp_min(LEAST_EXPOSURE).log()

    def is_known(self, x):
        """Whether all that it is made of is there, ``(batch, n_features) -> (batch, 1)``."""
        return ~(self.is_part & x.isnan()).any(dim=1, keepdim=True)

    def take_out(self, x):
        """Rows as if as much had been counted of each as of the mean row, for an encoder.

        The column that says how much is 0.
        """
        counts = torch.where(self.is_count, x * (-self(x)).exp(), x)
        return torch.where(self.is_told, 0.0, counts)

    def share_out(self, output):
        """Raw outputs whose means add up to the exposure, where that is the sum of the counts.

        Of what the decoder says only the shares are left, as in [1]_: rows of a given exposure have
        that sum.

        References
        ----------
        .. [1] Lopez et al., "Deep generative modeling for single-cell transcriptomics", Nature
           Methods 15, 2018.
        """
        if not self.is_sum:
            return output
        counts = functional.pad(self.is_count, (0, output.shape[1] - len(self.is_count)))
        logs = output.masked_fill(~counts, -torch.inf)
        level = self.total.log() - logs.logsumexp(dim=1, keepdim=True)
        return torch.where(counts, output + level, output)

    def tell(self, output, log_exposure):
        """Raw outputs for rows of another exposure than the mean.

        Parameters
        ----------
        output : tensor of shape (batch, n_outputs)
            Those of counts are logarithms of means. The first n_features are those of the columns.
        log_exposure : tensor of shape (batch, 1)
            As of `forward`.
        """
        grows = self.is_count | self.is_told
        grows = functional.pad(grows, (0, output.shape[1] - len(grows)))
        return torch.where(grows, output + log_exposure, output)


class Told(nn.Module):
    """In place of the likelihood of a column that is told: it is certain.

    The raw output is the logarithm of the value.
    """

    name = "exposure"

    def nll(self, x, output):
        """Nothing, ``(batch,)``."""
        return x.new_zeros(x.shape[0])  # a graph knows no length

    relative_nll = nll

    def excess(self, output):
        """Nothing, ``(batch,)``."""
        return output.new_zeros(len(output))

    def forward(self, output):
        """Values, of raw outputs, ``(batch, n_columns)``."""
        return output.exp()

    def draw(self, output, low=None, high=None):
        """The values themselves, whatever the bounds."""
        return self(output)
