"""Codes in principal coordinates: uncorrelated, and ordered by what they explain."""

import numpy as np
import torch
from torch import nn

from skae._base.applying import device_of
from skae.modules import LinearCodes, LinearPlusNetwork, SkipZeros

# Of more rows a sample says enough.
MAX_ROWS = 100_000
# A direction in which codes vary by so small a share of their largest variance is constant: there
# is nothing in it but what float32 rounds off.
NO_VARIANCE = 1e-10
# A code that says of rows what no line shows has a small share of the variance, and would be lost
# beside the others. Its spread is at least so much of what it is in the network's own codes.
LEAST_SPREAD = 0.1


def turn(module, tables):
    """Give a trained autoencoder principal codes, if its encoder ends in a linear layer.

    Parameters
    ----------
    module : Autoencoder
        Whose codes are those of the encoder yet.
    tables : list of Rows
        What it was trained and judged on.

    Returns
    -------
    array of shape (n_components,) or None
        Of the variance of the rows, the share that each code explains; None where codes stay.
    """
    if not ends_in_a_line(module.encoder):
        return None
    moments = Moments(module)
    with torch.inference_mode():
        for rows in tables:
            moments.add(rows)
    found = moments.principal()
    if found is None:
        return None
    mean, matrix, inverse, shares = found
    module.principal.set(*map(torch.from_numpy, (mean, matrix, inverse)))
    return shares


def forget(module):
    """Let codes be those that networks give, as while they are trained."""
    for part in module.modules():
        if isinstance(part, LinearCodes):
            part.forget()


def ends_in_a_line(network):
    """Whether the last thing that a network does is seen to be linear.

    What follows a linear layer, such as a logistic function, gives codes a meaning of their own.
    """
    if isinstance(network, nn.Sequential):
        layers = [layer for layer in network.children() if type(layer) is not nn.Identity]
        return bool(layers) and ends_in_a_line(layers[-1])
    return type(network) in (nn.Linear, SkipZeros, LinearPlusNetwork)


class Moments:
    """Weighted first and second moments of codes and of the rows that they are of.

    Parameters
    ----------
    module : Autoencoder
    """

    def __init__(self, module):
        self.module = module
        # About what is near to their means nothing is lost in sums.
        self.centres = None
        self.sums = [0.0] * 6

    def add(self, rows):
        """Add `Rows`, or a sample of them."""
        weight = np.ones(len(rows)) if rows.raw_weight is None else rows.raw_weight
        kept, weight, start = torch.arange(len(rows)), torch.from_numpy(weight), 0
        if len(rows) > MAX_ROWS:
            order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
            kept = order[:MAX_ROWS].sort().values
            weight = weight[kept] * (weight.sum() / weight[kept].sum())  # they stand for all
        for part in rows.chunks_of(kept):
            x = self.module.fill(part.to(device_of(self.module)))
            self._add(x, self.module.encode(x), weight[start : start + len(x)])
            start += len(x)

    def _add(self, x, z, weight):
        if self.centres is None:
            self.centres = x.mean(dim=0), z.mean(dim=0)
        x, z = (values - centre for values, centre in zip((x, z), self.centres, strict=True))
        w = weight.to(x)[:, None]
        of_rows = (w * x).T @ z, (w * x).sum(dim=0), (w * x.square()).sum(dim=0)
        z, w = z.cpu().double(), weight[:, None]  # not all devices know it
        of_codes = (w * z).sum(dim=0), (w * z).T @ z, weight.sum()
        found = *(part.cpu().double() for part in of_rows), *of_codes
        self.sums = [before + more for before, more in zip(self.sums, found, strict=True)]

    def principal(self):
        """The mean of the codes, the map to principal ones and back, and the explained shares.

        The unit of all codes is such that the first has a variance of one. None where something is
        not finite.
        """
        cross, x_sum, x_squares, z_sum, z_products, total = (part.numpy() for part in self.sums)
        x_mean, z_mean = x_sum / total, z_sum / total
        cross = cross / total - np.outer(x_mean, z_mean)
        variance = (x_squares / total - x_mean**2).sum()
        covariance = z_products / total - np.outer(z_mean, z_mean)
        if not all(np.isfinite(part).all() for part in (cross, variance, covariance)):
            return None
        mean = self.centres[1].cpu().numpy() + z_mean
        matrix, inverse, explained = principal_map(covariance, cross)
        shares = explained / variance if variance > 0 else np.zeros_like(explained)
        return mean, matrix, inverse, shares


def principal_map(covariance, cross):
    """The map to uncorrelated codes, each of which explains as much of the rows as is left.

    Parameters
    ----------
    covariance : array of shape (n_components, n_components)
        Of the codes.
    cross : array of shape (n_features, n_components)
        The covariances of features and codes.

    Returns
    -------
    matrix, inverse : arrays of shape (n_components, n_components)
    explained : array of shape (n_components,)
        The variance of the rows that a regression on each code explains; falling.
    """
    variances, axes = np.linalg.eigh(covariance)
    varies = variances > NO_VARIANCE * variances[-1]
    spread, along, constant = np.sqrt(variances[varies]), axes[:, varies], axes[:, ~varies]
    loadings = cross @ (along / spread)
    explained, turned = np.linalg.eigh(loadings.T @ loadings)
    explained, turned = explained[::-1].clip(0), turned[:, ::-1]
    # Of codes of unit variance: how to find them, and how far each reaches in the codes as given.
    found, reached = (along / spread) @ turned, (along * spread) @ turned
    size = np.linalg.norm(reached, axis=0)
    unit = size[0] if varies.any() else 1.0
    spread = LEAST_SPREAD * size / unit
    if varies.any() and explained[0] > 0:
        spread = np.maximum(spread, np.sqrt(explained / explained[0]))
    spread = spread * _signs(loadings @ turned)
    constant = constant * _signs(constant)
    matrix = np.concatenate([found * spread, constant / unit], axis=1).T
    inverse = np.concatenate([reached / spread, constant * unit], axis=1)
    return matrix, inverse, np.concatenate([explained, np.zeros(constant.shape[1])])


def _signs(columns):
    """What makes the largest value of each column positive, as scikit-learn has it in `PCA`."""
    largest = np.abs(columns).argmax(axis=0)
    return np.where(columns[largest, np.arange(columns.shape[1])] < 0, -1.0, 1.0)
