"""Intervals of several imputations: how many of the hidden values lie within those of 90 %.

A fifth of the values of three real tables is hidden at random. Each is filled in 50 times; the
interval is between the 5th and the 95th of a hundred. The error, in deviations of the columns, is
that of the mean of the draws, beside that of `impute` without `n_draws`. Rows are learned in their
own units, in which amounts are found.
"""

import numpy as np
from _drawing_conditions import TABLES

from skae import VAETransformer

SHARE, N_DRAWS, LEVELS = 0.2, 50, (0.05, 0.95)


def measure(name, seed):
    """The share of the hidden values within their intervals, these's widths, and both errors."""
    X, rng = TABLES[name](), np.random.default_rng(seed)
    hidden = rng.uniform(size=X.shape) < SHARE
    holes = np.where(hidden, np.nan, X)
    deviation = np.nanstd(holes, axis=0)
    n_components = max(2, min(10, X.shape[1] // 2))
    settings = {"likelihood": "mixed", "allow_nan": True, "random_state": seed}
    model = VAETransformer(n_components, **settings).fit(holes)
    drawn = model.impute(holes, n_draws=N_DRAWS, random_state=seed)
    low, high = np.quantile(drawn, LEVELS, axis=0)
    inside = (low <= X) & (high >= X)
    errors = [
        np.sqrt(np.mean(((filled - X) / deviation)[hidden] ** 2))
        for filled in (drawn.mean(axis=0), model.impute(holes))
    ]
    return inside[hidden].mean(), ((high - low) / deviation)[hidden].mean(), *errors


def report(seeds):
    """Print the table, means of the seeds."""
    print("| table | within 90 % | width | error of the mean of draws | of `impute` |")
    print("| --- " * 5 + "|")
    for name in TABLES:
        found = [measure(name, seed) for seed in seeds]
        inside, width, of_draws, of_impute = np.mean(found, axis=0)
        shares = " ".join(f"{share:.3f}" for share, *_ in found)
        figures = f"{inside:.3f} ({shares}) | {width:.2f} | {of_draws:.3f} | {of_impute:.3f}"
        print(f"| {name} | {figures} |", flush=True)
