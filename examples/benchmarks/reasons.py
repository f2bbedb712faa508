"""Which feature makes a row strange? Faults of known sensors among some that belong together.

python examples/benchmarks/reasons.py
python examples/benchmarks/reasons.py --rows 10000 --features 30     # what it costs

Eight sensors follow two hidden causes through tanh, each in a unit of its own, with a twentieth of
noise. One of them, or two, are off by one and a half units in each of 400 new rows. Printed is the
share of those in which these are the ones that are named first, by the default detector's
`feature_scores`, by the largest residuals of its reconstructions, and by those of `PCA(2)`, which
knows how many causes there are.
"""

import argparse
import sys
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector, VAETransformer

N_SENSORS = 8


def sensors(n_rows, rng):
    units = np.arange(1, N_SENSORS + 1)
    weights = np.random.default_rng(9).normal(size=(2, N_SENSORS))
    causes = np.tanh(rng.normal(size=(n_rows, 2)) @ weights)
    return units * (causes + 0.05 * rng.normal(size=(n_rows, N_SENSORS)))


def with_faults(n_rows, n_off, rng):
    """Rows, and which sensors are off in each, in rising order."""
    X = sensors(n_rows, rng)
    off = np.argsort(rng.random(X.shape), axis=1)[:, :n_off]
    for place in off.T:
        X[np.arange(n_rows), place] += 1.5 * (place + 1) * rng.choice([-1, 1], n_rows)
    return X, np.sort(off, axis=1)


def named(costs, off):
    """The share of rows in which the features of the highest costs are those that are off."""
    first = np.sort(np.argsort(-costs, axis=1)[:, : off.shape[1]], axis=1)
    return (first == off).all(axis=1).mean()


def residuals(model, X):
    return (X - model.inverse_transform(model.transform(X))) ** 2


def measure(seed):
    """The shares for one sensor off, and for two, of each way."""
    rng = np.random.default_rng(seed)
    X = sensors(1500, rng)
    scaler = StandardScaler().fit(X)
    detector = AutoencoderOutlierDetector(contamination=0.01, novelty=False, random_state=seed)
    detector.fit(scaler.transform(X))
    plane, found = PCA(2).fit(scaler.transform(X)), []
    for n_off in (1, 2):
        T, off = with_faults(400, n_off, rng)
        T = scaler.transform(T)
        ways = -detector.feature_scores(T), residuals(detector.autoencoder_, T), residuals(plane, T)
        found.append([named(costs, off) for costs in ways])
    return found


def cost(n_rows, n_features):
    """Print seconds of `score_samples` and `feature_scores`, in pairs, and of one row."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 5)) @ rng.normal(size=(5, n_features))
    X += 0.3 * rng.normal(size=X.shape)
    vae = VAETransformer(max(1, min(10, n_features // 4)), max_iter=5, random_state=0)
    detector = AutoencoderOutlierDetector(vae, contamination=0.01, novelty=False).fit(X)
    for rows in (X, X[:1]):
        pairs = []
        for _ in range(3):
            pair = []
            for verb in (detector.score_samples, detector.feature_scores):
                began = time.perf_counter()
                verb(rows)
                pair.append(time.perf_counter() - began)
            pairs.append(pair)
        scores, features = np.median(pairs, axis=0)
        print(
            f"{len(rows)} x {n_features}: score_samples {scores:.4f} s, feature_scores "
            f"{features:.4f} s, {features / scores:.1f} times"
        )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", type=int, help="measure the cost of so many rows instead")
    parser.add_argument("--features", type=int, default=30)
    options = parser.parse_args(arguments)
    if options.rows:
        return cost(options.rows, options.features)
    print("| sensors off | feature_scores | residuals | residuals of PCA(2) |")
    print("| --- | --- | --- | --- |")
    found = np.mean([measure(seed) for seed in options.seeds], axis=0)
    for n_off, shares in zip((1, 2), found, strict=True):
        print(f"| {n_off} | " + " | ".join(f"{share:.3f}" for share in shares) + " |")


if __name__ == "__main__":
    sys.exit(main())
