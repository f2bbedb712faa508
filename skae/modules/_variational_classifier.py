"""A variational autoencoder with a class beside the code."""

from torch import nn

from skae.modules._vae import VariationalAutoencoder


class VariationalClassifier(VariationalAutoencoder):
    """A classifier q(y | x), an encoder q(z | x, y), and a decoder p(x | y, z).

    Parameters
    ----------
    classifier : nn.Module
        (batch, n_features) -> (batch, n_classes), logits.
    n_codes : int
        Outputs of the encoder. The class shifts them, so that one pass serves all classes.
    *others
        Of `VariationalAutoencoder`.
    """

    def __init__(self, classifier, n_codes, *others):
        super().__init__(*others)
        self.classifier = classifier
        self.shift = nn.Embedding(self.n_classes, n_codes)
        nn.init.zeros_(self.shift.weight)

    def classify(self, x):
        """Logits, ``(batch, n_features) -> (batch, n_classes)``."""
        return self.classifier(x)

    def posterior(self, x, y=None):
        """Mean and log-variance of q(z | x, y), of the likeliest class where y is None."""
        y = self.classify(x).argmax(dim=1) if y is None else y
        return self._split(self.encoder(x) + self.shift(y))

    def posteriors(self, x):
        """Those of each class in turn, ``(n_classes * batch, n_components)`` each."""
        codes = self.encoder(x) + self.shift.weight[:, None]
        return self._split(codes.flatten(0, 1))
