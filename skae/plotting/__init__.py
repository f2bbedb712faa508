"""Pictures of fitted estimators, with scikit-learn's display interface; they need matplotlib."""

from skae.plotting._feature_scores import FeatureScoresDisplay
from skae.plotting._latent_manifold import LatentManifoldDisplay
from skae.plotting._latent_space import LatentSpaceDisplay
from skae.plotting._loss_curve import LossCurveDisplay
from skae.plotting._reconstruction import ReconstructionDisplay

__all__ = [
    "FeatureScoresDisplay",
    "LatentManifoldDisplay",
    "LatentSpaceDisplay",
    "LossCurveDisplay",
    "ReconstructionDisplay",
]
