"""
Counts, as of genes in single cells
===================================

Counts that vary more than their mean, in rows of very different totals: a likelihood of counts in
place of a logarithm and PCA.
"""

# %%
# Simulated cells
# ---------------
# These cells are made up, so that their types are known. Each type has a profile over 200 genes,
# most of it shared with the others. Cells differ up to fiftyfold in how much of them was counted;
# counts are negative binomial around what is expected, and a tenth of them was lost.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score

from skae import VAETransformer
from skae.plotting import LatentSpaceDisplay

N_TYPES, N_GENES = 6, 200
rng = np.random.default_rng(0)
profiles = np.exp(rng.normal(0, 1.2, N_GENES) + rng.normal(0, 0.7, (N_TYPES, N_GENES)))
profiles /= profiles.sum(axis=1, keepdims=True)


def simulate(n_cells):
    """Counts (n_cells, n_genes), and types."""
    types = rng.choice(N_TYPES, n_cells, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    depth = np.exp(rng.uniform(np.log(20), np.log(1000), (n_cells, 1)))
    counts = rng.poisson(rng.gamma(2.0, depth * profiles[types] / 2.0))
    return np.where(rng.uniform(size=counts.shape) < 0.1, 0, counts), types


counts, cell_type = simulate(1500)
totals = counts.sum(axis=1, keepdims=True)
print(f"{(counts == 0).mean():.0%} zeros; totals of the middle nine tenths of the cells: ", end="")
print(np.percentile(totals, [5, 95]).astype(int))

# %%
# Clusters of codes
# -----------------
# How well do clusters of the codes agree with the types (adjusted Rand index; 1 is perfectly)? The
# total of a cell is most of what counts tell, and nobody wants clusters of totals. The usual way is
# to divide by it before the logarithm. A likelihood of counts needs the counts as they are: there
# the total is told to the decoder, so that the code need not tell it (`exposure`). Without that a
# linear regression of the code on its logarithm takes it out; that is tried on all.
normalized = np.log1p(counts / totals * np.median(totals))
settings = {"max_iter": 25, "random_state": 0}
models = {
    "PCA, log1p": (PCA(8, random_state=0), np.log1p(counts)),
    "PCA, normalized, log1p": (PCA(8, random_state=0), normalized),
    "VAE, exposure=None": (
        VAETransformer(8, likelihood="negative_binomial", exposure=None, **settings),
        counts,
    ),
    "VAE, poisson": (VAETransformer(8, likelihood="poisson", **settings), counts),
    "VAE, negative_binomial": (
        VAETransformer(8, likelihood="negative_binomial", **settings),
        counts,
    ),
}


def agreement(codes):
    """Adjusted Rand index, mean of three starts."""
    found = [KMeans(N_TYPES, n_init=10, random_state=i).fit_predict(codes) for i in range(3)]
    return np.mean([adjusted_rand_score(cell_type, labels) for labels in found])


print(f"{'':24}{'the codes':>12}{'without the total':>20}")
rest = {}
for name, (model, X) in models.items():
    codes = model.fit_transform(X)
    rest[name] = codes - LinearRegression().fit(np.log(totals), codes).predict(np.log(totals))
    print(f"{name:24}{agreement(codes):12.2f}{agreement(rest[name]):20.2f}")

# %%
# Without an exposure the code of counts is mostly the total. With it the codes of the negative
# binomial agree better with the types than PCA of normalized counts, which is quicker; neither
# needs the second step. A logarithm without normalization is not enough.
#
# Which likelihood?
# -----------------
# What a likelihood adds is that models of the same counts can be compared, on further cells. It
# says, without the types, that counts vary more than a Poisson distribution allows.
new = simulate(500)[0]
for name in ("VAE, poisson", "VAE, negative_binomial"):
    print(f"{name:24} log-likelihood of further cells {models[name][0].score(new):8.1f} nats")

# %%
# Each colour is a type, of which the clusters knew nothing.
fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for ax, name in zip(axes, ("PCA, normalized, log1p", "VAE, negative_binomial"), strict=True):
    plane = TSNE(random_state=0).fit_transform(rest[name][:700])
    LatentSpaceDisplay(codes=plane, y=cell_type[:700]).plot(ax=ax, s=8)
    ax.set(title=name, xticks=[], yticks=[])
