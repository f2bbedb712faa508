"""
Quickstart
==========

An autoencoder in a grid search, beside PCA; denoising; and new digits, on the digits that
scikit-learn ships.
"""

# %%
# A pipeline like any other
# -------------------------
# The autoencoder's settings are searched together with the classifier behind it.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skae import AutoencoderTransformer, DenoisingAutoencoder, VAETransformer
from skae.metrics import explained_variance

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

pipeline = make_pipeline(
    MinMaxScaler(),
    AutoencoderTransformer(max_iter=15, random_state=0),
    LogisticRegression(max_iter=1000),
)
grid = {
    "autoencodertransformer__n_components": [8, 16],
    "autoencodertransformer__hidden_layer_sizes": [(64,), (128, 64)],
}
search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X_train, y_train)

n_components = search.best_params_["autoencodertransformer__n_components"]
autoencoder = search.best_estimator_[:-1]  # the scaler and the autoencoder
pca = make_pipeline(MinMaxScaler(), PCA(n_components)).fit(X_train)

# %%
# Noise
# -----
# The denoiser learns from clean rows, to which it adds noise itself.
rng = np.random.default_rng(0)
X_noisy = np.clip(X_test + rng.normal(0, 4, X_test.shape), 0, 16)
denoiser = DenoisingAutoencoder(32, noise_level=4, clip=True, max_iter=25, random_state=0)
X_denoised = denoiser.fit(X_train).denoise(X_noisy)

# %%
# New digits
# ----------
# A variational autoencoder decodes what is drawn from its prior.
scaler = MinMaxScaler().fit(X_train)
vae = VAETransformer(8, likelihood="bernoulli", max_iter=25, random_state=0)
X_sampled = vae.fit(scaler.transform(X_train)).sample(10, random_state=0)

# %%
# What came of it
# ---------------
# All figures are on held-out rows.
of_pca, of_skae = (explained_variance(model, X_test) for model in (pca, autoencoder))
noise_before, noise_after = (np.mean((X - X_test) ** 2) for X in (X_noisy, X_denoised))
print(f"explained variance, PCA, {n_components} components   {of_pca:8.3f}")
print(f"explained variance, skae, {n_components} components  {of_skae:8.3f}")
print(f"accuracy with logistic regression        {search.score(X_test, y_test):8.3f}")
print(f"mean squared error, noisy                {noise_before:8.3f}")
print(f"mean squared error, denoised             {noise_after:8.3f}")

rows = {
    "original": X_test,
    "reconstruction": autoencoder.inverse_transform(autoencoder.transform(X_test)),
    "noisy": X_noisy,
    "denoised": X_denoised,
    "sampled": scaler.inverse_transform(X_sampled),
}
fig, axes = plt.subplots(len(rows), 10, figsize=(8, 4.4))
for (name, images), row_axes in zip(rows.items(), axes, strict=True):
    for image, ax in zip(images, row_axes, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
    row_axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
fig.tight_layout()
fig.savefig("quickstart.png", dpi=120)
