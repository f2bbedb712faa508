"""
From PCA to an autoencoder
==========================

How much of held-out digits is kept by the same number of components, and what two components show.
"""

# %%
# Explained variance
# ------------------
# `PCA` and `AutoencoderTransformer` have the same verbs, so one function measures both.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.metrics import explained_variance

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

NAMES = "PCA", "autoencoder"
WIDTHS = 2, 4, 8, 16
fitted, explained = {}, {name: [] for name in NAMES}
print(f"{'components':>10} {'model':>12} {'explained variance':>19} {'accuracy':>9}")
for n_components in WIDTHS:
    models = PCA(n_components), AutoencoderTransformer(n_components, random_state=0)
    for name, model in zip(NAMES, models, strict=True):
        model.fit(X_train)
        fitted[name, n_components] = model
        explained[name].append(explained_variance(model, X_test))
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        classifier.fit(model.transform(X_train), y_train)
        accuracy = classifier.score(model.transform(X_test), y_test)
        print(f"{n_components:10} {name:>12} {explained[name][-1]:19.3f} {accuracy:9.3f}")

# %%
# Two components
# --------------
# PCA's plane mixes most digits. The autoencoder's curved surface keeps many apart.
fig, (curve, *planes) = plt.subplots(1, 3, figsize=(11, 3.6))
for name, values in explained.items():
    curve.plot(WIDTHS, values, marker="o", label=name)
curve.set(xlabel="components", ylabel="explained variance, held-out rows", ylim=(0, 1))
curve.set_xscale("log", base=2)
curve.set_xticks(WIDTHS, WIDTHS)
curve.legend()

for name, ax in zip(NAMES, planes, strict=True):
    codes = fitted[name, 2].transform(X_test)
    scatter = ax.scatter(*codes.T, c=y_test, s=8, cmap="tab10")
    ax.set(title=name, xticks=[], yticks=[])
planes[1].legend(*scatter.legend_elements(), fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
fig.tight_layout()
