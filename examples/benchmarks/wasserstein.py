"""What a prior costs: Wasserstein, variational and adversarial autoencoders side by side.

python examples/benchmarks/wasserstein.py
python examples/benchmarks/wasserstein.py mnist --mnist PATH
python examples/benchmarks/wasserstein.py --alpha .03 .1 .3 1 3 10  # on rows held out for choosing

All but `alpha` is as by default. On held-out rows: the explained variance; the Kolmogorov-Smirnov
statistic of their codes and the normal prior, the mean over the components, which is 0.04 for as
many draws of the prior; and how often an energy test of 200 codes and 200 draws tells them apart,
which sees all components at once and does so 5 % of the time if there is no difference. The codes
of a VAE are drawn from the posterior of each row. Of drawn rows: how far they are from the nearest
training row, divided by how far held-out rows are. Mean and standard deviation over the seeds.
"""

import argparse
import sys
import time

import numpy as np
import torch
from _mnist import add_argument, load_mnist
from _two_samples import rejection_rate
from scipy.stats import kstest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skae import (
    AdversarialAutoencoder,
    AutoencoderTransformer,
    VAETransformer,
    WassersteinAutoencoder,
)
from skae.metrics import explained_variance

MODELS = AutoencoderTransformer, VAETransformer, AdversarialAutoencoder, WassersteinAutoencoder


def parts(name, seed, options):
    """Rows to learn from and others: test rows, or such as are held out for choosing."""
    if name == "digits":
        X, X_test = train_test_split(load_digits().data, random_state=seed)
    else:
        X, _, X_test, _ = load_mnist(options.mnist)
        X, X_test = X[: options.rows], X_test[: options.rows // 3]
    return train_test_split(X, random_state=seed) if options.alpha else (X, X_test)


def codes_of(model, X, seed):
    """Codes, of a VAE as they are drawn."""
    codes = model.transform(X)
    if isinstance(model, VAETransformer):
        x = model.scaling_(torch.from_numpy(X.astype(np.float32)))
        with torch.no_grad():
            _, log_variance = model.module_.posterior(x)
        noise = np.random.default_rng(seed).normal(size=codes.shape)
        codes = codes + noise * np.exp(0.5 * log_variance.numpy())
    return codes


def measure(model, seed, X, X_test):
    """The figures of one model."""
    start = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - start
    codes, rng = codes_of(model, X_test, seed), np.random.default_rng(seed)
    apart = [kstest(component, "norm").statistic for component in codes.T]
    told = rejection_rate(codes, rng.normal(size=codes.shape), rng, n_tests=50)
    neighbors = NearestNeighbors(n_neighbors=1).fit(X)
    drawn = model.sample(500, random_state=seed)
    far, usual = (neighbors.kneighbors(rows)[0].mean() for rows in (drawn, X_test))
    return explained_variance(model, X_test), np.mean(apart), told, far / usual, seconds


def main(arguments=None):
    """Print a row for each model and width."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", default=["digits"], help="digits or mnist")
    parser.add_argument("--components", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--alpha", type=float, nargs="+", default=[], help="compare these")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--rows", type=int, default=5000, help="training rows of MNIST")
    parser.add_argument("--epochs", type=int, help="in place of the default's")
    add_argument(parser)
    options = parser.parse_args(arguments)
    contestants = [(cls.__name__, cls, {}) for cls in MODELS]
    if options.alpha:
        cls = WassersteinAutoencoder
        contestants = [(f"alpha={alpha:g}", cls, {"alpha": alpha}) for alpha in options.alpha]
    epochs = {} if options.epochs is None else {"max_iter": options.epochs}
    print("| data | components | model | explained variance | KS | told apart | draws | seconds |")
    print("| --- " * 8 + "|")
    for data in options.data:
        for n_components in options.components:
            for name, cls, settings in contestants:
                found = []
                for seed in range(options.seeds):
                    model = cls(n_components, random_state=seed, **settings, **epochs)
                    found.append(measure(model, seed, *parts(data, seed, options)))
                means, spreads = np.mean(found, axis=0), np.std(found, axis=0)
                cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(means, spreads, strict=True)][:-1]
                row = [data, str(n_components), name, *cells, f"{means[-1]:.1f}"]
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
