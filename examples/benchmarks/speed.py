"""How long skae takes beside a hand-written torch loop and beside other libraries.

python examples/benchmarks/speed.py --mnist PATH                    # what this environment has
python examples/benchmarks/speed.py --peer keras=ENV/bin/python ... # and peers in their own
python examples/benchmarks/speed.py digits transform --pairs 9      # some
python examples/benchmarks/speed.py digits import --peer before=ENV/bin/python
                                    # and an earlier build of skae, which that environment has

The two sides of a comparison take turns (A B A B ...), each from new weights and on data that lie
in memory; the table has the median of the pairs' ratios, of the processor time and of the wall time
of the process. Peers run in processes of their own, with the same turns, with this file.
"""

import argparse
import contextlib
import functools
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import numpy as np
from _contestants import CONTESTANTS, R2_ERROR
from _mnist import add_argument, load_mnist


@dataclass(frozen=True)
class Comparison:
    """skae's side, the other side, and the ratio wanted."""

    work: str
    ours: str
    other: str
    wanted: float
    peer: str | None = None


COMPARISONS = {
    "digits": [
        Comparison("fit, digits", "digits_skae", "digits_loop", 1.05),
        Comparison("fit, digits", "digits_skae", "digits_skorch", 0.50),
        Comparison("fit, digits", "digits_skae", "digits_sklearn", 1.00),
    ],
    "mnist": [
        Comparison("fit, MNIST", "mnist_skae", "mnist_loop", 1.03),
        Comparison("fit, MNIST", "mnist_skae", "mnist_sklearn", 0.45),
        Comparison("fit, MNIST", "mnist_skae", "mnist_keras", 0.45, "keras"),
        Comparison("fit, MNIST", "mnist_skae", "mnist_pythae", 0.60, "pythae"),
        Comparison("fit, MNIST", "mnist_skae", "mnist_pyod", 0.35, "pyod"),
    ],
    "vae": [Comparison("fit, VAE, MNIST", "vae_skae", "vae_loop", 1.05)],
    "conv": [Comparison("fit, ConvNet, 4096 images", "conv_skae", "conv_loop", 1.03)],
    "transform": [Comparison("transform, MNIST", "transform_skae", "transform_module", 1.05)],
    "quality": [
        Comparison("time to test error 0.0194", "quality_skae", "quality_loop", 0.25),
    ],
    "rows": [Comparison("fit, ten times the rows", "rows_ten", "rows_one", 10.5)],
    "search": [
        Comparison("grid search, 16 fits, n_jobs=2", "search_skae", "search_sklearn", 1.5),
    ],
}


class Here:
    """A contestant in this process."""

    def __init__(self, name, images):
        self.prepared, self.error = CONTESTANTS[name](images), None

    def run(self):
        """Processor seconds, children that were waited for included, and seconds."""
        cpu, wall = _cpu_seconds(), time.perf_counter()
        result = self.prepared()
        seconds = _cpu_seconds() - cpu, time.perf_counter() - wall
        if result is not None:
            self.error = result()
        return seconds


