"""What one pass over a sorted table leaves.

python examples/benchmarks/streams.py

Explained variance of held-out rows, means over the seeds, which divide the rows. The made table is
curved: hidden tanh units of three factors, and noise.
"""

import argparse
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.metrics import explained_variance


def made(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    hidden = np.tanh(rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, 30)))
    return hidden @ rng.normal(size=(30, 20)) + 0.5 * rng.normal(size=(n_rows, 20))


def tables(n_made):
    """Name, rows, what they are sorted by, and components of each table."""
    X, y = load_digits(return_X_y=True)
    yield "digits, a pixel", X, X[:, 28], 8
    yield "digits, their class", X, y, 8
    yield "digits, the first component", X, PCA(1).fit_transform(X)[:, 0], 8
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    yield "breast cancer, the first component", X, PCA(1).fit_transform(X)[:, 0], 5
    X = made(n_made)
    yield f"{n_made} made rows, a column", X, X[:, 0], 3


def score(model, pieces, X):
    """What a model explains after one pass."""
    for piece in pieces:
        model.partial_fit(piece)
    return explained_variance(model, X)


def main(arguments=None):
    """Print a row for each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12, 13, 14])
    parser.add_argument("--made", type=int, default=20_000, help="how many rows are made")
    parser.add_argument("--piece", type=int, default=50, help="rows of a piece")
    options = parser.parse_args(arguments)
    print("| rows, in order of | `IncrementalPCA` | nothing kept | as it is | in random order |")
    print("| --- | --- | --- | --- | --- |")
    for name, X, key, n_components in tables(options.made):
        found = []
        for seed in options.seeds:
            train, test = train_test_split(np.arange(len(X)), random_state=seed)
            ordered = train[np.argsort(key[train], kind="stable")]
            cuts = np.arange(options.piece, len(train), options.piece)
            cuts = cuts[len(train) - cuts >= n_components]  # which IncrementalPCA needs
            ordered, shuffled = ([X[rows] for rows in np.split(o, cuts)] for o in (ordered, train))
            make = [
                (IncrementalPCA(n_components), ordered),
                (AutoencoderTransformer(n_components, n_rehearsed=0, random_state=seed), ordered),
                (AutoencoderTransformer(n_components, random_state=seed), ordered),
                (AutoencoderTransformer(n_components, random_state=seed), shuffled),
            ]
            found.append([score(model, pieces, X[test]) for model, pieces in make])
        figures = " | ".join(f"{value:.3f}" for value in np.mean(found, axis=0))
        print(f"| {name} | {figures} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
