"""The game of an adversarial autoencoder."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch.nn import functional

from skae.losses import LOSSES
from skae.objectives._semi_supervised import of_labelled, of_plain


@dataclass(frozen=True)
class Adversarial:
    """Reconstruct rows; tell codes from draws of the prior; make codes that can not be told.

    With classes the discriminator knows them: the codes of each class follow the prior, so that
    they say nothing of it.

    Parameters
    ----------
    loss : str
        A name in `skae.losses.LOSSES`.
    smoothness : float
        Weight of half the squared slope of the discriminator, at draws and at codes [1]_. Where it
        is flat nobody learns anything, and where it is steep the game goes in circles.

    References
    ----------
    .. [1] Mescheder, Geiger and Nowozin, "Which training methods for GANs do actually converge?",
       ICML 2018.
    """

    loss: str = "squared_error"
    smoothness: float = 0.1

    phases = {
        "reconstruct": ("encoder", "decoder"),
        "discriminate": ("discriminator",),
        "fool": ("encoder",),
    }
    # The others are at odds: their sum says nothing.
    judged = ("reconstruction",)

    # Of Adam: what codes were some steps ago is no guide to what they are now, and with momentum
    # the discriminator goes in circles after them. Without it the encoder does not get as far.
    optimizer_settings: ClassVar = {"discriminate": {"betas": (0.0, 0.9)}}

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
        judge = partial(module.judge, y=y)
        loss = game_loss(judge, drawn, codes)
        if module.training and self.smoothness:
            slopes = squared_slope(judge, drawn) + squared_slope(judge, codes)
            loss = loss + self.smoothness / 2 * slopes
        return {"discrimination": loss}

    def fool(self, module, x, y=None):
        """Cross-entropy of codes that pass for draws of the prior."""
        return {"fooling": functional.softplus(-module.judge(module.encode(x), y)).squeeze(1)}


@dataclass(frozen=True)
class AdversarialClustering(Adversarial):
    """The game with two codes, the style and the class, each held against a prior.

    The module may have a `norm` of logits, which moves with the encoder.
    """

    smoothness: float = 0.0

    phases = {
        "reconstruct": ("encoder", "norm", "decoder"),
        "discriminate": ("discriminator", "class_discriminator"),
        "fool": ("encoder", "norm"),
    }

    optimizer_settings: ClassVar = {}

    def reconstruct(self, module, x, y=None):
        """``loss(x, decoder(style, class probabilities))``."""
        plain = _plain(x, y)
        style, logits = module.codes_of(plain, x)
        output = module.decoder(torch.cat([style, logits.softmax(dim=1)], dim=1))
        return {"reconstruction": of_plain(LOSSES[self.loss](x[plain], output), len(x))}

    def discriminate(self, module, x, y=None):
        """Cross-entropy of both discriminators, which do not move the encoder."""
        style, logits = (code.detach() for code in module.codes_of(_plain(x, y), x))
        drawn = module.prior.draw(*style.shape).to(style)
        classes = module.draw_classes(len(style))
        loss = game_loss(module.discriminator, drawn, style)
        loss = loss + game_loss(module.class_discriminator, classes, logits.softmax(dim=1))
        return {"discrimination": of_plain(loss, len(x))}

    def fool(self, module, x, y=None):
        """Cross-entropy of codes that pass for draws of the priors."""
        style, logits = module.codes_of(_plain(x, y), x)
        loss = functional.softplus(-module.discriminator(style))
        loss = loss + functional.softplus(-module.class_discriminator(logits.softmax(dim=1)))
        return {"fooling": of_plain(loss.squeeze(1), len(x))}


@dataclass(frozen=True)
class AdversarialClassification(AdversarialClustering):
    """The same game, and the cross-entropy of labelled rows."""

    phases = {**AdversarialClustering.phases, "classify": ("encoder", "norm")}
    judged = of_labelled = ("classification",)

    def classify(self, module, x, y):
        """Cross-entropy of the labelled rows."""
        known = slice(len(x) - len(y), None)
        logits = module.codes_of(known, x)[1] if module.training else module.classify(x[known])
        entropy = functional.cross_entropy(logits, y, reduction="none")
        return {"classification": of_labelled(entropy, len(x))}


def _plain(x, y):
    """The rows of a batch that are taken as unlabelled: all but the last, see `BatchIterator`."""
    return slice(len(x) if y is None else len(x) - len(y))


def game_loss(discriminator, drawn, made):
    """``-log D(drawn) - log(1 - D(made))`` for each pair of rows."""
    real, fake = discriminator(drawn), discriminator(made)
    return (functional.softplus(-real) + functional.softplus(fake)).squeeze(1)


def squared_slope(function, z, step=0.05):
    """An estimate of the squared norm of a gradient, by a step in a random direction, ``(batch,)``.

    By differences, since a gradient of a gradient can not be compiled.
    """
    ahead = z + step * torch.randn_like(z)
    return ((function(ahead) - function(z)) / step).square().squeeze(1)
