"""
Missing values
==============

Filling in values that nobody saw, on images and on a table, beside the imputers of scikit-learn;
and codes of rows with holes, without filling anything in.
"""

# %%
# Filling in
# ----------
# A fifth of the values is hidden at random, so that what they were is known. With `allow_nan=True`
# the loss counts observed values only; masking noise hides further ones, which is practice. Each
# imputer learns from the rows with holes that it fills.
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import DenoisingAutoencoder


def hide(X, share):
    """X with NaN in the place of a share of its values."""
    return np.where(np.random.default_rng(0).uniform(size=X.shape) < share, np.nan, X)


def make_autoencoder():
    """Ten components, trained shortly here."""
    return DenoisingAutoencoder(
        10, noise="masking", noise_level=0.2, allow_nan=True, max_iter=15, random_state=0
    )


def fill(model, X):
    """X without holes."""
    return model.impute(X) if hasattr(model, "impute") else model.transform(X)


tables = {
    "digits": load_digits().data,
    "breast cancer": StandardScaler().fit_transform(load_breast_cancer().data),
}
imputers = {
    "column means": SimpleImputer(keep_empty_features=True),
    "KNNImputer": KNNImputer(keep_empty_features=True),
    "IterativeImputer": IterativeImputer(max_iter=3, random_state=0, keep_empty_features=True),
}
warnings.filterwarnings("ignore", category=ConvergenceWarning)  # after three rounds only
filled = {}
print(f"{'root mean squared error':24}" + "".join(f"{name:>16}" for name in tables) + "   seconds")
for name, model in {**imputers, "DenoisingAutoencoder": make_autoencoder()}.items():
    start, errors = time.perf_counter(), []
    for table, X in tables.items():
        holes = hide(X, 0.2)
        filled[name, table] = fill(model.fit(holes), holes)
        missed = (filled[name, table] - X)[np.isnan(holes)]
        errors.append(np.sqrt(np.mean(missed**2)) / np.std(X[np.isnan(holes)]))
    seconds = time.perf_counter() - start
    print(f"{name:24}" + "".join(f"{error:16.3f}" for error in errors) + f"{seconds:10.1f}")

# %%
# Errors are in standard deviations of the hidden values. On digits neighbours are worth more than
# linear regressions, on the table it is the other way round; the autoencoder starts from a linear
# model and goes beyond it where that helps, so it is ahead on both. On the table the gap to
# `IterativeImputer` is small, and the autoencoder takes longest by far.
#
# Codes of rows with holes
# ------------------------
# A classifier needs no filled values. `transform` takes rows with holes as they are: here half of
# each image is missing, in training and in test rows.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(hide(X, 0.5), y, random_state=0)
for name, first in {**imputers, "ten components": make_autoencoder()}.items():
    model = make_pipeline(first, StandardScaler(), LogisticRegression(max_iter=1000))
    accuracy = model.fit(X_train, y_train).score(X_test, y_test)
    print(f"accuracy of logistic regression after {name:20} {accuracy:.3f}")

# %%
# Ten components serve it no worse than all 64 pixels, filled.
#
# All this holds for values that are missing by chance. Where they are missing because of what they
# are, as high incomes are, no imputer can know.
holes = hide(X, 0.2)
shown = {
    "as it was": X,
    "holes, in white": np.nan_to_num(holes),
    **{name: values for (name, table), values in filled.items() if table == "digits"},
}
fig, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
mosaic = [[np.pad(x.reshape(8, 8), 1) for x in rows[:12]] for rows in shown.values()]
ax.imshow(np.block(mosaic), cmap="gray_r", vmin=0, vmax=16)
ax.set_yticks(10 * np.arange(len(shown)) + 4.5, list(shown))
ax.tick_params(length=0, labelbottom=False)
