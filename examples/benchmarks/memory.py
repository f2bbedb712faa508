"""What a memory-mapped file larger than the memory allowed costs, in memory and in time.

python examples/benchmarks/memory.py              # a file of 1 GB in the temporary folder

The file is read from the disk, by a process whose private memory may only grow by so much; in its
turns a process without a limit does the same with the rows in memory. What has been read stays in
the disk cache while a verb runs, if the machine has room for it.
"""

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from skae import AutoencoderTransformer

N_FEATURES, BLOCK = 256, 10_000


def write(path, n_samples):
    """Rows near an 8-dimensional plane, written block by block."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(8, N_FEATURES))
    shape = (n_samples, N_FEATURES)
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, n_samples, BLOCK):
        block = mapped[start : start + BLOCK]
        block[:] = rng.normal(size=(len(block), 8)) @ plane
        block += 0.1 * rng.normal(size=block.shape)
    mapped.flush()


def megabytes(name):
    """A figure of this process as Linux reports it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"This kernel does not report {name}.")


def anonymous_megabytes():
    """Memory of this process that no file stands behind."""
    return megabytes("RssAnon")


class Peak:
    """The largest growth of anonymous memory inside a `with` block."""

    def __enter__(self):
        self.start, self.growth, self.running = anonymous_megabytes(), 0.0, True
        self.watcher = threading.Thread(target=self._watch)
        self.watcher.start()
        return self

    def _watch(self):
        while self.running:
            self.growth = max(self.growth, anonymous_megabytes() - self.start)
            time.sleep(0.01)

    def __exit__(self, *exc_info):
        self.running = False
        self.watcher.join()


def work(path, mapped, limit):
    """One child: fit, transform and score; prints seconds and megabytes."""
    estimator = AutoencoderTransformer(8, max_iter=1, batch_size=512, random_state=0)
    # The first fit of a process loads libraries, whatever the data.
    estimator.fit(np.random.default_rng(0).normal(size=(500, N_FEATURES)).astype(np.float32))
    if limit:
        # Private memory only: pages of the file may come and go. What the libraries have reserved
        # by now, gigabytes where torch comes with CUDA, does not count.
        limit += math.ceil(megabytes("VmData"))
        resource.setrlimit(resource.RLIMIT_DATA, (limit * 2**20,) * 2)
    X = np.load(path, mmap_mode="r" if mapped else None)
    for verb in ("fit", "transform", "score"):
        with open(path, "rb") as file:  # none of it is to be in the disk cache
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        with Peak() as peak:
            getattr(estimator, verb)(X)
        seconds = time.perf_counter() - start
        print(f"{verb} {seconds} {peak.growth} {peak.start + peak.growth}")


def run(path, *options):
    """Run a child; returns seconds, growth and peak for each verb."""
    command = [sys.executable, __file__, "--worker", path, *options]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {
        verb: np.array(values, dtype=float) for verb, *values in map(str.split, output.splitlines())
    }


def main(arguments=None):
    """Write the file, and use it from where it lies and in memory, in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of 1 kB each")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument(
        "--limit", type=int, default=400, help="MB that the process which maps the file may take"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--mapped", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        work(options.worker, options.mapped, options.limit if options.mapped else None)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        write(path, options.rows)
        print(f"file: {path.stat().st_size / 2**20:.0f} MB; limit: {options.limit} MB\n")
        limit = "--mapped", "--limit", str(options.limit)
        pairs = [(run(path, *limit), run(path)) for _ in range(options.pairs)]
    print("| one epoch of | seconds | in memory | ratio | growth, MB | peak of the process, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for verb in pairs[0][0]:
        mapped, held = (np.array([pair[side][verb] for pair in pairs]) for side in (0, 1))
        ratio = np.median(mapped[:, 0] / held[:, 0])
        print(
            f"| `{verb}` | {np.median(mapped[:, 0]):.1f} | {np.median(held[:, 0]):.1f} | "
            f"{ratio:.2f} | {mapped[:, 1].max():.0f} | {mapped[:, 2].max():.0f} |"
        )


if __name__ == "__main__":
    main()
