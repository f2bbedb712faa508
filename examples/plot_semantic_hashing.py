"""
Searching by a few bits
=======================

Similar digits by the Hamming distance of 32 bits, which take 4 bytes in place of 512; and the same
search in an index that is made for bits, where there is one.
"""

# %%
# Bits
# ----
# `transform` gives the bits, one in a byte, for scikit-learn; `pack` eight in a byte, for an index.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skae import SemanticHashing

X, y = load_digits(return_X_y=True)
X, X_query, y, y_query = train_test_split(X, y, test_size=100, random_state=0)
hashing = SemanticHashing(32, random_state=0).fit(X)
bits, bits_query = hashing.transform(X), hashing.transform(X_query)
print(f"a row takes {X[0].nbytes} bytes, its bits {hashing.pack(X[:1]).nbytes}")


def precision(rows):
    """The share of the rows found that are of the query's digit."""
    return np.mean(y[rows] == y_query[:, None])


# %%
# What is lost
# ------------
# Beside the nearest rows themselves, and the signs of as many principal components.
found = {}
exact = NearestNeighbors(n_neighbors=10).fit(X)
found["the rows"] = exact.kneighbors(X_query, return_distance=False)
by_bits = NearestNeighbors(n_neighbors=10, metric="hamming").fit(bits)
found["32 bits of SemanticHashing"] = by_bits.kneighbors(bits_query, return_distance=False)
pca = PCA(32).fit(X)
signs = NearestNeighbors(n_neighbors=10, metric="hamming").fit(pca.transform(X) > 0)
found["32 signs of PCA"] = signs.kneighbors(pca.transform(X_query) > 0, return_distance=False)
for name, rows in found.items():
    print(f"precision of the ten nearest by {name:27}: {precision(rows):.3f}")

# %%
# Many rows
# ---------
# The digits fifty times, each time with other noise. `NearestNeighbors` compares byte by byte; the
# binary index of faiss (``pip install faiss-cpu``) counts the bits of whole words.
rng = np.random.default_rng(0)
X_many = np.concatenate([X + rng.normal(0, 1, X.shape) for _ in range(50)])
packed, packed_query = hashing.pack(X_many), hashing.pack(X_query)
bits_many = hashing.transform(X_many)


def seconds(search):
    """How long a search takes."""
    start = time.perf_counter()
    search()
    return time.perf_counter() - start


index = NearestNeighbors(n_neighbors=10, metric="hamming", algorithm="brute").fit(bits_many)
print(f"{len(X_many)} rows, scikit-learn: {seconds(lambda: index.kneighbors(bits_query)):.3f} s")
try:
    import faiss
except ImportError:
    print("faiss is not installed: pip install faiss-cpu")
else:
    binary = faiss.IndexBinaryFlat(8 * packed.shape[1])
    binary.add(packed)
    print(f"{len(X_many)} rows, faiss: {seconds(lambda: binary.search(packed_query, 10)):.3f} s")
    distances, _ = binary.search(packed_query, 10)
    expected, _ = index.kneighbors(bits_query)
    print("the same distances:", np.array_equal(distances, np.rint(32 * expected)))

fig, ax = plt.subplots(figsize=(8, 4.5))
rows = [[X_query[i], np.zeros(64), *X[found["32 bits of SemanticHashing"][i]]] for i in range(6)]
ax.imshow(
    np.block([[np.pad(x.reshape(8, 8), 1) for x in row] for row in rows]), cmap="gray_r", vmax=16
)
ax.set_xticks([4.5, 64.5], ["query", "nearest by bits"])
ax.set_yticks([])
ax.tick_params(length=0)
fig.tight_layout()
