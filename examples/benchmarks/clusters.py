"""Clusters without labels, held against labels that nobody has seen.

python examples/benchmarks/clusters.py                                  # ten tables and digits
python examples/benchmarks/clusters.py uneven mnist-5000 mnist-60000 --mnist mnist.npz
python examples/benchmarks/clusters.py digits --times 2                 # twice as many clusters

Columns of the tables are standardized; pixels are not. The number of clusters is that of the
classes, unless `--times` says otherwise. Printed are the adjusted Rand index of the training rows
as the mean over the seeds, and processor seconds. Of MNIST also the error of `predict` on the
10 000 test rows, each cluster being named on the training rows, one to one; and with `--times`
how many clusters have rows, and the error if each is named by most of its rows.
"""

import argparse
import time
import warnings

import numpy as np
from _drawing_classes import _labelled
from _mnist import add_argument, load_mnist
from _rdatasets import frame_of
from _settings import setting
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from skae import AdversarialAutoencoderClustering, MutualInformationClustering

HAWKS = ["Species", "Wing", "Weight", "Culmen", "Hallux", "Tail"]
METHODS = {
    "KMeans": lambda k, seed: KMeans(k, n_init=10, random_state=seed),
    "GaussianMixture": lambda k, seed: GaussianMixture(k, n_init=5, random_state=seed),
    "SpectralClustering": lambda k, seed: SpectralClustering(
        k, affinity="nearest_neighbors", assign_labels="cluster_qr", random_state=seed
    ),
    "AdversarialAutoencoderClustering": lambda k, seed: AdversarialAutoencoderClustering(
        k, random_state=seed
    ),
    "MutualInformationClustering": lambda k, seed: MutualInformationClustering(
        k, random_state=seed
    ),
}
TABLES = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "penguins": lambda: _labelled(
        frame_of("palmerpenguins/penguins"), "species", ["island", "sex", "year", "rownames"]
    ),
    "biopsy": lambda: _labelled(frame_of("MASS/biopsy"), "class", ["ID", "rownames"]),
    "olive": lambda: _labelled(frame_of("dslabs/olive"), "region", ["area", "rownames"]),
    "diabetes": lambda: _labelled(frame_of("heplots/Diabetes"), "group", ["rownames"]),
    "glass": lambda: _labelled(frame_of("MASS/fgl"), "type", ["rownames"]),
    "hawks": lambda: _labelled(frame_of("Stat2Data/Hawks")[HAWKS], "Species", []),
    "crabs": lambda: _labelled(frame_of("MASS/crabs"), "sp", ["sex", "index", "rownames"]),
}


def uneven():
    """Three groups of 90, 6 and 4 % that lie apart."""
    rng = np.random.default_rng(16)
    centres, y = rng.normal(0, 2.5, (3, 10)), np.repeat([0, 1, 2], (360, 24, 16))
    return centres[y] + rng.normal(size=(len(y), 10)), y


def load(name, mnist):
    """Rows, labels, and rows and labels to test on or None."""
    if name.startswith("mnist-"):
        X, y, *test = load_mnist(mnist)
        n_rows = int(name.removeprefix("mnist-"))
        return X[:n_rows], y[:n_rows], *test
    if name in TABLES:
        X, y = TABLES[name]()
        return StandardScaler().fit_transform(X), y, None, None
    return *(uneven() if name == "uneven" else load_digits(return_X_y=True)), None, None


def names_of(labels, y, one_to_one):
    """The class that each cluster stands for."""
    table = np.zeros((labels.max() + 1, y.max() + 1), dtype=int)
    np.add.at(table, (labels, y), 1)
    if not one_to_one:
        return table.argmax(axis=1)
    names = np.full(len(table), -1)
    clusters, classes = linear_sum_assignment(-table)
    names[clusters] = classes
    return names


def measure(model, k, data):
    """Adjusted Rand index, seconds, errors on training rows or test rows, clusters with rows."""
    X, y, X_test, y_test = data
    start = time.process_time()
    with warnings.catch_warnings(action="ignore"):
        labels = model.fit_predict(X)
    seconds = time.process_time() - start
    names = names_of(labels, y, one_to_one=k == len(np.unique(y)))
    if X_test is None or not hasattr(model, "predict"):
        error = np.mean(names[labels] != y)
    else:
        error = np.mean(names[model.predict(X_test)] != y_test)
    return adjusted_rand_score(y, labels), seconds, 100 * error, len(np.unique(labels))


def main():
    """Print a row for each method and table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="*", default=[*TABLES, "digits"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--times", type=float, default=1.0)
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    add_argument(parser)
    args = parser.parse_args()
    print("| table | method | ARI | error % | clusters with rows | s |\n|---|---|---|---|---|---|")
    means = {method: [] for method in args.methods}
    for name in args.tables:
        data = load(name, args.mnist)
        k = round(args.times * len(np.unique(data[1])))
        for method in args.methods:
            settings = args.set if method.startswith("Mutual") else []
            models = [METHODS[method](k, seed).set_params(**dict(settings)) for seed in args.seeds]
            found = [measure(model, k, data) for model in models]
            index, seconds, error, used = np.mean(found, axis=0)
            low, high = np.min(found, axis=0)[2], np.max(found, axis=0)[2]
            figures = f"{index:.3f} | {error:.1f} ({low:.1f} to {high:.1f}) | {used:.3g} of {k}"
            print(f"| {name} | {method} | {figures} | {seconds:.2f} |", flush=True)
            if name in TABLES:
                means[method].append(index)
    for method, indices in means.items():
        if indices:
            print(f"| mean of {len(indices)} tables | {method} | {np.mean(indices):.3f} | | | |")


if __name__ == "__main__":
    main()
