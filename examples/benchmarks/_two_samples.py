"""Are two samples from the same distribution?"""

import numpy as np
from scipy.spatial.distance import cdist


def energy_test(first, second, rng, n_permutations=199):
    """The p-value of the energy distance of two samples, by permutation [1]_.

    References
    ----------
    .. [1] Szekely and Rizzo, "Testing for equal distributions in high dimension", InterStat 2004.
    """
    together = np.concatenate([first, second])
    distances = cdist(together, together)
    signs = np.repeat([1 / len(first), -1 / len(second)], [len(first), len(second)])
    drawn = np.stack([signs, *(rng.permutation(signs) for _ in range(n_permutations))])
    found = -np.einsum("ij,ij->i", drawn @ distances, drawn)
    return np.mean(found >= found[0])


def energy_distance(first, second):
    """``2 E|a - b| - E|a - a'| - E|b - b'|``, over all pairs; 0 if both have one distribution."""
    between = cdist(first, second).mean()
    return 2 * between - cdist(first, first).mean() - cdist(second, second).mean()


def rejection_rate(first, second, rng, n_rows=200, n_tests=100, level=0.05):
    """How often the test tells parts of two samples apart; `level` if there is no difference."""
    parts = ([rng.choice(sample, n_rows) for sample in (first, second)] for _ in range(n_tests))
    return np.mean([energy_test(*part, rng) <= level for part in parts])
