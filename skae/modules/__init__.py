"""Torch modules that encode and decode standardized rows."""

from skae.modules._adversarial import AdversarialClassifierModule, AdversarialModule
from skae.modules._autoencoder import (
    Autoencoder,
    Bounded,
    LinearPlusNetwork,
    Offset,
    logistic_offset,
)
from skae.modules._denoising import CorruptedAutoencoder, Corruption
from skae.modules._ladder import Ladder
from skae.modules._vae import VariationalAutoencoder

__all__ = [
    "AdversarialClassifierModule",
    "AdversarialModule",
    "Autoencoder",
    "Bounded",
    "CorruptedAutoencoder",
    "Corruption",
    "Ladder",
    "LinearPlusNetwork",
    "Offset",
    "VariationalAutoencoder",
    "logistic_offset",
]
