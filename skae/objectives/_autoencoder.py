"""The objective of a plain autoencoder."""

from dataclasses import dataclass

from skae.losses import LOSSES, observed


@dataclass(frozen=True)
class Reconstruction:
    """``loss(x, output(encode(x)))``.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    allow_nan : bool
        Whether NaN in x is "not observed": the loss is that of the other values.
    """

    loss: str = "squared_error"
    allow_nan: bool = False

    def __call__(self, module, x, y=None):
        return {"reconstruction": self.compare(x, module.output(module.encode(x)))}

    def compare(self, x, output):
        """The loss of rows and the decoder's outputs, ``(batch,)``."""
        return observed(self.loss, x, output) if self.allow_nan else LOSSES[self.loss](x, output)
