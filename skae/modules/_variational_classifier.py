"""A variational autoencoder with a class beside the code."""

import torch
from torch import nn

from skae.modules._vae import VariationalAutoencoder
from skae.penalties import gaussian_kl


class VariationalClassifier(VariationalAutoencoder):
    """A classifier q(y | x), an encoder q(z | x, y), and a decoder p(x | y, z).

    Parameters
    ----------
    classifier : nn.Module
        (batch, n_features) -> (batch, n_classes), logits.
    n_codes : int
        Outputs of the encoder. The class shifts them, so that one pass serves all classes.
    *others, exposure
        Of `VariationalAutoencoder`.
    calibration : Calibration or None
        Of the logits of the classifier and those of `evidence`; None is those of the classifier.
    """

    def __init__(self, classifier, n_codes, *others, exposure=None, calibration=None):
        super().__init__(*others, exposure=exposure)
        self.classifier, self.calibration = classifier, calibration
        self.shift = nn.Embedding(self.n_classes, n_codes)
        nn.init.zeros_(self.shift.weight)

    def classify(self, x):
        """Logits, ``(batch, n_features) -> (batch, n_classes)``."""
        if self.training or self.calibration is None or not self.calibration.is_set:
            return self.classifier(x)
        return self.calibration(*self.sources(x))

    def sources(self, x):
        """What the calibration has to go by."""
        return [self.classifier(x), self.evidence(x)]

    def evidence(self, x):
        """``log p(x, y) - log p(x)``, ``(batch, n_features) -> (batch, n_classes)``.

        By the bound of each class, with the mean of its code in place of draws.
        """
        codes, costs = self.encoder(x), []
        for number, shift in enumerate(self.shift.weight):
            mean, log_var = self._split(codes + shift)
            y = torch.full_like(codes[:, 0], number, dtype=torch.int64)
            cost = self.relative_nll(x, self.output(mean, y))
            costs.append(cost + gaussian_kl(mean, log_var))
        return (self.log_shares - torch.stack(costs, dim=1)).log_softmax(dim=1)

    def posterior(self, x, y=None):
        """Mean and log-variance of q(z | x, y), of the likeliest class where y is None."""
        y = self.classify(x).argmax(dim=1) if y is None else y
        return self._split(self.encoder(x) + self.shift(y))

    def posteriors(self, x, y):
        """Those of all classes of rows without labels, and those of the last rows, which have some.

        Parameters
        ----------
        x : tensor of shape (n_plain + n_labelled, n_features)
        y : tensor of shape (n_labelled,)

        Returns
        -------
        labels : tensor of shape (n_classes * n_plain + n_labelled,)
            Each class in turn, then y.
        mean, log_var : tensor of shape (n_classes * n_plain + n_labelled, n_components)
        """
        plain, known = self.encoder(x).tensor_split([len(x) - len(y)])
        each = torch.arange(self.n_classes, device=x.device).repeat_interleave(len(plain))
        labels = torch.cat([each, y])
        codes = torch.cat([plain.repeat(self.n_classes, 1), known]) + self.shift(labels)
        return labels, *self._split(codes)
