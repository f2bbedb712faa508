"""The objective of a clustering by mutual information."""

import math
from dataclasses import dataclass

import torch

from skae.penalties import categorical_kl, entropy, virtual_adversarial

# How the three terms are weighed: those of Hu et al. 2017, for all of their data.
INFORMATION, BALANCE = 0.1, 4.0
# Of a product in float32 so much may be rounding.
ROUNDED = 1e-6


@dataclass(frozen=True)
class MutualInformation:
    """Smooth predictions that say much of the rows.

    The term of the virtual adversarial perturbation; the mean entropy of a prediction; and the
    divergence of the mean prediction of a batch from the shares that are expected.
    """

    def __call__(self, module, x, y=None):
        log_p = module.log_probabilities(x, noted=True)
        mean = log_p.logsumexp(dim=0) - math.log(len(x))
        imbalance = categorical_kl(mean, module.shares.log())
        return {
            "smoothness": virtual_adversarial(
                module.log_probabilities, x, log_p, module.reach * nearest(x)
            ),
            "ambiguity": INFORMATION * entropy(log_p),
            "imbalance": INFORMATION * BALANCE * imbalance.expand(len(x)),
        }


def nearest(x):
    """How far the nearest other row of a batch is, ``(batch, n_features) -> (batch, 1)``.

    Copies are no other rows. Where there is none, it is 0.
    """
    x = x.detach() - x.detach().mean(dim=0)
    squares = x.square().sum(dim=1)
    sums = squares[:, None] + squares
    distances = sums - 2 * x @ x.T
    distances = torch.where(distances > ROUNDED * sums, distances, torch.inf)
    closest = distances.min(dim=1).values
    return torch.where(closest.isfinite(), closest, 0.0).sqrt()[:, None]
