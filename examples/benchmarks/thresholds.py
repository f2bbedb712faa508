"""How many new clean rows are called outliers, and how many outliers are found?

python examples/benchmarks/thresholds.py
python examples/benchmarks/thresholds.py curved-150 --contamination 0.1 --outliers 0.1

The detector as it comes, and one of errors (`AutoencoderTransformer`), learn from some rows; what
is printed is the share of other rows of the same kind that are called outliers, mean over the seeds
and, in brackets, the smallest and the largest. curved-150 and curved-1000 are so many rows of 30
columns around a curved surface of four dimensions, judged by 2000 others; of the tables, which are
standardized, 65 % of the rows are learned from. With `--outliers` this share of the rows that are
learned from are outliers, rows of others mixed column by column; how many of as many new ones are
found is printed too.
"""

import argparse
import platform
import sys
import time
import warnings

import numpy as np
import torch
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer

DATA = ("curved-150", "curved-1000", "wine", "breast_cancer", "digits")


def load(name, seed):
    """Rows to learn from, and others of the same kind."""
    rng = np.random.default_rng(seed)
    if name.startswith("curved"):
        n_rows = int(name.partition("-")[2])
        axes = rng.normal(size=(4, 30))
        X = np.tanh(rng.normal(size=(n_rows + 2000, 4)) @ axes)
        X += 0.2 * rng.normal(size=X.shape)
    else:
        X = rng.permutation(getattr(datasets, f"load_{name}")().data)
        n_rows = int(0.65 * len(X))
        X = StandardScaler().fit(X[:n_rows]).transform(X)
    return X[:n_rows], X[n_rows:]


def mix(X, n_rows, rng):
    """Rows each of whose values is that of another row."""
    return np.stack([rng.choice(column, n_rows) for column in X.T], axis=1)


def measure(X, new, asked, outliers, errors, seed):
    """Shares of new clean rows and of new outliers that are called so, and seconds of the fit."""
    rng = np.random.default_rng(seed)
    strange = mix(X, len(new), rng)
    if outliers:
        X = X.copy()
        n_strange = round(outliers * len(X))
        X[:n_strange] = mix(X, n_strange, rng)
    width = max(1, min(10, X.shape[1] // 4))
    inside = AutoencoderTransformer(width, random_state=seed) if errors else None
    detector = AutoencoderOutlierDetector(inside, contamination=asked, random_state=seed)
    start = time.perf_counter()
    with warnings.catch_warnings(action="ignore"):
        detector.fit(X)
    seconds = time.perf_counter() - start
    return *((detector.predict(rows) < 0).mean() for rows in (new, strange)), seconds


def contamination(text):
    """A share, or "auto"."""
    return text if text == "auto" else float(text)


def main(arguments=None):
    """Print a row for each data set, detector and contamination."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", metavar="data", help=", ".join(DATA))
    parser.add_argument("--contamination", type=contamination, nargs="+")
    parser.add_argument("--outliers", type=float, default=0.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options = parser.parse_args(arguments)
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    print("| data | detector | asked | clean rows called outliers | outliers found | seconds |")
    print("| --- " * 6 + "|")
    for name in options.data or DATA:
        for errors in (False, True):
            for asked in options.contamination or [0.01, 0.05, 0.1, "auto"]:
                clean, found, seconds = np.transpose(
                    [
                        measure(*load(name, seed), asked, options.outliers, errors, seed)
                        for seed in options.seeds
                    ]
                )
                print(
                    f"| {name} | {'errors' if errors else 'as it comes'} | {asked} "
                    f"| {clean.mean():.3f} ({clean.min():.3f} to {clean.max():.3f}) "
                    f"| {found.mean():.2f} | {seconds.mean():.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    sys.exit(main())
