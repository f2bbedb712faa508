"""
Removing noise
==============

A denoising autoencoder beside projection on principal components, and what becomes of each when the
noise is not what was expected.
"""

# %%
# The rivals
# ----------
# The denoiser sees clean rows in `fit` and adds noise of standard deviation 4 by itself. PCA gets
# the best number of components for that noise, which it could not know without clean test rows.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, DenoisingAutoencoder

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)


def add_noise(X, level):
    """Gaussian noise on pixels from 0 to 16."""
    return X + np.random.default_rng(0).normal(0, level, X.shape)


def project(model, X):
    """What is left of X in the components."""
    return model.inverse_transform(model.transform(X))


def error(X):
    """Mean squared error against the clean rows."""
    return np.mean((X - X_test) ** 2)


candidates = [PCA(k).fit(X_train) for k in range(1, 65)]
pca = min(candidates, key=lambda model: error(project(model, add_noise(X_test, 4))))
denoiser = DenoisingAutoencoder(32, noise_level=4, random_state=0).fit(X_train)
plain = AutoencoderTransformer(32, random_state=0).fit(X_train)

# %%
# Other levels than expected
# --------------------------
# A denoiser always removes about what it was trained to remove. On clean rows it does harm.
LEVELS = 0, 1, 2, 4, 6, 8
restored = {
    "the noisy rows": lambda X: X,
    f"PCA, {pca.n_components_} components": lambda X: project(pca, X),
    "plain autoencoder": lambda X: project(plain, X),
    "denoising autoencoder": denoiser.denoise,
}
print(f"{'noise level':24}" + "".join(f"{level:8}" for level in LEVELS))
errors = {}
for name, restore in restored.items():
    errors[name] = [error(restore(add_noise(X_test, level))) for level in LEVELS]
    print(f"{name:24}" + "".join(f"{value:8.2f}" for value in errors[name]))

# %%
# Robust codes
# ------------
# A classifier that has 100 labels learns more from codes that ignore noise.
classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
draws = [np.random.default_rng(seed).permutation(len(X_train))[:100] for seed in range(10)]
for name, model in (("plain", plain), ("denoising", denoiser)):
    codes, codes_test = model.transform(X_train), model.transform(X_test)
    accuracies = [
        classifier.fit(codes[rows], y_train[rows]).score(codes_test, y_test) for rows in draws
    ]
    print(f"accuracy with 100 labels, {name:9} codes: {np.mean(accuracies):.3f}")

fig, (curve, picture) = plt.subplots(1, 2, figsize=(10, 3.6), width_ratios=(1, 1.3))
for name, values in errors.items():
    curve.plot(LEVELS, np.sqrt(values), marker="o", label=name)
curve.set(xlabel="noise level of the test rows", ylabel="root mean squared error")
curve.legend(fontsize=8)

X_noisy = add_noise(X_test, 4)
rows = [X_test, *(restore(X_noisy) for restore in restored.values())]
mosaic = np.block([[np.pad(x.reshape(8, 8), 1) for x in row[:10]] for row in rows])
picture.imshow(mosaic, cmap="gray_r", vmin=0, vmax=16)
picture.set_xticks([])
picture.set_yticks(10 * np.arange(len(rows)) + 4.5, ["clean", *restored])
picture.tick_params(length=0)
fig.tight_layout()
