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
        # Each network sees all rows at once: one that normalizes batches has one mix of them.
        logits, known_logits = module.classify(x).tensor_split([n_plain])
        log_q = logits.log_softmax(dim=1)
        q, class_kl = log_q.exp(), log_q - module.log_shares
        (nll, kl), bound = self._costs(module, x, y)
        entropy = functional.cross_entropy(known_logits, y, reduction="none")
        weight = self.weight if module.training else 1.0
        return {
            "reconstruction": of_plain((q * nll).sum(dim=1), n_rows),
            "kl": of_plain((q * (kl + class_kl)).sum(dim=1), n_rows),
            "classification": of_labelled(weight * entropy, n_rows),
            "labelled": of_labelled(self.share * (bound - module.log_shares[y]), n_rows),
        }

    def _costs(self, module, x, y):
        """Both parts of L(x, y) but for the last, ``(n_plain, n_classes)`` each.

        And their sum, of rows with a label, ``(n_labelled,)``.
        """
        n_plain, n_classes = len(x) - len(y), module.n_classes
        labels, mean, log_var = module.posteriors(x, y)
        rows = torch.cat([x[:n_plain].repeat(n_classes, 1), x[n_plain:]])
        nll = module.nll(rows, module.output(draw(mean, log_var), labels))
        parts, n_pairs = torch.stack([nll, gaussian_kl(mean, log_var)]), n_classes * n_plain
        plain, known = parts.tensor_split([n_pairs], dim=1)
        return plain.view(2, n_classes, -1).mT, known.sum(dim=0)
