"""scanpy: counts of single cells in a file, codes, neighbours, clusters."""

import tempfile
from pathlib import Path

import numpy as np
import scanpy as sc
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from skae import VAETransformer

# 700 cells that come with scanpy, as logarithms; these are the counts of which they were taken.
cells = sc.datasets.pbmc68k_reduced()
totals = cells.obs["n_counts"].to_numpy()[:, None]
counts = np.rint(np.expm1(cells.raw.X.toarray()) * totals / 1e4)
path = Path(tempfile.mkdtemp(), "cells.h5ad")
sc.AnnData(sparse.csr_matrix(counts), cells.obs[["bulk_labels"]]).write_h5ad(path)

adata = sc.read_h5ad(path, backed="r")
model = VAETransformer(
    10, likelihood="negative_binomial", n_importance_samples=1, random_state=0
).fit(adata.X)
adata.obsm["X_skae"] = model.transform(adata.X)

usual = adata.to_memory()  # beside it: PCA of normalized logarithms
sc.pp.normalize_total(usual)
sc.pp.log1p(usual)
adata.obsm["X_pca"] = sc.pp.pca(usual.X, n_comps=10)

agreement = {}
for name in ("X_pca", "X_skae"):
    sc.pp.neighbors(adata, use_rep=name)
    sc.tl.leiden(adata, 0.5, flavor="igraph", n_iterations=2, directed=False)
    agreement[name] = adjusted_rand_score(adata.obs["bulk_labels"], adata.obs["leiden"])
    print(f"{name}: {adata.obs['leiden'].nunique()} clusters, ARI {agreement[name]:.2f}")

# What the page says.
assert adata.isbacked
assert sparse.issparse(usual.X)
assert agreement["X_skae"] > agreement["X_pca"] - 0.1
