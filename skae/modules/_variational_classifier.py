"""A variational autoencoder with a class beside the code."""

from torch import nn

from skae.modules._conditional import with_class
from skae.modules._vae import VariationalAutoencoder


class VariationalClassifier(VariationalAutoencoder):
    """A classifier q(y | x), an encoder q(z | x, y), and a decoder p(x | y, z).

    Parameters
    ----------
    classifier : nn.Module
        (batch, n_features) -> (batch, n_classes), logits.
    class_shares : tensor of shape (n_classes,)
        p(y).
    encoder : nn.Module
        (batch, n_features) -> (batch, 2 * n_components); the class shifts the mean and the
        log-variance, so that one pass serves all classes.
    decoder : nn.Module
        (batch, n_components + n_classes) -> (batch, n_features).
    link, log_variance
        Of `VariationalAutoencoder`.
    """

    def __init__(self, classifier, class_shares, encoder, decoder, link, log_variance, n_codes):
        super().__init__(encoder, decoder, link, log_variance)
        self.classifier = classifier
        self.shift = nn.Embedding(len(class_shares), n_codes)
        nn.init.zeros_(self.shift.weight)
        self.register_buffer("log_shares", class_shares.log())

    @property
    def n_classes(self):
        """How many classes there are."""
        return len(self.log_shares)

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

    def output(self, z, y):
        """The decoder's raw output for codes and class numbers."""
        return self.decoder(with_class(z, y, self.n_classes))
