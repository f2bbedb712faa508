"""How much memory a fit on a memory-mapped file takes, beside the file itself.

python examples/benchmarks/memory.py              # a file of 1 GB in the temporary folder
"""

import argparse
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


def anonymous_megabytes():
    """Memory of this process that no file stands behind; Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("This kernel does not report RssAnon.")


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


def main(arguments=None):
    """Write the file, fit once on it and print the growth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of 1 kB each")
    options = parser.parse_args(arguments)
    estimator = AutoencoderTransformer(8, max_iter=1, batch_size=512, random_state=0)
    # The first fit of a process loads libraries, whatever the data.
    estimator.fit(np.random.default_rng(0).normal(size=(500, N_FEATURES)).astype(np.float32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        write(path, options.rows)
        X = np.load(path, mmap_mode="r")
        start = time.perf_counter()
        with Peak() as fit_peak:
            estimator.fit(X)
        seconds = time.perf_counter() - start
        with Peak() as transform_peak:
            codes = estimator.transform(X)
    print(f"file                       {X.nbytes / 2**20:8.0f} MB")
    print(f"fit, one epoch             {seconds:8.1f} s")
    print(f"growth in fit              {fit_peak.growth:8.0f} MB")
    print(
        f"growth in transform        {transform_peak.growth:8.0f} MB, of which the codes are "
        f"{codes.nbytes / 2**20:.0f} MB"
    )


if __name__ == "__main__":
    main()
