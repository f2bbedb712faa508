"""The game of an adversarial autoencoder."""

from dataclasses import dataclass

from torch.nn import functional

from skae.losses import LOSSES


@dataclass(frozen=True)
class Adversarial:
    """Reconstruct rows; tell codes from draws of the prior; make codes that can not be told.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    """

    loss: str = "squared_error"

    phases = {
        "reconstruct": ("encoder", "decoder"),
        "discriminate": ("discriminator",),
        "fool": ("encoder",),
    }
    # The others are at odds: their sum says nothing.
    judged = ("reconstruction",)

    def __call__(self, module, x, y=None):
        phases = (getattr(self, phase)(module, x, y) for phase in self.phases)
        return {name: term for terms in phases for name, term in terms.items()}

    def reconstruct(self, module, x, y=None):
        """``loss(x, decoder(encode(x)))``."""
        return {"reconstruction": LOSSES[self.loss](x, module.output(module.encode(x), y))}

    def discriminate(self, module, x, y=None):
        """Cross-entropy of the discriminator, which does not move the encoder."""
        codes = module.encode(x).detach()
        drawn = module.prior.draw(*codes.shape).to(codes)
        return {"discrimination": game_loss(module.discriminator, drawn, codes)}

    def fool(self, module, x, y=None):
        """Cross-entropy of codes that pass for draws of the prior."""
        return {"fooling": functional.softplus(-module.discriminator(module.encode(x))).squeeze(1)}


def game_loss(discriminator, drawn, made):
    """``-log D(drawn) - log(1 - D(made))`` for each pair of rows."""
    real, fake = discriminator(drawn), discriminator(made)
    return (functional.softplus(-real) + functional.softplus(fake)).squeeze(1)
