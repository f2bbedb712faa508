"""What a GPU must show: that fits, verbs and files are right there, and how long fits take.

python examples/benchmarks/gpu.py --mnist PATH           # all of it, at most eight minutes
python examples/benchmarks/gpu.py checks                 # a part: checks, rows, cpu-bf16
python examples/benchmarks/gpu.py --device cpu --quick   # the script itself, without a GPU

`checks` run what needs a GPU of the tests, and then each public class: a check that fails says so
and does not keep the others from running. `rows` time fits beside hand-written loops on rows that
lie on the GPU, `cpu-bf16` products in bf16 on one core. The sides take turns; ratios are medians
over the turns. Without a file of MNIST, enlarged digits of the same shape are learned.
"""

import argparse
import faulthandler
import functools
import os
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _contestants import (
    CONTESTANTS,
    LR,
    WIDE,
    Images,
    conv_networks,
    few_labels,
    mirrored,
    plain_skae,
    squared_error,
    train_by_hand,
)
from _gpu_checks import described, run_checks
from _mnist import load_mnist
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from torch import nn

import skae
from skae import AutoencoderTransformer, LadderClassifier
from skae.architectures import ConvNet

# How long fits take.


def take_turns(sides, n_turns, deadline):
    """Seconds of each side in each turn, as many turns as there is time for, one at least."""
    turns = []
    while not turns or (len(turns) < n_turns and time.monotonic() < deadline):
        turns.append([_seconds(side) for side in sides])
    return np.array(turns)


def _seconds(side):
    start = time.perf_counter()
    side()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


class Row:
    """Fits of `n_epochs` and of one, skae's and hand-written: functions of a number of epochs."""

    def __init__(self, work, wanted, n_epochs, **sides):
        self.work, self.wanted, self.n_epochs, self.sides = work, wanted, n_epochs, sides

    def print(self, n_turns, deadline):
        sides = {name: side for name, side in self.sides.items() if self._works(name, side)}
        if "skae" not in sides:
            return
        calls = [functools.partial(f, n) for f in sides.values() for n in (1, self.n_epochs)]
        seconds = take_turns(calls, n_turns, deadline)
        fits = dict(zip(sides, seconds[:, 1::2].T, strict=True))
        epochs = (seconds[:, 1::2] - seconds[:, ::2]) / (self.n_epochs - 1)
        epochs = dict(zip(sides, epochs.T, strict=True))
        for name in list(sides)[1:] or ["skae"]:
            figures = [np.median(epochs[side]) for side in ("skae", name)]
            ratios = [np.median(kind["skae"] / kind[name]) for kind in (epochs, fits)]
            cells = [*figures, ratios[0], np.median(fits["skae"]), ratios[1]]
            cells = " | ".join(f"{cell:.4f}" for cell in cells)
            print(
                f"| {self.work} | {name} | {self.wanted} | {cells} | {len(seconds)} |", flush=True
            )

    def _works(self, name, side):
        """Whether a first epoch, which loads what it needs, goes well."""
        try:
            side(1)
        except Exception as error:
            print(f"FAILED  {self.work}, {name}: {described(error)}", flush=True)
            return False
        return True


def mnist_row(images, device, batch_size, n_epochs, **settings):
    X = images()
    x = torch.from_numpy(X).to(device)

    def ours(n_epochs):
        AutoencoderTransformer(
            WIDE[-1],
            hidden_layer_sizes=WIDE[1:-1],
            init="random",
            device=device,
            **plain_skae(output_activation="identity", batch_size=batch_size, max_iter=n_epochs),
            **settings,
        ).fit(X)

    def loop(train, n_epochs):
        train(mirrored(WIDE, nn.ReLU).to(device), squared_error, x, batch_size, n_epochs)

    sides = {"skae": ours, "loop": functools.partial(loop, train_by_hand)}
    if x.is_cuda:
        sides["loop, CUDA graph"] = functools.partial(loop, train_by_graph)
    said = "".join(f", {value}" for value in settings.values())
    return Row(f"MNIST, batch {batch_size}{said}", 0.5, n_epochs, **sides)


