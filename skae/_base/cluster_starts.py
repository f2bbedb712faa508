"""Where a clustering may start: what others find in a sample, compared without labels."""

import warnings

import numpy as np
from scipy.special import xlogy
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

# Distances in so many dimensions are those in more, nearly, and quicker.
MAX_COMPONENTS = 50
# Rows whose clusters are compared are so many of the nearest.
N_NEIGHBORS = 5
# There are so many times as many clusters before they are merged, but so many at most.
TIMES, MOST = 3, 150
# Of 48 simulated tables, from blobs to rings, powers of 3, 4 and 6 chose best among the starts:
# a mean adjusted Rand index of 0.80, for 0.78 of 1 and 2 and 0.75 of 0, where each start alone has
# 0.70 to 0.78. Among these 4 did best on ten real ones.
POWER = 4
# What a mixture adds to its variances, in those of the rows.
LEAST_VARIANCE = 1e-3


def start_of(X, neighbors, n_clusters, random_state):
    """The best of several clusterings.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Rows of a sample, all of them different: copies would be each other's neighbours.
    neighbors : integer array of shape (n_samples, n_neighbors)
        The nearest rows of each.
    n_clusters : int
    random_state : RandomState

    Returns
    -------
    labels : integer array of shape (n_samples,)
    """
    n_clusters = min(n_clusters, len(X))
    if n_clusters == 1:
        return np.zeros(len(X), dtype=int)
    Z = _narrowed(X)
    with warnings.catch_warnings(action="ignore"):  # of what is one start among others
        found = _clusterings(Z, n_clusters, neighbors, random_state)
        return max(found, key=lambda one: agreement(pairs(one, neighbors)))


def neighbors_of(X):
    """The nearest of other rows, and how far the tenth is, of two rows or more."""
    search = NearestNeighbors(n_neighbors=min(2 * N_NEIGHBORS, len(X) - 1)).fit(_narrowed(X))
    neighbors = search.kneighbors(return_distance=False)
    tenth = np.linalg.norm(X - X[neighbors[:, -1]], axis=1)
    return neighbors[:, :N_NEIGHBORS], tenth


def _narrowed(X):
    if min(X.shape) <= MAX_COMPONENTS:
        return np.asarray(X, dtype=np.float64)
    return PCA(MAX_COMPONENTS, random_state=0).fit_transform(np.asarray(X, dtype=np.float64))


def _clusterings(Z, n_clusters, neighbors, random_state):
    seed = random_state.randint(np.iinfo(np.int32).max)
    yield KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(Z)
    if len(Z) < 2 * TIMES * n_clusters:
        return
    least = LEAST_VARIANCE * Z.var(axis=0).mean()
    if least > 0:
        mixture = GaussianMixture(n_clusters, reg_covar=least, random_state=seed)
        yield mixture.fit_predict(Z)
    yield _spectral(Z, n_clusters, 2 * N_NEIGHBORS, seed)
    fine = _spectral(Z, min(TIMES * n_clusters, max(MOST, n_clusters)), N_NEIGHBORS, seed)
    yield merged(pairs(fine, neighbors), n_clusters)[fine]


def _spectral(Z, n_clusters, n_neighbors, seed):
    return SpectralClustering(
        n_clusters,
        affinity="nearest_neighbors",
        n_neighbors=min(n_neighbors, len(Z)),
        assign_labels="cluster_qr",
        random_state=seed,
    ).fit_predict(Z)


def pairs(labels, neighbors):
    """The share of each pair of clusters among pairs of neighbours, symmetric."""
    n_clusters = labels.max() + 1
    others = labels[neighbors]
    found = np.zeros((n_clusters, n_clusters))
    np.add.at(found, (np.broadcast_to(labels[:, None], others.shape), others), 1.0)
    return (found + found.T) / (2 * found.sum())


def agreement(joint):
    r"""How well clusters hold together and how much they tell: :math:`I (I / H)^4`.

    I is the mutual information of the clusters of two neighbours, in nats, and I / H the share of
    their entropy that it is. I alone would cut large clusters, I / H would cut off single rows.

    Parameters
    ----------
    joint : array of shape (n_clusters, n_clusters)
        As `pairs` gives it.
    """
    shares = joint.sum(axis=1)
    entropy = -xlogy(shares, shares).sum()
    information = xlogy(joint, joint).sum() + 2 * entropy
    return information * (information / entropy) ** POWER if entropy > 0 else 0.0


def merged(joint, n_clusters):
    """Merge clusters two by two, those first of which the mutual information loses least [1]_.

    Parameters
    ----------
    joint : array of shape (n_found, n_found)
        As `pairs` gives it.
    n_clusters : int
        How many are to be left.

    Returns
    -------
    labels : integer array of shape (n_found,)
        In which of them each ends.

    References
    ----------
    .. [1] Slonim and Tishby, "Agglomerative information bottleneck", NeurIPS 1999.
    """
    labels = np.arange(len(joint))
    while len(joint) > n_clusters:
        a, b = _cheapest(joint)
        joint[a] += joint[b]
        joint[:, a] += joint[:, b]
        joint = np.delete(np.delete(joint, b, axis=0), b, axis=1)
        labels[labels == b] = a
        labels[labels > b] -= 1
    return labels


def _cheapest(joint):
    """The pair whose merger costs the least information, the smaller number first."""
    shares, own = joint.sum(axis=1), np.diag(joint)
    of_rows, together = xlogy(joint, joint), joint[:, None] + joint
    # Of both as columns and as rows, less what was counted that is of the two alone.
    gain = 2 * (xlogy(together, together) - of_rows[:, None] - of_rows).sum(axis=2)
    for_self = xlogy(own, own)
    crossed = own[:, None] + joint
    gain -= 2 * (xlogy(crossed, crossed) + xlogy(crossed, crossed).T)
    gain += 2 * (for_self[:, None] + for_self + 2 * of_rows)
    both = own[:, None] + own + 2 * joint
    gain += xlogy(both, both) - for_self[:, None] - for_self - 2 * of_rows
    of_shares = shares[:, None] + shares
    kept = xlogy(shares, shares)
    gain -= 2 * (xlogy(of_shares, of_shares) - kept[:, None] - kept)
    gain[np.tril_indices(len(gain))] = -np.inf
    return np.unravel_index(gain.argmax(), gain.shape)


def expected_shares(class_prior, counts):
    """Of clusters that start with so many rows, as `class_prior` has it: sums to one."""
    if isinstance(class_prior, str):
        expected = counts + 1.0 if class_prior == "start" else np.ones(len(counts))
        return expected / expected.sum()
    try:
        expected = np.asarray(class_prior, dtype=float)
    except (TypeError, ValueError):
        expected = np.empty(0)
    if expected.shape != counts.shape or not (expected > 0).all() or np.isinf(expected).any():
        raise ValueError(
            f"class_prior={class_prior!r} must have {len(counts)} positive numbers, one for each "
            "of n_clusters; or be 'start' or 'uniform'."
        )
    by_size = np.empty_like(expected)
    by_size[np.argsort(-counts, kind="stable")] = np.sort(expected)[::-1]
    # The smallest of float32 has a logarithm still.
    return (by_size / by_size.sum()).clip(min=np.finfo(np.float32).tiny)
