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
import argparse

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


def search(X, y):
    """Find the width of the code and of the hidden layers."""
    pipeline = make_pipeline(
        MinMaxScaler(),
        AutoencoderTransformer(max_iter=15, random_state=0),
        LogisticRegression(max_iter=1000),
    )
    grid = {
        "autoencodertransformer__n_components": [8, 16],
        "autoencodertransformer__hidden_layer_sizes": [(64,), (128, 64)],
    }
    return GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)


def main(output):
    """Fit three autoencoders, print a table and save a picture."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

    found = search(X_train, y_train)
    n_components = found.best_params_["autoencodertransformer__n_components"]
    autoencoder = found.best_estimator_[:-1]  # the scaler and the autoencoder
    pca = make_pipeline(MinMaxScaler(), PCA(n_components)).fit(X_train)

    # %%
    # Noise, and new digits
    # ---------------------
    # The denoiser learns from clean rows, to which it adds noise itself.
    rng = np.random.default_rng(0)
    X_noisy = np.clip(X_test + rng.normal(0, 4, X_test.shape), 0, 16)
    denoiser = DenoisingAutoencoder(32, noise_level=4, clip=True, max_iter=25, random_state=0)
    X_denoised = denoiser.fit(X_train).denoise(X_noisy)

    scaler = MinMaxScaler().fit(X_train)
    vae = VAETransformer(8, likelihood="bernoulli", max_iter=25, random_state=0)
    X_sampled = vae.fit(scaler.transform(X_train)).sample(len(X_test), random_state=0)

    table = {
        f"explained variance, PCA, {n_components} components": explained_variance(pca, X_test),
        f"explained variance, skae, {n_components} components": explained_variance(
            autoencoder, X_test
        ),
        "accuracy, autoencoder + logistic regression": found.score(X_test, y_test),
        "mean squared error, noisy": np.mean((X_noisy - X_test) ** 2),
        "mean squared error, denoised": np.mean((X_denoised - X_test) ** 2),
    }
    for figure, value in table.items():
        print(f"{figure:50} {value:7.3f}")

    X_reconstructed = autoencoder.inverse_transform(autoencoder.transform(X_test))
    draw(
        {
            "original": X_test,
            "reconstruction": X_reconstructed,
            "noisy": X_noisy,
            "denoised": X_denoised,
            "sampled": X_sampled,
        },
        output,
    )


def draw(rows, output):
    """One row of digits for each kind."""
    fig, axes = plt.subplots(len(rows), 10, figsize=(8, 4.4))
    for (name, X), row_axes in zip(rows.items(), axes, strict=True):
        for x, ax in zip(X, row_axes, strict=False):
            ax.imshow(x.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1 if name == "sampled" else 16)
            ax.set(xticks=[], yticks=[])
        row_axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    fig.tight_layout()
    fig.savefig(output, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Three autoencoders on small digits.")
    parser.add_argument("--output", default="quickstart.png", help="where the picture goes")
    main(parser.parse_args().output)
