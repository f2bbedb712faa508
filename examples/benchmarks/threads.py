"""What the number of threads costs and brings, on busy machines and on quiet ones.

python examples/benchmarks/threads.py            # the fits; three minutes on a quiet machine
python examples/benchmarks/threads.py --steps    # where a second thread begins to pay

Of each fit the side with torch's number of threads, or 16, and the side with one take turns; the
table has the median of the pairs' ratios. Beside "busy" fits run as many processes that do nothing
but use a core as there are cores. `--steps` trains plain torch modules with one thread and two; run
it where nothing else runs.
"""

import argparse
import contextlib
import itertools
import os
import platform
import subprocess
import sys
import time

import joblib
import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from torch import nn

from skae import AutoencoderTransformer

N_CORES = joblib.cpu_count()
SMALL = load_iris, load_wine, load_breast_cancer, load_digits
# Widths of an encoder, and rows of a batch.
STEPS = [
    ((64, 32, 8), 32),
    ((64, 256, 128, 16), 64),
    ((784, 256, 128, 16), 64),
    ((784, 256, 128, 16), 128),
    ((784, 512, 128, 10), 128),
    ((784, 512, 128, 10), 512),
    ((784, 1000, 500, 250), 128),
    ((784, 1000, 500, 250), 512),
    ((2000, 1000, 500, 100), 512),
]


@contextlib.contextmanager
def busy(n_processes):
    """Processes that use a core each."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(n_processes)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def seconds(function, n_threads):
    """Processor and wall time of a call with so many threads."""
    torch.set_num_threads(n_threads)
    before, start = os.times(), time.perf_counter()
    function()
    after, wall = os.times(), time.perf_counter() - start
    return after.user + after.system - before.user - before.system, wall


def compare(function, n_threads, n_pairs):
    """Median ratios of processor and wall time to those of one thread, and seconds of both."""
    function()
    pairs = [[seconds(function, n) for n in (n_threads, 1)] for _ in range(n_pairs)]
    times = np.array(pairs)
    return *np.median(times[:, 0] / times[:, 1], axis=0), *np.median(times[:, :, 1], axis=0)


def fits(epochs):
    """The rows: what is fitted, threads, busy processes, and the ratios wanted."""

    def fit(loaders):
        tables = [load().data for load in loaders]
        return lambda: [
            AutoencoderTransformer(max_iter=epochs, random_state=0).fit(X) for X in tables
        ]

    digits, small = fit([load_digits]), fit(SMALL)
    return [
        ("digits, busy", digits, N_CORES, N_CORES, "", "1.2"),
        ("digits, 16 threads", digits, 16, 0, "", "1.2"),
        ("four small tables", small, max(2, N_CORES), 0, "1.1", ""),
    ]


def a_step(widths, n_rows):
    """A training step of a hand-written autoencoder, and its multiplications in one pass."""
    sizes = [*widths, *widths[-2::-1]]
    layers = [
        layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.SiLU())
    ]
    module, x = nn.Sequential(*layers[:-1]), torch.randn(n_rows, widths[0])
    optimizer = torch.optim.Adam(module.parameters(), fused=True)

    def step():
        optimizer.zero_grad()
        (module(x) - x).square().mean().backward()
        optimizer.step()

    return step, n_rows * sum(parameter.numel() for parameter in module.parameters())


def print_steps(n_pairs):
    """The time of a step with two threads, by its size."""
    print("| widths | rows | million multiplications | processor | wall | microseconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for widths, n_rows in STEPS:
        step, work = a_step(widths, n_rows)
        n_steps = max(3, int(2e9 / work))
        processor, wall, _, one = compare(
            lambda s=step, n=n_steps: [s() for _ in range(n)], 2, n_pairs
        )
        print(
            f"| {'-'.join(map(str, widths))} | {n_rows} | {work / 1e6:.1f} | {processor:.2f} | "
            f"{wall:.2f} | {1e6 * one / n_steps:.0f} |",
            flush=True,
        )


def print_fits(n_pairs, epochs):
    """The time of fits with several threads, beside one."""
    print("| fit | wanted, processor | wanted, wall | processor | wall | seconds | with one |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, fit, n_threads, n_busy, *wanted in fits(epochs):
        with busy(n_busy):
            processor, wall, several, one = compare(fit, n_threads, n_pairs)
        print(
            f"| {name} | {wanted[0]} | {wanted[1]} | {processor:.2f} | {wall:.2f} | {several:.2f} "
            f"| {one:.2f} |",
            flush=True,
        )


def main(arguments=None):
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--steps", action="store_true")
    options = parser.parse_args(arguments)
    print(f"torch {torch.__version__}, {platform.machine()}, {N_CORES} cores\n")
    if options.steps:
        print_steps(options.pairs)
    else:
        print_fits(options.pairs, options.epochs)


if __name__ == "__main__":
    sys.exit(main())
