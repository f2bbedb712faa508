"""Rows of few columns that lie on curves or in clumps, `(n_rows, rng)` each."""

import numpy as np
from sklearn.datasets import make_moons, make_swiss_roll

SHARES = [0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02]


def ring(n_rows, rng):
    """Radius 1, noise 0.1."""
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    return np.c_[np.cos(angle), np.sin(angle)] + 0.1 * rng.standard_normal((n_rows, 2))


def moons(n_rows, rng):
    """Two half rings."""
    return make_moons(n_rows, noise=0.1, random_state=rng.integers(2**31))[0]


def roll(n_rows, rng):
    """A rolled plane in three dimensions."""
    return make_swiss_roll(n_rows, noise=0.5, random_state=rng.integers(2**31))[0]


def twins(n_rows, rng):
    """-1 and +1, spread 0.1."""
    return (rng.choice([-1.0, 1.0], n_rows) + 0.1 * rng.standard_normal(n_rows))[:, None]


def clumps(n_rows, rng, n_columns=2):
    """Seven of them, anywhere in a cube, uneven in their sizes and in how tight they are."""
    centres = rng.uniform(-3, 3, (len(SHARES), n_columns))
    spreads = rng.uniform(0.05, 0.3, len(SHARES))
    clump = rng.choice(len(SHARES), n_rows, p=SHARES)
    return centres[clump] + spreads[clump, None] * rng.standard_normal((n_rows, n_columns))


def clumps_of_five(n_rows, rng):
    """The same with five columns."""
    return clumps(n_rows, rng, 5)


CURVED_AND_CLUMPED = {
    "ring": ring,
    "moons": moons,
    "roll": roll,
    "clumps": clumps,
    "clumps of five columns": clumps_of_five,
}


def beside_uniform(make, rng):
    """Rows to learn from, rows to score, and whether those are uniform ones of the same range."""
    drawn = make(3000, rng)
    X, inside = drawn[:2000], drawn[2000:]
    outside = rng.uniform(X.min(axis=0), X.max(axis=0), (1000, X.shape[1]))
    return X, np.concatenate([inside, outside]), np.arange(2000) >= 1000
