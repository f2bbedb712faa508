"""The objective of a denoising autoencoder."""

from dataclasses import dataclass

from skae.objectives._autoencoder import Reconstruction


@dataclass(frozen=True)
class Denoising(Reconstruction):
    """``loss(x, output(encode(corrupt(x))))``: the input is corrupted, the target is not.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    allow_nan : bool
        Whether NaN in x is "not observed".
    """

    def __call__(self, module, x, y=None):
        output = module.output(module.encode(module.corrupt(x)))
        return {"reconstruction": self.compare(x, output)}
