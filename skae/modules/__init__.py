"""Torch modules that encode and decode standardized rows."""

from skae.modules._adversarial import AdversarialClassifierModule, AdversarialModule
from skae.modules._autoencoder import (
    Autoencoder,
    Bounded,
    LinearPlusNetwork,
    Offset,
    logistic_offset,
)
from skae.modules._calibration import Calibration
from skae.modules._cluster_network import ClusterNetwork
from skae.modules._conditional import one_hot
from skae.modules._contractive import ContractiveModule
from skae.modules._denoising import CorruptedAutoencoder, Corruption
from skae.modules._encoder_classifier import EncoderClassifier
from skae.modules._exposure import LEAST_EXPOSURE, Exposure, Told
from skae.modules._hashing import NoisyBits
from skae.modules._held import Held, HeldSequential, held
from skae.modules._ladder import Ladder
from skae.modules._likelihood import (
    MAX_LOG_MEAN,
    Likelihood,
    LogAmounts,
    LogCounts,
    MixedLikelihood,
    n_outputs_of,
)
from skae.modules._missing import FillMissing, FillOnLogScale, Unobserved
from skae.modules._normalization import CodeNorm
from skae.modules._principal import LinearCodes
from skae.modules._sparse import KeepLargest, UnitAtoms
from skae.modules._stacked import LayerAutoencoder, split_layers
from skae.modules._tied import TiedLinear, tie_weights
from skae.modules._vae import VariationalAutoencoder
from skae.modules._variational_classifier import VariationalClassifier
from skae.modules._zeros import SkipZeros, skip_zeros

__all__ = [
    "LEAST_EXPOSURE",
    "MAX_LOG_MEAN",
    "AdversarialClassifierModule",
    "AdversarialModule",
    "Autoencoder",
    "Bounded",
    "Calibration",
    "ClusterNetwork",
    "CodeNorm",
    "ContractiveModule",
    "CorruptedAutoencoder",
    "Corruption",
    "EncoderClassifier",
    "Exposure",
    "FillMissing",
    "FillOnLogScale",
    "Held",
    "HeldSequential",
    "KeepLargest",
    "Ladder",
    "LayerAutoencoder",
    "Likelihood",
    "LinearCodes",
    "LinearPlusNetwork",
    "LogAmounts",
    "LogCounts",
    "MixedLikelihood",
    "NoisyBits",
    "Offset",
    "SkipZeros",
    "TiedLinear",
    "Told",
    "UnitAtoms",
    "Unobserved",
    "VariationalAutoencoder",
    "VariationalClassifier",
    "held",
    "logistic_offset",
    "n_outputs_of",
    "one_hot",
    "skip_zeros",
    "split_layers",
    "tie_weights",
]
