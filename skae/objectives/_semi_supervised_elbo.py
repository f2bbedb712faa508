"""The objective of a variational autoencoder that classifies."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from skae.objectives._semi_supervised import of_labelled, of_plain
from skae.objectives._vae import draw
from skae.penalties import gaussian_kl


@dataclass(frozen=True)
class SemiSupervisedELBO:
    """``-log p(x)`` of all rows, the class summed out; ``-log p(x, y)`` where y is known.

    With ``L(x, y) = -E_q(z|x,y)[log p(x | y, z)] + KL(q(z | x, y) || N(0, I)) - log p(y)``, in nats
    per row: ``sum_y q(y | x) (L(x, y) + log q(y | x))``, and of labelled rows ``share * L(x, y) -
    weight * log q(y | x)``.

    Parameters
    ----------
    weight : float
        What the cross-entropy counts in training.
    share : float
        Of the labelled rows in all rows.
    """

    weight: float = 30.0
    share: float = 1.0

    # Epochs are compared by what the classifier is for, and unweighted.
    judged = ("classification",)
    of_labelled = ("classification", "labelled")

    def __call__(self, module, x, y):
        n_rows, n_plain = len(x), len(x) - len(y)
        plain, known = x[:n_plain], x[n_plain:]
        log_q = module.classify(plain).log_softmax(dim=1)
        q = log_q.exp()
        nll, kl = self._costs(module, plain, *module.posteriors(plain))
        class_kl = log_q - module.log_shares
        logits = module.classify(known)
        entropy = functional.cross_entropy(logits, y, reduction="none")
        mean, log_var = module.posterior(known, y)
        output = module.output(draw(mean, log_var), y)
        bound = module.nll(known, output) + gaussian_kl(mean, log_var) - module.log_shares[y]
        weight = self.weight if module.training else 1.0
        return {
            "reconstruction": of_plain((q * nll).sum(dim=1), n_rows),
            "kl": of_plain((q * (kl + class_kl)).sum(dim=1), n_rows),
            "classification": of_labelled(weight * entropy, n_rows),
            "labelled": of_labelled(self.share * bound, n_rows),
        }

    def _costs(self, module, x, mean, log_var):
        """Both parts of L(x, y) but for the last, ``(batch, n_classes)`` each."""
        n_classes = module.n_classes
        y = torch.arange(n_classes, device=x.device).repeat_interleave(len(x))
        output = module.output(draw(mean, log_var), y)
        nll = module.nll(x.repeat(n_classes, 1), output)
        return nll.view(n_classes, -1).T, gaussian_kl(mean, log_var).view(n_classes, -1).T