def train_by_graph(model, loss_of, x, batch_size, n_epochs):
    """As `train_by_hand`, but a step is recorded once; a last, smaller batch is left out."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True, capturable=True)
    batch = x[:batch_size].clone()

    def step():
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        optimizer.step()

    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):  # what a first step allocates can not be recorded
            step()
    torch.cuda.current_stream().wait_stream(stream)
    with torch.cuda.graph(graph):
        step()
    for _ in range(n_epochs):
        for indices in torch.randperm(len(x), device=x.device).split(batch_size):
            if len(indices) == batch_size:
                torch.index_select(x, 0, indices, out=batch)
                graph.replay()


def ladder_row(images, device, n_epochs):
    X = images()
    y = few_labels(len(X))

    def ours(n_epochs):
        LadderClassifier(max_iter=n_epochs, device=device, random_state=0).fit(X, y)

    return Row("ladder", "", n_epochs, skae=ours)


def conv_row(images, device, n_epochs):
    X = images()[:16_384]
    x = torch.from_numpy(X).to(device)

    def ours(n_epochs):
        settings = {"output_activation": "identity", "batch_size": 128, "max_iter": n_epochs}
        architecture = ConvNet((28, 28))
        AutoencoderTransformer(
            WIDE[-1], architecture=architecture, device=device, **plain_skae(**settings)
        ).fit(X)

    def loop(memory_format, n_epochs):
        model = nn.Sequential(*conv_networks()).to(device, memory_format=memory_format)
        train_by_hand(model, squared_error, x, 128, n_epochs)

    return Row(
        f"ConvNet, {len(X)} images",
        "",
        n_epochs,
        skae=ours,
        loop=functools.partial(loop, torch.contiguous_format),
        **{"loop, channels last": functools.partial(loop, torch.channels_last)},
    )


def print_rows(images, options, deadline):
    """The table of fits."""
    n_epochs = 2 if options.quick else 5
    makers = [
        functools.partial(mnist_row, images, options.device, batch, n_epochs)
        for batch in (128, 1024)
    ]
    makers.append(functools.partial(ladder_row, images, options.device, 2))
    makers.append(functools.partial(conv_row, images, options.device, n_epochs))
    if "precision" in AutoencoderTransformer().get_params():
        makers += [functools.partial(maker, precision=options.precision) for maker in makers[:2]]
    print(
        f"{len(images())} rows; an epoch is a further one, without what a fit does before and "
        f"after; a fit has {n_epochs} epochs (the ladder's 2)\n"
    )
    print("| fit | against | wanted | epoch, s | its | ratio | fit, s | ratio | turns |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for i, maker in enumerate(makers):
        now = time.monotonic()
        if now > deadline:
            print("No time was left for the others.")
            break
        maker().print(options.pairs, now + (deadline - now) / (len(makers) - i))
    print()


def print_bf16(images, options, deadline):
    """What products in bf16 cost and save on one core of the processor."""
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    units = [name for name in ("amx_tile", "amx_bf16", "avx512_bf16") if name in flags]
    print(f"{torch.backends.cpu.get_cpu_capability()}, units for bf16: {units or 'none'}\n")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    names = ["precision_loop", "precision_medium"]
    if "precision" in AutoencoderTransformer().get_params():
        names.append("precision_skae")
    errors = {}

    def fit(name, prepared):
        errors[name] = prepared()

    try:
        sides = [functools.partial(fit, name, CONTESTANTS[name](images)) for name in names]
        seconds = take_turns(sides, options.pairs, deadline)
    finally:
        torch.set_num_threads(before)
    print(
        "| MNIST, batch 128, one core | seconds | ratio to the float32 loop | test error | turns |"
    )
    print("| --- | --- | --- | --- | --- |")
    for i, name in enumerate(names):
        ratio = np.median(seconds[:, i] / seconds[:, 0])
        print(
            f"| {name} | {np.median(seconds[:, i]):.2f} | {ratio:.3f} | {errors[name]():.5f} | "
            f"{len(seconds)} |"
        )


def like_mnist(n_rows=60_000):
    """Enlarged digits, each several times and with noise: rows to train on, and some to test on."""
    rng = np.random.default_rng(0)
    images, y = load_digits(return_X_y=True)
    images = np.kron(images.reshape(-1, 8, 8) / 16, np.ones((3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784).astype(np.float32)
    chosen = rng.integers(len(images), size=n_rows + 1000)
    X = images[chosen] * rng.uniform(0.5, 1, size=(len(chosen), 784)).astype(np.float32)
    return X[:n_rows], y[chosen[:n_rows]], X[n_rows:], y[chosen[n_rows:]]


PARTS = ("checks", "rows", "cpu-bf16")


def main(arguments=None):
    """Run the parts asked for, within the time given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"which: {', '.join(PARTS)}; default all")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="few rows, one turn")
    parser.add_argument("--minutes", type=float, default=8, help="for all parts together")
    parser.add_argument("--pairs", type=int, default=5, help="turns of a row, if there is time")
    parser.add_argument("--precision", default="bfloat16", help="the lower one, where it is known")
    parser.add_argument("--mnist", default=os.environ.get("SKAE_MNIST"), help="an .npz file")
    options = parser.parse_args(arguments)
    parts = options.parts or PARTS
    if set(parts) - set(PARTS):
        parser.error(f"unknown parts {sorted(set(parts) - set(PARTS))}")
    if options.device != "cpu" and {*parts} != {"cpu-bf16"} and not torch.cuda.is_available():
        parser.error("there is no GPU; --device cpu --quick runs the script itself")
    if options.quick:
        options.pairs = 1
    warnings.simplefilter("ignore", ConvergenceWarning)
    start = time.monotonic()
    # Nothing may hang for longer: say where, and end.
    faulthandler.dump_traceback_later(60 * options.minutes + 30, exit=True)

    known = options.mnist and Path(options.mnist).exists()
    load = functools.partial(load_mnist, options.mnist) if known else like_mnist
    images = Images(load, 500 if options.quick else None)
    place = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(
        f"{place}, torch {torch.__version__}, CUDA {torch.version.cuda}, {platform.machine()}, "
        f"{torch.get_num_threads()} threads, skae in {Path(skae.__file__).parent}\n",
        flush=True,
    )
    # The checks begin in the first half of the time; the last fifth is for the processor.
    n_failed, end = 0, start + 60 * options.minutes
    if "checks" in parts:
        n_failed = run_checks(options.device, options.precision, start + 30 * options.minutes)
    if "rows" in parts:
        print_rows(images, options, end - 12 * options.minutes * ("cpu-bf16" in parts))
    if "cpu-bf16" in parts:
        print_bf16(images, options, end)
    print(f"\n{time.monotonic() - start:.0f} s in all")
    return min(n_failed, 1)


if __name__ == "__main__":
    sys.exit(main())
