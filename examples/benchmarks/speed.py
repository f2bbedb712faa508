"""How long skae takes beside a hand-written torch loop and beside other libraries.

python examples/benchmarks/speed.py --mnist PATH                    # what this environment has
python examples/benchmarks/speed.py --peer keras=ENV/bin/python ... # and peers in their own
python examples/benchmarks/speed.py digits transform --pairs 9      # some
python examples/benchmarks/speed.py digits import --peer before=ENV/bin/python
                                    # and an earlier build of skae, which that environment has
python examples/benchmarks/speed.py tall --peer before=ENV/bin/python      # 10 minutes a pair

The two sides of a comparison take turns (A B A B ...), each from new weights and on data that lie
in memory; the table has the median of the pairs' ratios, of the processor time and of the wall time
of the process, and the mean over the pairs of how good each side's outcome is where it is judged.
Peers run in processes of their own, with the same turns, with this file. Without --peer, rows
against peers are left out: these are "keras", "pythae", "pyod", "jax" and "before".
"""

import argparse
import contextlib
import functools
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
from _contestants import CONTESTANTS, FEW_EPOCHS, R2_ERROR, TABLES, Images
from _mnist import add_argument, load_mnist


@dataclass(frozen=True)
class Comparison:
    """skae's side, the other side, and the ratio wanted.

    Parameters
    ----------
    work, ours, other : str
        What is done, and the contestants.
    wanted : float or "printed"
        The ratio of the times, at most.
    peer : str or None
        The environment of the other.
    judged : str
        What the contestants say of their outcomes.
    at_most : float
        What neither side may exceed in that.
    times : int
        What the other's time is multiplied with, where it does a part of the work.
    needs : str or None
        A parameter of `AutoencoderTransformer`, without which there is nothing to compare.
    """

    work: str
    ours: str
    other: str
    wanted: float | str
    peer: str | None = None
    judged: str = ""
    at_most: float = float("inf")
    times: int = 1
    needs: str | None = None


def against_before(work, contestant, wanted, judged=""):
    """A contestant beside itself in an earlier build."""
    return Comparison(work, contestant, contestant, wanted, "before", judged)


EXPLAINED, AREA, ERROR = "explained variance", "AUC of mixed rows", "test error"


COMPARISONS = {
    "digits": [
        Comparison("fit, digits", "digits_skae", "digits_loop", 1.05),
        Comparison("fit, digits", "digits_skae", "digits_skorch", 0.50),
        Comparison("fit, digits", "digits_skae", "digits_sklearn", 0.40),
        against_before("fit, digits", "digits_skae", 0.35),
        Comparison("fit, digits", "digits_skae", "digits_jax", 2.2, "jax"),
        Comparison("fit, digits", "digits_skae", "digits_compiling", "printed", "jax"),
    ],
    "mnist": [
        Comparison("fit, MNIST", "mnist_skae", "mnist_loop", 1.02),
        Comparison("fit, MNIST", "mnist_skae", "mnist_sklearn", 0.45),
        Comparison("fit, MNIST", "mnist_skae", "mnist_keras", 0.45, "keras"),
        Comparison("fit, MNIST", "mnist_skae", "mnist_pythae", 0.60, "pythae"),
        Comparison("fit, MNIST", "mnist_skae", "mnist_pyod", 0.35, "pyod"),
    ],
    "vae": [Comparison("fit, VAE, MNIST", "vae_skae", "vae_loop", 1.05)],
    "conv": [Comparison("fit, ConvNet, 4096 images", "conv_skae", "conv_loop", 1.03)],
    "transform": [Comparison("transform, MNIST", "transform_skae", "transform_module", 1.05)],
    "quality": [
        Comparison(
            f"time to test error {R2_ERROR}",
            "quality_skae",
            "quality_loop",
            0.25,
            judged=ERROR,
            at_most=R2_ERROR,
        ),
    ],
    "rows": [Comparison("fit, ten times the rows", "rows_ten", "rows_one", 10.5)],
    "search": [
        Comparison("grid search, 16 fits, n_jobs=2", "search_skae", "search_sklearn", 0.8),
    ],
    "default": [
        against_before(f"default fit, {table}", f"default_{table}", 0.5, EXPLAINED)
        for table in TABLES
    ],
    "models": [
        against_before(f"default {model}, {table}", f"{model}_{table}", 0.5, EXPLAINED)
        for model in ("vae", "denoising")
        for table in TABLES
    ],
    "detector": [
        *(
            against_before(f"default detector, {table}", f"detector_{table}", 0.5, AREA)
            for table in TABLES
        ),
        *(
            Comparison(
                f"default detector, {table}",
                f"detector_{table}",
                f"pyod_{table}",
                1.0,
                "pyod",
                AREA,
            )
            for table in ("digits", "breast_cancer")
        ),
    ],
    "tall": [
        against_before("default fit, 200 000 x 20", "tall_thousands", 0.15, EXPLAINED),
        Comparison(
            f"default fit, 1 000 000 x 20; theirs from {FEW_EPOCHS} epochs",
            "tall_million",
            "tall_tenth",
            0.15,
            "before",
            EXPLAINED,
            times=10,
        ),
    ],
    "million": [against_before("default fit, 1 000 000 x 20", "tall_million", 0.15, EXPLAINED)],
    "pixels": [against_before("default fit, MNIST, 16 components", "pixels_default", 0.6, ERROR)],
    "precision": [
        Comparison(
            "fit, MNIST, bfloat16",
            "precision_skae",
            "precision_loop",
            0.5,
            judged=ERROR,
            needs="precision",
        )
    ],
    "ladder": [against_before("ladder, one epoch of MNIST", "ladder_epoch", 0.5)],
}


