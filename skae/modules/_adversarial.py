"""An autoencoder whose codes a discriminator holds against a prior."""

import torch

from skae._training.state import normalizes_batches
from skae.modules._autoencoder import Autoencoder
from skae.modules._conditional import ClassLevels, one_hot, tell


class AdversarialModule(Autoencoder):
    """An autoencoder, a discriminator of its codes, and the prior that they are to follow.

    Parameters
    ----------
    encoder : nn.Module
        (batch, n_features) -> (batch, n_components).
    decoder : nn.Module
        (batch, n_components + n_classes) -> (batch, n_features).
    link : nn.Module
        Elementwise.
    discriminator : nn.Module
        (batch, n_components + n_classes) -> (batch, 1), the logit of a code being drawn from the
        prior.
    prior : object
        With ``draw(n_samples, n_components)``.
    n_classes : int
        How many classes the decoder and the discriminator are told, 0 for none.
    numbers : tensor of shape (n_scored,) or None
        Some numbers, if they are told a number.
    """

    def __init__(self, encoder, decoder, link, discriminator, prior, n_classes=0, numbers=None):
        super().__init__(encoder, decoder, link)
        self.discriminator, self.prior, self.n_classes = discriminator, prior, n_classes
        self.levels = ClassLevels()
        self.register_buffer("numbers", numbers)

    def set_class_shares(self, shares):
        """Nothing to change: there is no prior of the classes that are told."""

    def output(self, z, y=None):
        """The decoder's raw output for codes and what it is told; of -1 no class is."""
        return self.levels(self.decoder(tell(z, y, self.n_classes, self.numbers)), y)

    def judge(self, z, y=None):
        """The discriminator's logit for codes and class numbers, ``(batch, 1)``."""
        return self.discriminator(tell(z, y, self.n_classes, self.numbers))

    def alternatives(self):
        """All that the decoder may be told; class 0 if it is nothing."""
        if self.numbers is not None:
            return self.numbers
        return torch.arange(max(1, self.n_classes), device=self.device)

    @property
    def device(self):
        """Where it is."""
        return next(self.parameters()).device


class AdversarialClassifierModule(AdversarialModule):
    """An adversarial autoencoder whose encoder gives the class as well as the style.

    Parameters
    ----------
    encoder : nn.Module
        (batch, n_features) -> (batch, n_components + n_classes), the logits last.
    norm : nn.Module
        Of the logits.
    class_discriminator : nn.Module
        (batch, n_classes) -> (batch, 1), the logit of a class code being drawn from the prior.
    class_shares : tensor of shape (n_classes,)
        The prior of the classes.
    noise_level : float
        Standard deviation of the noise that the encoder is given in training.
    *others
        Of `AdversarialModule`.
    calibration : Calibration or None
        Of the logits, where `classify` gives them.
    """

    def __init__(
        self,
        encoder,
        norm,
        class_discriminator,
        class_shares,
        noise_level,
        *others,
        calibration=None,
    ):
        super().__init__(encoder, *others)
        self.norm, self.calibration = norm, calibration
        self.normalizes_batches = normalizes_batches(encoder)
        self.class_discriminator, self.noise_level = class_discriminator, noise_level
        self.register_buffer("class_shares", class_shares)

    def set_class_shares(self, shares):
        """Change the prior of the classes."""
        self.class_shares.copy_(shares)

    def codes(self, x):
        """Styles and logits, ``(batch, n_components), (batch, n_classes)``."""
        if self.training and self.noise_level:
            x = torch.add(x, torch.randn_like(x), alpha=self.noise_level)
        codes = self.encoder(x)
        return codes[:, : -self.n_classes], self.norm(codes[:, -self.n_classes :])

    def codes_of(self, part, x):
        """Those of a part of a batch; an encoder that normalizes batches sees all of it each time.

        So its statistics are of one mix of rows, whoever asks. Others have no need to.
        """
        if self.training and self.normalizes_batches:
            return tuple(code[part] for code in self.codes(x))
        return self.codes(x[part])

    def encode(self, x):
        """Styles, ``(batch, n_features) -> (batch, n_components)``."""
        return self.codes(x)[0]

    def classify(self, x):
        """Logits, ``(batch, n_features) -> (batch, n_classes)``."""
        logits = self.codes(x)[1]
        plain = self.training or self.calibration is None
        return logits if plain else self.calibration(logits)

    def sources(self, x):
        """What the calibration has to go by."""
        return [self.codes(x)[1]]

    def draw_classes(self, n_rows):
        """One-hot codes of the classes' prior, ``(n_rows, n_classes)``."""
        drawn = torch.multinomial(self.class_shares, n_rows, replacement=True)
        return one_hot(drawn, self.n_classes).to(self.class_shares)
