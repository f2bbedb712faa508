"""The variational autoencoder."""

import math

import torch

from skae.modules._autoencoder import Autoencoder
from skae.modules._conditional import ClassLevels, tell
from skae.modules._likelihood import Likelihood


class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose encoder gives the mean and the log-variance of a Gaussian posterior.

    Parameters
    ----------
    encoder : nn.Module
        (batch, n_features) -> (batch, 2 * n_components).
    decoder : nn.Module
        (batch, n_components + n_classes) -> (batch, n_features).
    likelihood : Likelihood or MixedLikelihood
        Of rows, given the decoder's output; its means are the link.
    class_shares : tensor of shape (n_classes,) or None
        p(y), if the decoder is told the class.
    unobserved : Unobserved or None
        How the posterior widens with what was not observed, if values may be missing.
    exposure : Exposure or None
        How much was counted of each row, if the decoder is told that.
    numbers : tensor of shape (n_scored,) or None
        Numbers as frequent as each other, if the decoder is told a number.
    """

    # Beyond this the exponential of a log-variance overflows in float32 products.
    MAX_ABS_LOG_VAR = 30.0

    def __init__(
        self,
        encoder,
        decoder,
        likelihood=None,
        class_shares=None,
        unobserved=None,
        exposure=None,
        numbers=None,
    ):
        super().__init__(encoder, decoder, likelihood or Likelihood("gaussian"))
        self.unobserved, self.exposure = unobserved, exposure
        self.levels = ClassLevels()
        self.register_buffer("log_shares", None if class_shares is None else class_shares.log())
        self.register_buffer("numbers", numbers)
        self.register_buffer("kl_weight", torch.ones(()))

    def set_class_shares(self, shares):
        """Change p(y)."""
        self.log_shares.copy_(shares.log())

    @property
    def n_classes(self):
        """How many classes the decoder may be told."""
        return 0 if self.log_shares is None else len(self.log_shares)

    def alternatives(self):
        """All that the decoder may be told, and how often, as logarithms; None if it is nothing."""
        if self.numbers is not None:
            return self.numbers, torch.zeros_like(self.numbers) - math.log(len(self.numbers))
        if self.log_shares is None:
            return None
        return torch.arange(self.n_classes, device=self.log_shares.device), self.log_shares

    def nll(self, x, output):
        """``-log p(x)`` of rows and the decoder's outputs in nats, ``(batch,)``.

        With an exposure outputs are for the mean row, and it is ``-log p(x | exposure)``.
        """
        return self.link.nll(x, self._as_counted(x, output))

    def relative_nll(self, x, output):
        """The same but for what x says alone, which compares outputs for the same rows."""
        return self.link.relative_nll(x, self._as_counted(x, output))

    def _as_counted(self, x, output):
        """Outputs for the exposures of rows, of such for the mean row."""
        return output if self.exposure is None else self.exposure.tell(output, self.exposure(x))

    def reconstruct(self, x):
        """``decode(encode(x))``, of as much as was counted of each row."""
        log_exposure = None if self.exposure is None else self.exposure(x)
        return self.decode(self.encode(x), None, log_exposure)

    def output(self, z, y=None, log_exposure=None):
        """The decoder's raw output for codes and what it is told.

        Parameters
        ----------
        z : tensor of shape (batch, n_components)
        y : tensor of shape (batch,) or None
            Class numbers, integers, or numbers, if it is told those.
        log_exposure : tensor of shape (batch, 1) or None
            As of `Exposure`; None is that of the mean row.
        """
        output = self.levels(self.decoder(tell(z, y, self.n_classes, self.numbers)), y)
        if self.exposure is not None:
            output = self.exposure.share_out(output)
        return output if log_exposure is None else self.exposure.tell(output, log_exposure)

    def sum_dispersion(self, z, y=None):
        """By how much sums of counts vary beyond a Poisson distribution, ``(batch,)``.

        Around its mean m the variance of a sum is ``m + dispersion * m**2``.
        """
        excess = self.link.excess(self.output(z, y))
        return excess / self.exposure.total**2

    def posterior(self, x, y=None):
        """Mean and log-variance of q(z | x), ``(batch, n_components)`` each.

        It does not depend on the class, so that rows without one are encoded as well. Of a row of
        which nothing was observed it is the prior.
        """
        codes = self.encoder(self.fill(x))
        if self.unobserved is None:
            return self._split(codes)
        missing = x.isnan()
        mean, log_var = codes.chunk(2, dim=1)
        codes = torch.cat([mean, log_var + self.unobserved(missing)], dim=1)
        return self._split(torch.where(missing.all(dim=1, keepdim=True), 0.0, codes))

    def _split(self, codes):
        mean, log_var = codes.chunk(2, dim=1)
        return mean, log_var.clamp(-self.MAX_ABS_LOG_VAR, self.MAX_ABS_LOG_VAR)

    def encode(self, x):
        """The posterior mean, ``(batch, n_features) -> (batch, n_components)``."""
        return self.posterior(x)[0]
