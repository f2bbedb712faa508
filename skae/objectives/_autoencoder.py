"""The objective of a plain autoencoder."""

from dataclasses import dataclass

from skae.losses import LOSSES


@dataclass(frozen=True)
class Reconstruction:
    """``loss(x, decoder(encode(x)))``.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    """

    loss: str = "squared_error"

    def __call__(self, module, x, y=None):
        return {"reconstruction": LOSSES[self.loss](x, module.decoder(module.encode(x)))}