class Here:
    """A contestant in this process."""

    def __init__(self, name, images):
        self.prepared, self.found = CONTESTANTS[name](images), []

    def run(self):
        """Processor seconds, children that were waited for included, and seconds."""
        cpu, wall = _cpu_seconds(), time.perf_counter()
        result = self.prepared()
        seconds = _cpu_seconds() - cpu, time.perf_counter() - wall
        if result is not None:
            self.found.append(result())
        return seconds

    def close(self):
        """There is nothing to end."""


def _cpu_seconds():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Elsewhere:
    """A contestant in a process of another environment, which waits for its turns."""

    def __init__(self, name, python, data):
        command, self.found = [python, __file__, "--worker", name, *data], []
        own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=own
        )
        self._ask("ready?", "ready")  # so that it prepares nothing while the other side runs

    def _ask(self, line, answer):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith(answer):
                return list(map(float, line.split()[1:]))
        raise RuntimeError(f"the process of {self.process.args} has ended")

    def run(self):
        """As in `Here`."""
        cpu, wall, *found = self._ask("go", "took")
        self.found += found
        return cpu, wall

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def work(name, images):
    """The other end of `Elsewhere`."""
    contestant = Here(name, images)
    for line in sys.stdin:
        if line.strip() == "ready?":
            print("ready", flush=True)
            continue
        with contextlib.redirect_stdout(sys.stderr):
            took = contestant.run()
        print("took", *took, *contestant.found[-1:], flush=True)


def compare(comparison, images, data, peers, n_pairs):
    """Median ratios of processor and wall time and the seconds of both sides; how good they are."""
    ours = Here(comparison.ours, images)
    if comparison.peer:
        other = Elsewhere(comparison.other, peers[comparison.peer], data)
    else:
        other = Here(comparison.other, images)
    times = np.array([(ours.run(), other.run()) for _ in range(n_pairs)])
    other.close()
    times[:, 1] *= comparison.times
    found = [np.mean(side.found) for side in (ours, other)] if comparison.judged else []
    if found and max(found) > comparison.at_most:
        raise RuntimeError(f"A side's {comparison.judged} is not what it is timed for: {found}")
    ratios = np.median(times[:, 0] / times[:, 1], axis=0)
    return [*ratios, *np.median(times[:, :, 1], axis=0)], found


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
            f"{other_seconds:.2f} | | |"
        )
    print(f"\nloaded by `import skae` alone and should not be: {loaded_by_import()}")


def chosen(names, peers):
    """The comparisons that can be made here; what has none with an earlier build may be as fast."""
    from skae import AutoencoderTransformer

    known = AutoencoderTransformer().get_params()
    asked = [c for name in names for c in COMPARISONS.get(name, ())]
    asked = [c for c in asked if c.needs is None or c.needs in known]
    earlier = {c.ours: against_before(c.work, c.ours, 1.02) for c in asked if c.needs is None}
    for comparison in asked:
        if comparison.peer == "before":
            earlier.pop(comparison.ours, None)
    return [c for c in (*asked, *earlier.values()) if c.peer is None or c.peer in peers]


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

    images = Images(functools.partial(load_mnist, options.mnist), options.rows)
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
    print("| work | against | wanted | processor | wall | seconds | its seconds | quality | its |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    CONTESTANTS["digits_loop"](images)  # loads what the first optimizer of a process loads
    given = {"--mnist": options.mnist, "--rows": options.rows}
    data = [str(part) for pair in given.items() if pair[1] is not None for part in pair]
    for comparison in chosen(names, peers):
        figures, found = compare(comparison, images, data, peers, options.pairs)
        formats = ".3f", ".3f", ".2f", ".2f"
        cells = [format(*cell) for cell in zip(figures, formats, strict=True)]
        judged = f"{comparison.judged} {found[0]:.5f} | {found[1]:.5f}" if found else " | "
        print(
            f"| {comparison.work} | {comparison.peer or comparison.other.split('_')[1]} | "
            f"{comparison.wanted} | {' | '.join(cells)} | {judged} |",
            flush=True,
        )
    if "import" in names:
        print_import(options.pairs, peers.get("before"))
    return None


if __name__ == "__main__":
    sys.exit(main())
