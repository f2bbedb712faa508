"""
A grid search on a cluster
==========================

scikit-learn asks joblib to run the fits of a search, and joblib can ask a Dask cluster: the search
stays as it is, and so do its scores.
"""

# %%
# The search
# ----------
# An autoencoder and the classifier behind it, in one pipeline; its settings are searched together.
# The rival is PCA, in a search of the same form.
import time

import joblib
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
WIDTHS, LAYERS = [2, 4, 8], [(64,), (128, 64)]


def make_search(reduce, grid):
    """A search over pipelines with this first step."""
    classifier = LogisticRegression(max_iter=1000)
    steps = [("reduce", reduce), ("scale", StandardScaler()), ("classify", classifier)]
    grid = {f"reduce__{name}": values for name, values in grid.items()}
    return GridSearchCV(
        Pipeline(steps), {"reduce__n_components": WIDTHS, **grid}, cv=2, refit=False
    )


autoencoder = AutoencoderTransformer(init="pca", max_iter=6, random_state=0)
search = make_search(autoencoder, {"hidden_layer_sizes": LAYERS})


def run(where, search, **config):
    """Fit the search under a joblib backend; say how long it took."""
    start = time.perf_counter()
    with joblib.parallel_config(**config):
        search.fit(X, y)
    print(f"{where:40} {time.perf_counter() - start:6.1f} s, best score {search.best_score_:.4f}")
    return search.cv_results_["mean_test_score"]


# %%
# One process, then a cluster
# ---------------------------
# A cluster of two worker processes on this machine stands for a real one: with the address of that,
# ``Client("tcp://...")``, nothing else changes. Its workers need skae installed, and one thread
# each: let fits run beside each other, not the parts of one. Without Dask, joblib's own processes
# do the same on one machine.
here = run("one process", search, backend="sequential")
try:
    from distributed import Client
    from distributed.deploy.subprocess import SubprocessCluster
except ImportError:
    print("dask.distributed is not installed: processes of joblib take its place.")
    there = run("two processes of joblib", search, backend="loky", n_jobs=2)
else:
    cluster = SubprocessCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster):
        there = run("two workers of Dask", search, backend="dask")
print(f"largest difference of a score: {abs(here - there).max():.4f}")

# %%
# The scores are the same, since each fit has its own `random_state`. The time is not to be judged
# here: workers first import torch, which takes longer than some of these fits. A cluster pays where
# fits take minutes, or where there are many; on one machine joblib's own processes do as well.
#
# What the search found
# ---------------------
# With two or four components the autoencoder's codes serve the classifier better than PCA's by some
# hundredths. With eight, after so short a training, hardly; PCA takes a small part of the time.
by_pca = make_search(PCA(random_state=0), {})
of_pca = run("PCA, one process", by_pca, backend="sequential")

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for layers, scores in zip(LAYERS, here.reshape(len(LAYERS), -1), strict=True):
    ax.plot(WIDTHS, scores, marker="o", label=f"autoencoder, hidden layers {layers}")
ax.plot(WIDTHS, of_pca, marker="o", color="0.5", label="PCA")
ax.set(xlabel="components", ylabel="accuracy in cross-validation", xticks=WIDTHS)
ax.legend()
