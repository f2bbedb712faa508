"""The objective of a Wasserstein autoencoder."""

from dataclasses import dataclass

from skae._priors import NormalPrior
from skae.objectives._autoencoder import Reconstruction
from skae.penalties import maximum_mean_discrepancy


@dataclass(frozen=True)
class WassersteinReconstruction(Reconstruction):
    """``loss(x, decoder(z)) + alpha * discrepancy(z, draws of the prior)`` with ``z = encode(x)``.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    alpha : float
        Weight of the penalty.
    prior : object
        With ``draw(n_samples, n_components)``.
    unit : float
        The mean squared distance of two of its draws.
    """

    alpha: float = 1.0
    prior: object = NormalPrior()
    unit: float = 1.0

    # Distances of rows of a batch count as the rows weigh.
    takes_weight = True

    def __call__(self, module, x, y=None, weight=None):
        z = module.encode(x)
        drawn = self.prior.draw(*z.shape).to(z)
        return {
            "reconstruction": self.compare(x, module.output(z)),
            "discrepancy": self.alpha * maximum_mean_discrepancy(z, drawn, self.unit, weight),
        }
