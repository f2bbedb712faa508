"""The network of a clustering by mutual information."""

import itertools

import torch
from torch import nn
from torch.nn import functional

from skae.architectures._activations import make_activation

EPSILON = 2e-5


class ClusterNetwork(nn.Module):
    """Dense layers, batch-normalized, that give the cluster of a row.

    In training each pass is normalized over its own rows, since rows that are moved on purpose have
    other means than those of the data; inference uses running means of the passes that are noted.

    Parameters
    ----------
    sizes : tuple of int
        Widths of all layers: the features, the hidden ones, the clusters.
    activation : str
        Between the layers.

    Attributes
    ----------
    shares : tensor of shape (n_clusters,)
        How often each cluster is expected.
    reach : tensor of shape ()
        The length of a perturbation, in distances to the nearest other row of a batch.
    """

    # What is exported has them in order of size.
    encodes_clusters = True

    def __init__(self, sizes, activation):
        super().__init__()
        *hidden, n_clusters = sizes
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(hidden))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width, eps=EPSILON) for width in hidden[1:])
        self.activation = make_activation(activation)
        self.last = nn.Linear(hidden[-1], n_clusters)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        # All clusters are alike at first.
        nn.init.normal_(self.last.weight, std=1e-4 * hidden[-1] ** -0.5)
        nn.init.zeros_(self.last.bias)
        self.register_buffer("shares", torch.full((n_clusters,), 1 / n_clusters))
        self.register_buffer("reach", torch.tensor(1.0))

    def classify(self, x):
        """Logits, ``(batch, n_features) -> (batch, n_clusters)``."""
        return self.last(self._hidden(x, noted=True))

    def encode(self, x):
        """Logarithms of probabilities, ``(batch, n_features) -> (batch, n_clusters)``."""
        return self.log_probabilities(x, noted=True)

    def log_probabilities(self, x, noted=False):
        """The same; in training running means are moved only by what is `noted`."""
        return self.last(self._hidden(x, noted)).log_softmax(dim=1)

    def _hidden(self, x, noted):
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = layer(x)
            if noted or not norm.training:
                x = norm(x)
            else:
                x = functional.batch_norm(
                    x, None, None, norm.weight, norm.bias, training=True, eps=EPSILON
                )
            x = self.activation(x)
        return x
