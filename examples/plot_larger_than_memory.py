"""
Data larger than the memory
===========================

`fit` and `transform` on a file that is never held in memory, and `partial_fit` on blocks that come
one by one; both beside `IncrementalPCA`, with the memory that each takes.
"""

# %%
# A file
# ------
# Generated rows of a curved surface with eight dimensions, written block by block. The file is
# small, for the gallery.
import tempfile
import threading
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import IncrementalPCA
from sklearn.utils import gen_batches

from skae import AutoencoderTransformer
from skae.metrics import explained_variance

N_ROWS, N_FEATURES, BLOCK = 300_000, 128, 10_000
rng = np.random.default_rng(0)
inner, outer = rng.normal(size=(8, 64)), rng.normal(size=(64, N_FEATURES)) / 8


def make_rows(n_rows):
    """Rows of the surface, with a little noise."""
    rows = np.sin(rng.normal(size=(n_rows, 8)) @ inner / 2) @ outer
    return (rows + 0.05 * rng.normal(size=rows.shape)).astype(np.float32)


folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "rows.npy"
written = np.lib.format.open_memmap(path, "w+", np.float32, (N_ROWS, N_FEATURES))
for block in gen_batches(N_ROWS, BLOCK):
    written[block] = make_rows(block.stop - block.start)
del written
X, X_test = np.load(path, mmap_mode="r"), make_rows(5000)
print(f"the file has {path.stat().st_size / 2**20:.0f} MB")


# %%
# The measure is the memory of this process that no file stands behind, as Linux reports it: pages
# of the file may come and go. A thread looks at it a hundred times a second.
def own_megabytes():
    """Memory that can not be read from a file again; NaN where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return np.nan
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def measure(work):
    """Seconds that a function takes, and by how much memory grows at most."""
    start, before, seen, done = time.perf_counter(), own_megabytes(), [], threading.Event()

    def watch():
        while not done.wait(0.01):
            seen.append(own_megabytes() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return time.perf_counter() - start, max(seen, default=0.0)


def fit_blocks(model):
    """One pass, block by block, as if each came from somewhere else."""
    for block in gen_batches(N_ROWS, BLOCK):
        model.partial_fit(X[block])


def transform_blocks(model):
    """Codes, written to a file of their own."""
    codes = np.lib.format.open_memmap(path.with_name("codes.npy"), "w+", np.float32, (N_ROWS, 8))
    for block in gen_batches(N_ROWS, BLOCK):
        codes[block] = model.transform(X[block])


# %%
# Three ways to fit
# -----------------
settings = {"batch_size": 512, "random_state": 0}
ways = {
    "IncrementalPCA, partial_fit": (IncrementalPCA(8), fit_blocks),
    "autoencoder, partial_fit": (AutoencoderTransformer(8, **settings), fit_blocks),
    "autoencoder, fit, 3 epochs": (
        AutoencoderTransformer(8, max_iter=3, **settings),
        lambda model: model.fit(X),
    ),
}
AutoencoderTransformer(8, max_iter=1).fit(X_test[:500])  # the first fit loads libraries
results = {}
print(f"{'':30} {'seconds':>8} {'MB':>6} {'of transform':>13} {'explained variance':>19}")
for name, (model, fit) in ways.items():
    seconds, growth = measure(lambda model=model, fit=fit: fit(model))
    _, growth_of_transform = measure(lambda model=model: transform_blocks(model))
    results[name] = growth, explained_variance(model, X_test)
    figures = f"{seconds:8.1f} {growth:6.0f} {growth_of_transform:13.0f} {results[name][1]:19.3f}"
    print(f"{name:30} {figures}")
folder.cleanup()

# %%
# None holds the file: they hold blocks, batches and weights. `IncrementalPCA` takes least
# and is quickest; the surface is curved, so the autoencoder explains more with as many components.
# `fit` reads rows in random order, more than once; `partial_fit` is given each row once, and keeps
# a sample to rehearse. (`fit` does load files of less than 128 MB, which is faster.)
fig, axes = plt.subplots(1, 2, figsize=(10, 2.6), layout="constrained", sharey=True)
labels = "memory (MB)", "explained variance of new rows"
for ax, values, label in zip(axes, zip(*results.values(), strict=True), labels, strict=True):
    ax.bar_label(ax.barh(list(results), values, color="tab:blue"), fmt="{:.3g}", padding=3)
    ax.set(xlabel=label, xlim=(0, 1.15 * max(values)))
