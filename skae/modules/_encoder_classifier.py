"""A linear classifier on the codes of an encoder."""

from torch import nn


class EncoderClassifier(nn.Module):
    """A linear layer on codes; it starts at zero, so that its first steps leave the encoder.

    Parameters
    ----------
    autoencoder : nn.Module
        Its ``encode`` gives codes of shape (batch, n_components).
    n_components, n_classes : int
    """

    def __init__(self, autoencoder, n_components, n_classes):
        super().__init__()
        self.autoencoder = autoencoder
        self.head = nn.Linear(n_components, n_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def classify(self, x):
        """Logits, ``(batch, n_features) -> (batch, n_classes)``."""
        return self.head(self.autoencoder.encode(x))
