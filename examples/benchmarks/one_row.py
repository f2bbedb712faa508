"""How long a service waits for one row, beside PCA and the bare module.

python examples/benchmarks/one_row.py

One row of the digits at a time, 64 columns, one thread. The contestants take turns, call by call;
the table has the median of the calls. `--threads 0` leaves the number of threads to torch.
"""

import argparse
import platform
import sys
import time

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, VAETransformer

N_COMPONENTS = 8


def contestants(epochs):
    """What is called, its row of the table, and the microseconds wanted."""
    X = load_digits().data
    row, settings = X[:1], {"max_iter": epochs, "random_state": 0}
    plain = AutoencoderTransformer(N_COMPONENTS, **settings).fit(X)
    variational = VAETransformer(N_COMPONENTS, **settings).fit(X)
    detector = AutoencoderOutlierDetector(VAETransformer(16, **settings), novelty=False).fit(X)
    pca, module, x = PCA(N_COMPONENTS).fit(X), plain.module_, torch.from_numpy(row).float()

    def bare():
        with torch.inference_mode():
            module.encode(x)

    return [
        ("PCA.transform", lambda: pca.transform(row), None),
        ("bare module", bare, None),
        ("transform", lambda: plain.transform(row), 150),
        ("score_samples, autoencoder", lambda: plain.score_samples(row), 300),
        ("score_samples, VAE", lambda: variational.score_samples(row), 1500),
        ("score_samples, detector", lambda: detector.score_samples(row), 1500),
    ]


def main(arguments=None):
    """Call them and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    chosen = contestants(options.epochs)
    times = np.empty((options.calls, len(chosen)))
    for turn in times:
        for i, (_, call, _) in enumerate(chosen):
            start = time.perf_counter()
            call()
            turn[i] = time.perf_counter() - start
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    print("| one row | wanted | microseconds | times PCA |\n| --- | --- | --- | --- |")
    medians = np.median(times, axis=0)
    ratios = np.median(times / times[:, :1], axis=0)
    for (name, _, wanted), median, ratio in zip(chosen, medians, ratios, strict=True):
        print(f"| {name} | {wanted or ''} | {1e6 * median:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
