"""The variational autoencoder."""

import torch
from torch import nn
from torch.nn import functional

from skae.modules._autoencoder import Autoencoder


class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose encoder gives the mean and the log-variance of a Gaussian posterior.

    Parameters
    ----------
    encoder : nn.Module
        (batch, n_features) -> (batch, 2 * n_components).
    decoder : nn.Module
        (batch, n_components) -> (batch, n_features).
    link : nn.Module
        Elementwise.
    log_variance : float or None
        Logarithm of the noise variance of a Gaussian likelihood, or None to learn it.
    """

    # Noise of a millionth of the data's variance, which is 1, is no longer modelled.
    MIN_LOG_VARIANCE = -14.0
    # Adam moves a weight by about its learning rate each step, too little for a logarithm that may
    # have to go from 0 to -10.
    PACE = 10.0
    # Beyond this the exponential of a log-variance overflows in float32 products.
    MAX_ABS_LOG_VAR = 30.0

    def __init__(self, encoder, decoder, link=None, log_variance=None):
        super().__init__(encoder, decoder, link)
        learned = log_variance is None
        start = torch.tensor(0.0 if learned else float(log_variance))
        self.raw_log_variance = nn.Parameter(start, requires_grad=learned)
        self.register_buffer("kl_weight", torch.ones(()))

    @property
    def log_variance(self):
        """Logarithm of the noise variance of a Gaussian likelihood."""
        if not self.raw_log_variance.requires_grad:
            return self.raw_log_variance
        # Softly, so that more noise can still raise it.
        above = functional.softplus(self.PACE * self.raw_log_variance - self.MIN_LOG_VARIANCE)
        return self.MIN_LOG_VARIANCE + above

    def posterior(self, x):
        """Mean and log-variance of q(z | x), ``(batch, n_components)`` each."""
        return self._split(self.encoder(x))

    def _split(self, codes):
        mean, log_var = codes.chunk(2, dim=1)
        return mean, log_var.clamp(-self.MAX_ABS_LOG_VAR, self.MAX_ABS_LOG_VAR)

    def encode(self, x):
        """The posterior mean, ``(batch, n_features) -> (batch, n_components)``."""
        return self.posterior(x)[0]
