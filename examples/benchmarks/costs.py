"""What a default fit costs by rows and columns, on one core, beside PCA.

python examples/benchmarks/costs.py                      # about ten minutes
python examples/benchmarks/costs.py --rows 200 2000      # some

Rows are curved functions of five hidden numbers, with noise. Of the default autoencoder and of PCA,
both with five components: seconds of the processor, and the explained variance of rows held out.
"""

import argparse
import sys
import time

import torch
from _contestants import made_rows
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.metrics import explained_variance

N_TEST, N_HIDDEN = 2000, 5


def cost(model, X, X_test):
    """Seconds of the processor, and the explained variance of other rows."""
    start = time.process_time()
    model.fit(X)
    return time.process_time() - start, explained_variance(model, X_test)


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[200, 2000, 20_000, 200_000])
    parser.add_argument("--columns", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--values", type=int, default=2 * 10**7, help="of a table, at most")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    AutoencoderTransformer(2, max_iter=1).fit(made_rows(50, 4, N_TEST)[0])  # loads libraries
    print("| rows | columns | PCA, seconds | skae, seconds | PCA explains | skae explains |")
    print("| --- " * 6 + "|")
    for n_rows in options.rows:
        for n_columns in options.columns:
            if n_rows * n_columns > options.values:
                continue
            tables = made_rows(n_rows, n_columns, N_TEST)
            linear = cost(PCA(N_HIDDEN, random_state=0), *tables)
            ours = cost(AutoencoderTransformer(N_HIDDEN, random_state=0), *tables)
            print(
                f"| {n_rows} | {n_columns} | {linear[0]:.3f} | {ours[0]:.1f} | "
                f"{linear[1]:.3f} | {ours[1]:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
