"""Does the start at PCA help or harm a denoising autoencoder?

python examples/benchmarks/denoising_start.py

Mean squared error of denoised digits, pixels from 0 to 16, noise of standard deviation 4, on a
held-out quarter; a column for each seed.
"""

import argparse
import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import DenoisingAutoencoder

NOISE = 4


def error(n_components, init, seed, n_epochs):
    """The error of one model."""
    X_train, X_test = train_test_split(load_digits().data, random_state=seed)
    noisy = X_test + np.random.default_rng(seed).normal(0, NOISE, X_test.shape)
    settings = {"noise_level": NOISE, "init": init, "max_iter": n_epochs, "random_state": seed}
    model = DenoisingAutoencoder(n_components, **settings).fit(X_train)
    return ((model.denoise(noisy) - X_test) ** 2).mean()


def main(arguments=None):
    """Print a row for each width and start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--components", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--epochs", type=int, default=50)
    options = parser.parse_args(arguments)
    print("| components | `init` | mean | of each seed |\n| --- | --- | --- | --- |")
    for n_components in options.components:
        for init in ("random", "pca", "auto"):
            seeds = range(options.seeds)
            errors = [error(n_components, init, seed, options.epochs) for seed in seeds]
            each = ", ".join(f"{value:.2f}" for value in errors)
            print(f'| {n_components} | "{init}" | {np.mean(errors):.2f} | {each} |', flush=True)


if __name__ == "__main__":
    sys.exit(main())
