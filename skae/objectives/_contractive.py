"""The objective of a contractive autoencoder."""

from dataclasses import dataclass

from skae.objectives._autoencoder import Reconstruction


@dataclass(frozen=True)
class ContractiveReconstruction(Reconstruction):
    """``loss(x, decoder(z)) + alpha * |dz / dx|^2 / n_features`` with ``z = encode(x)``.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    alpha : float
        Weight of the penalty.
    """

    alpha: float = 1.0

    def __call__(self, module, x, y=None):
        z, norm = module.sensitivity(x)
        return {
            "reconstruction": self.compare(x, module.output(z)),
            "contraction": self.alpha / x.shape[1] * norm,
        }
