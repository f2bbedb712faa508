"""Autoencoders that behave like PCA: scikit-learn estimators on torch and skorch."""

from skae._adversarial import AdversarialAutoencoder
from skae._adversarial_classifier import AdversarialAutoencoderClassifier
from skae._adversarial_clustering import AdversarialAutoencoderClustering
from skae._autoencoder import AutoencoderTransformer
from skae._autoencoder_classifier import AutoencoderClassifier
from skae._contractive import ContractiveAutoencoder
from skae._denoising import DenoisingAutoencoder
from skae._documented import VERSION
from skae._hashing import SemanticHashing
from skae._imputer import AutoencoderImputer
from skae._ladder import LadderClassifier
from skae._mutual_information_clustering import MutualInformationClustering
from skae._outlier_detector import AutoencoderOutlierDetector
from skae._sparse import SparseAutoencoder
from skae._stacked import StackedDenoisingAutoencoder
from skae._tabular import TabularAutoencoder
from skae._vae import VAETransformer
from skae._vae_classifier import VAEClassifier
from skae._wasserstein import WassersteinAutoencoder
from skae.persistence import load, save

__version__ = VERSION

__all__ = [
    "AdversarialAutoencoder",
    "AdversarialAutoencoderClassifier",
    "AdversarialAutoencoderClustering",
    "AutoencoderClassifier",
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "LadderClassifier",
    "MutualInformationClustering",
    "SemanticHashing",
    "SparseAutoencoder",
    "StackedDenoisingAutoencoder",
    "TabularAutoencoder",
    "VAEClassifier",
    "VAETransformer",
    "WassersteinAutoencoder",
    "load",
    "save",
]
