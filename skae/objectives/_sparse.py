"""The objectives of autoencoders with sparse codes."""

from dataclasses import dataclass

from skae.objectives._autoencoder import Reconstruction
from skae.penalties import activation_kl, mean_absolute


@dataclass(frozen=True)
class SparseReconstruction(Reconstruction):
    """``loss(x, decoder(z)) + alpha * penalty(z)`` with ``z = encode(x)``.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    penalty : {"kl", "l1"}
    alpha : float
        Weight of the penalty.
    target : float
        The mean activation that "kl" aims at.
    """

    penalty: str = "kl"
    alpha: float = 1.0
    target: float = 0.05

    # The mean of a batch is one of the rows as they weigh.
    takes_weight = True

    def __call__(self, module, x, y=None, weight=None):
        z = module.encode(x)
        cost = activation_kl(z, self.target, weight) if self.penalty == "kl" else mean_absolute(z)
        return {
            "reconstruction": self.compare(x, module.output(z)),
            "sparsity": self.alpha * cost,
        }


@dataclass(frozen=True)
class KSparseReconstruction(Reconstruction):
    """``loss(x, decoder(z))``, where the module keeps few values of ``z = encode(x)``, at last.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    n_annealed : float
        Over so many epochs the number of kept values falls from all to few.
    """

    n_annealed: float = 1.0

    @property
    def warmup_epochs(self):
        """Epochs that do not count when the best one is looked for."""
        return int(self.n_annealed)

    def before_step(self, module, n_epochs):
        """Say how many values are to be kept after so many epochs, such as 2.5; returns it too."""
        return module.encoder[-1].anneal(min(1.0, n_epochs / self.n_annealed))
