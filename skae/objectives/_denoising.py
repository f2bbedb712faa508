"""The objective of a denoising autoencoder."""

from dataclasses import dataclass

from skae.losses import LOSSES


@dataclass(frozen=True)
class Denoising:
    """``loss(x, decoder(encode(corrupt(x))))``: the input is corrupted, the target is not.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    """

    loss: str = "squared_error"

    def __call__(self, module, x, y=None):
        output = module.decoder(module.encode(module.corrupt(x)))
        return {"reconstruction": LOSSES[self.loss](x, output)}
