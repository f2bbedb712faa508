"""What models minimize: ``(module, x, y) -> {"term": one value per row}``."""

from skae.objectives._adversarial import (
    Adversarial,
    AdversarialClassification,
    AdversarialClustering,
)
from skae.objectives._autoencoder import Reconstruction
from skae.objectives._classification import Classification
from skae.objectives._contractive import ContractiveReconstruction
from skae.objectives._denoising import Denoising
from skae.objectives._ladder import DenoisingLadder
from skae.objectives._mutual_information import MutualInformation
from skae.objectives._posterior import MOST_STARTS, cholesky, posterior_codes
from skae.objectives._semi_supervised_elbo import SemiSupervisedELBO
from skae.objectives._sparse import KSparseReconstruction, SparseReconstruction
from skae.objectives._stacked import LayerDenoising
from skae.objectives._vae import NegativeELBO, importance_log_likelihood
from skae.objectives._wasserstein import WassersteinReconstruction

__all__ = [
    "MOST_STARTS",
    "Adversarial",
    "AdversarialClassification",
    "AdversarialClustering",
    "Classification",
    "ContractiveReconstruction",
    "Denoising",
    "DenoisingLadder",
    "KSparseReconstruction",
    "LayerDenoising",
    "MutualInformation",
    "NegativeELBO",
    "Reconstruction",
    "SemiSupervisedELBO",
    "SparseReconstruction",
    "WassersteinReconstruction",
    "cholesky",
    "importance_log_likelihood",
    "posterior_codes",
]
