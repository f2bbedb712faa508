"""What is learned from rows that are sorted by class, in chunks, beside the same rows in memory.

python examples/benchmarks/chunks.py

Digits of twice the width, each often and with noise, lie in a zarr array of compressed chunks, all
zeros first and all nines last. Chunks are shuffled among each other, and then rows among those that
are read ahead; in memory all rows are shuffled. Explained variance is of digits that were held out.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae.metrics import explained_variance


def sorted_rows(images, labels, n_samples):
    """Noisy copies of images, sorted by label."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(images), size=n_samples)
    chosen = chosen[np.argsort(labels[chosen], kind="stable")]
    rows = images[chosen]
    rows += rng.normal(size=rows.shape).astype(np.float32)
    return rows


def main(arguments=None):
    """Print a row for each length of chunks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=140_000, help="of 1 kB each")
    parser.add_argument("--chunks", type=int, nargs="+", default=[100, 1000, 10_000, 40_000])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args(arguments)
    import zarr

    images, labels = load_digits(return_X_y=True)
    images = np.kron(images.reshape(-1, 8, 8), np.ones((2, 2))).reshape(len(images), -1)
    images = images.astype(np.float32)
    train, test, labels, _ = train_test_split(images, labels, test_size=0.3, random_state=0)
    X = sorted_rows(train, labels, options.rows)

    def learned(rows):
        settings = {"max_iter": options.epochs, "early_stopping": False}
        models = (
            AutoencoderTransformer(8, random_state=seed, **settings).fit(rows)
            for seed in range(options.seeds)
        )
        return np.array([explained_variance(model, test) for model in models])

    expected = learned(X)
    print("| the rows | explained variance | less than in memory |\n| --- | --- | --- |")
    print(f"| in memory, all shuffled | {expected.mean():.4f} | |", flush=True)
    for chunk in options.chunks:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"shape": X.shape, "dtype": X.dtype, "chunks": (chunk, X.shape[1])}
            rows = zarr.create_array(Path(folder) / "X.zarr", **settings)
            rows[:] = X
            found = learned(rows)
        less = " ".join(f"{value:.4f}" for value in expected - found)
        print(f"| in chunks of {chunk} | {found.mean():.4f} | {less} |", flush=True)


if __name__ == "__main__":
    main()