def _cpu_seconds():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Elsewhere:
    """A contestant in a process of another environment, which waits for its turns."""

    def __init__(self, name, python, data):
        command = [python, __file__, "--worker", name, "--mnist", data]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self):
        """As in `Here`."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("took "):
                return tuple(map(float, line.split()[1:]))
        raise RuntimeError(f"the process of {self.process.args} has ended")


def work(name, images):
    """The other end of `Elsewhere`."""
    contestant = Here(name, images)
    for _ in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            took = contestant.run()
        print("took", *took, flush=True)


def compare(comparison, images, data, peers, n_pairs):
    """Median ratios of processor and wall time, and the seconds of both sides."""
    ours = Here(comparison.ours, images)
    if comparison.peer:
        other = Elsewhere(comparison.other, peers[comparison.peer], data)
    else:
        other = Here(comparison.other, images)
    times = np.array([(ours.run(), other.run()) for _ in range(n_pairs)])
    if ours.error is not None:
        print(f"test errors: {ours.error:.4f} and {other.error:.4f}", file=sys.stderr)
        if max(ours.error, other.error) > R2_ERROR:
            raise RuntimeError("A side has not reached the error that it is timed for.")
    ratios = np.median(times[:, 0] / times[:, 1], axis=0)
    return *ratios, *np.median(times[:, :, 1], axis=0)


def process_times(n_pairs, *commands):
    """Median ratio of the wall time of two commands, and the seconds of both."""
    times = []
    for _ in range(n_pairs):
        pair = []
        for command in commands:
            start = time.perf_counter()
            subprocess.run(command, check=True)
            pair.append(time.perf_counter() - start)
        times.append(pair)
    times = np.array(times)
    return np.median(times[:, 0] / times[:, 1]), *np.median(times, axis=0)


def loaded_by_import():
    """What `import skae` loads, and should not."""
    costly = ["matplotlib", "pandas", "torch._dynamo"]
    code = (
        "import sys, torch, sklearn; before = set(sys.modules); import skae; "
        f"print([name for name in {costly} if name in set(sys.modules) - before])"
    )
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def print_import(n_pairs, before):
    """The rows of `import skae`, beside what it needs and beside an earlier build."""
    ours = [sys.executable, "-P", "-c", "import skae"]
    others = {"torch, sklearn": ([sys.executable, "-P", "-c", "import torch, sklearn"], 1.1)}
    if before is not None:
        others["before"] = [before, "-P", "-c", "import skae"], 1.02
    for name, (other, wanted) in others.items():
        wall, seconds, other_seconds = process_times(n_pairs, ours, other)
        print(
            f"| `import skae` | {name} | {wanted} | | {wall:.3f} | {seconds:.2f} | "
            f"{other_seconds:.2f} |"
        )
    print(f"\nloaded by `import skae` alone and should not be: {loaded_by_import()}")


def main(arguments=None):
    """Run the comparisons asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(COMPARISONS)}, import")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--rows", type=int, help="at most so many rows of MNIST")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    add_argument(parser)
    options = parser.parse_args(arguments)

    @functools.cache
    def images(part=0):
        return load_mnist(options.mnist)[part][: options.rows]

    if options.worker:
        return work(options.worker, images)
    unknown = set(options.names) - {*COMPARISONS, "import"}
    if unknown:
        parser.error(f"unknown comparisons {sorted(unknown)}")
    peers = dict(peer.split("=", 1) for peer in options.peer)
    names = options.names or [*COMPARISONS, "import"]

    import torch

    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}, "
        f"{options.pairs} pairs\n"
    )
    print("| work | against | wanted | processor | wall | seconds | its seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    CONTESTANTS["digits_loop"](images)  # loads what the first optimizer of a process loads
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "mnist.npz")
        if peers:
            pixels = (images() * 255).round().astype(np.uint8)
            y = np.zeros(len(pixels))
            np.savez(data, X_train=pixels, y_train=y, X_test=pixels[:1], y_test=y[:1])
        chosen = [c for name in names if name in COMPARISONS for c in COMPARISONS[name]]
        earlier = {c.ours: Comparison(c.work, c.ours, c.ours, 1.02, "before") for c in chosen}
        for comparison in [*chosen, *earlier.values()]:
            if comparison.peer and comparison.peer not in peers:
                continue
            cpu, wall, seconds, others = compare(comparison, images, data, peers, options.pairs)
            print(
                f"| {comparison.work} | {comparison.peer or comparison.other.split('_')[1]} | "
                f"{comparison.wanted} | "
                f"{cpu:.3f} | {wall:.3f} | {seconds:.2f} | {others:.2f} |",
                flush=True,
            )
    if "import" in names:
        print_import(options.pairs, peers.get("before"))
    return None


if __name__ == "__main__":
    sys.exit(main())
