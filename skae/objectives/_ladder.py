"""The objective of the ladder network."""

from dataclasses import dataclass

from torch.nn import functional

from skae.losses import squared_error
from skae.objectives._semi_supervised import of_labelled, of_plain


@dataclass(frozen=True)
class DenoisingLadder:
    """Cross-entropy of the noisy run's labelled rows, and the denoising error of each layer.

    Parameters
    ----------
    costs : tuple of float
        Weight of each layer's mean squared error, the rows first.
    """

    costs: tuple

    # Epochs are compared by what the classifier is for.
    judged = of_labelled = ("classification",)

    def __call__(self, module, x, y):
        n_plain = len(x) - len(y)
        noisy, logits = module.noisy(x)
        clean = module.clean(x[:n_plain])
        estimates = module.denoise([z[:n_plain] for z in noisy], logits[:n_plain])
        denoising = 0.0
        for cost, (z, mean, precision), estimate in zip(self.costs, clean, estimates, strict=True):
            if mean is not None:  # in the units in which the layer was normalized
                estimate = (estimate - mean) * precision
            denoising = denoising + cost * squared_error(z, estimate)
        known = logits[n_plain:] if module.training else module.classify(x[n_plain:])
        entropy = functional.cross_entropy(known, y, reduction="none")
        return {
            "denoising": of_plain(denoising, len(x)),
            "classification": of_labelled(entropy, len(x)),
        }
