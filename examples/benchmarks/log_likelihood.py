"""Log-likelihood of dynamically binarised MNIST under a variational autoencoder.

python examples/benchmarks/log_likelihood.py                       # VAE
python examples/benchmarks/log_likelihood.py --draws 50            # IWAE

The network of Burda, Grosse and Salakhutdinov 2016: one stochastic layer of 50, two hidden layers
of 200, tanh. Each epoch draws every pixel anew from its grey value (dynamic binarisation), the test
rows once. The figure is minus the log-likelihood of test rows in nats, by importance sampling.
"""

import argparse
import platform
import sys
import time

import numpy as np
import torch
from _mnist import add_argument, load_mnist
from _settings import setting

from skae import VAETransformer
from skae.metrics import log_likelihood


def make(draws, seed, **settings):
    """The model; its learning rate is set epoch by epoch."""
    paper = {"hidden_layer_sizes": (200, 200), "activation": "tanh", "likelihood": "bernoulli"}
    paper["kl_warmup"] = 0
    ours = {"batch_size": 100, "n_importance_samples": draws, "random_state": seed}
    return VAETransformer(50, **{**paper, **ours, **settings})


def main(arguments=None):
    """Train, and print the figure every few epochs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1, help="n_importance_samples of training")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--rate", type=float, default=0.001, help="falls to a tenth")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, help="training rows, at most")
    parser.add_argument("--test-rows", type=int, default=500)
    parser.add_argument("--test-draws", type=int, default=5000)
    parser.add_argument("--every", type=int, default=20, help="epochs between two figures")
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    add_argument(parser)
    options = parser.parse_args(arguments)
    X, _, X_test, _ = load_mnist(options.mnist)
    X, rng = X[: options.rows], np.random.default_rng(options.seed)
    X_test = X_test[rng.permutation(len(X_test))[: options.test_rows]]
    X_test = rng.binomial(1, X_test).astype(np.float32)
    model = make(options.draws, options.seed, **dict(options.set))
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    print(f"| epoch | training bound | -log p(x), {options.test_draws} draws | seconds |")
    print("| --- " * 4 + "|")
    seconds = 0.0
    for epoch in range(1, options.epochs + 1):
        start = time.perf_counter()
        model.set_params(learning_rate_init=options.rate * 0.1 ** ((epoch - 1) / options.epochs))
        model.partial_fit((rng.random(X.shape, dtype=np.float32) < X).astype(np.uint8))
        seconds += time.perf_counter() - start
        if epoch % options.every == 0 or epoch == options.epochs:
            nll = -log_likelihood(model, X_test, n_samples=options.test_draws)
            bound = model.net_.history[-1, "train_loss"]
            print(f"| {epoch} | {bound:.2f} | {nll:.2f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
