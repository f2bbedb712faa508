"""Rows drawn given the values of some columns, against what is known of such rows.

Simulated rows of 10 columns, normal with four factors or a mixture of three such, have conditional
distributions in closed form: the means and deviations of 4000 draws are compared with those, in
deviations of the column and as a ratio, for one to five known columns of a new row.

Of real tables nobody knows them. Held-out rows with nearly a value of one column are compared with
rows drawn given the value, by the energy distance of the other columns, beside those of ten times
as many rows of `sample` that happen to have nearly that value. Distances are of columns in
deviations; rows are learned in their own units, in which amounts are found.
"""

import numpy as np
from _rdatasets import load
from scipy import stats
from scipy.spatial.distance import cdist, pdist
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import train_test_split

from skae import VAETransformer

N_ROWS, N_QUERIES, N_DRAWS = 20_000, 5, 4000
TABLES = {
    "diabetes": lambda: load_diabetes().data,
    "breast_cancer": lambda: load_breast_cancer().data,
    "MASS/Boston": lambda: load("MASS/Boston"),
}
# Values are asked for at these quantiles; rows within so many deviations have nearly the value.
QUANTILES, NEARLY = (0.2, 0.5, 0.8), 0.15
FEWEST = 15


class Mixture:
    """Normal distributions with factors, of equal weight."""

    def __init__(self, n_parts, rng, d=10, n_factors=4):
        self.means = 2 * rng.standard_normal((n_parts, d)) * (n_parts > 1)
        loadings = rng.standard_normal((n_parts, d, n_factors if n_parts == 1 else 1))
        noise = np.exp(rng.uniform(-1.5, 0, (n_parts, d)))
        self.covariances = loadings @ loadings.swapaxes(1, 2)
        self.covariances += np.stack([np.diag(part**2) for part in noise])

    def draw(self, n_rows, rng):
        """Rows."""
        parts = rng.integers(len(self.means), size=n_rows)
        noise = rng.standard_normal((n_rows, self.means.shape[1], 1))
        factors = np.linalg.cholesky(self.covariances)
        return self.means[parts] + (factors[parts] @ noise)[..., 0]

    def given(self, known, values):
        """Means and deviations of the other columns."""
        others = np.setdiff1d(np.arange(self.means.shape[1]), known)
        log_weights, means, squares = [], [], []
        for mean, covariance in zip(self.means, self.covariances, strict=True):
            inside = covariance[np.ix_(known, known)]
            slopes = covariance[np.ix_(others, known)] @ np.linalg.inv(inside)
            means.append(mean[others] + slopes @ (values - mean[known]))
            left = covariance[np.ix_(others, others)] - slopes @ covariance[np.ix_(known, others)]
            squares.append(np.diag(left) + means[-1] ** 2)
            log_weights.append(stats.multivariate_normal(mean[known], inside).logpdf(values))
        weights = np.exp(np.array(log_weights) - max(log_weights))
        mean, square = (np.average(part, axis=0, weights=weights) for part in (means, squares))
        return others, mean, np.sqrt(square - mean**2)


def simulated(seed):
    """Errors of means and of deviations, and the least effective size, for 1 to 5 known columns."""
    for name, n_parts, n_components in (("normal", 1, 4), ("mixture of 3", 3, 4)):
        rng = np.random.default_rng(seed)
        truth = Mixture(n_parts, rng)
        X = truth.draw(N_ROWS, rng)
        model = VAETransformer(n_components, likelihood="mixed", random_state=seed).fit(X)
        for n_known in range(1, 6):
            errors, sizes = [], []
            for row in truth.draw(N_QUERIES, rng):
                known = rng.choice(10, n_known, replace=False)
                asked = dict(zip(known, row[known], strict=True))
                drawn, size = model.sample(
                    N_DRAWS, seed, noise=True, conditions=asked, return_ess=True
                )
                others, mean, deviation = truth.given(known, row[known])
                off = np.abs(drawn[:, others].mean(axis=0) - mean) / X[:, others].std(axis=0)
                ratio = np.abs(drawn[:, others].std(axis=0) / deviation - 1)
                errors.append([off.mean(), ratio.mean(), off.max(), ratio.max()])
                sizes.append(size[0])
            yield name, n_known, *np.mean(errors, axis=0), min(sizes)


def energy_distance(A, B):
    """Twice the mean distance between, less those within; without bias, so it may be below 0."""
    return 2 * cdist(A, B).mean() - pdist(A).mean() - pdist(B).mean()


def real(name, seed):
    """Energy distances of rows drawn given a value, and of those of `sample` that have it."""
    X = TABLES[name]()
    deviations = X.std(axis=0)
    seen, held_out = train_test_split(X, test_size=0.5, random_state=seed)
    n_components = max(2, min(10, X.shape[1] // 2))
    model = VAETransformer(n_components, likelihood="mixed", random_state=seed).fit(seen)
    n_draws = 500
    pool = model.sample(10 * n_draws, seed, noise=True)
    found = []
    for column in range(X.shape[1]):
        others = np.arange(X.shape[1]) != column
        for value in np.quantile(held_out[:, column], QUANTILES):
            reach = NEARLY * deviations[column]
            near = [np.abs(rows[:, column] - value) < reach for rows in (held_out, pool)]
            if min(part.sum() for part in near) < FEWEST:
                continue
            drawn = model.sample(n_draws, seed, noise=True, conditions={column: value})
            rows = (held_out[near[0]] / deviations)[:, others]
            found.append(
                [
                    energy_distance((near_it / deviations)[:, others], rows)
                    for near_it in (drawn, pool[near[1]])
                ]
            )
    return len(found), *np.mean(found, axis=0)


def report(seeds):
    """Print both tables, means of the seeds."""
    print("| rows | known | mean off by | spread off by | worst column | worst | effective draws |")
    print("| --- " * 7 + "|")
    for lines in zip(*map(simulated, seeds), strict=True):
        off, ratio, worst_off, worst_ratio, size = np.mean([line[2:] for line in lines], axis=0)
        print(
            f"| {lines[0][0]} | {lines[0][1]} | {off:.1%} | {ratio:.1%} | {worst_off:.1%} | "
            f"{worst_ratio:.1%} | {size:.0f} of {N_DRAWS} |",
            flush=True,
        )
    print("\n| table | values asked for | given the value | `sample`, 10 times as many |")
    print("| --- " * 4 + "|")
    for name in TABLES:
        n, given, of_sample = np.mean([real(name, seed) for seed in seeds], axis=0)
        print(f"| {name} | {n:.0f} | {given:.3f} | {of_sample:.3f} |", flush=True)
