"""The objective of one layer of a stacked denoising autoencoder."""

from dataclasses import dataclass

import torch

from skae.objectives._denoising import Denoising


@dataclass(frozen=True)
class LayerDenoising(Denoising):
    """``loss(h, decoder(encoder(corrupt(h))))`` with ``h = below(x)``.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    """

    phases = {"reconstruct": ("encoder", "decoder")}

    def reconstruct(self, module, x, y=None):
        """The loss of denoising what the layers below give, which stay as they are."""
        with torch.no_grad():
            h = module.below(x)
        return super().__call__(module, h)

    __call__ = reconstruct
