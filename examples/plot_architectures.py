"""
Choosing the architecture
=========================

Dense layers, convolutions and torch modules of your own, on the same digits; then once more with
the pixels shuffled, which only the convolutions mind.
"""

# %%
# Three kinds of network
# ----------------------
# An architecture makes an encoder and a decoder for the widths that the estimator asks for. Rows
# stay rows of pixels, as everywhere in scikit-learn: an image network of your own begins by giving
# them their shape back, and its decoder ends by taking it away.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from skae import AutoencoderTransformer
from skae.architectures import MLP, ConvNet, TorchArchitecture
from skae.metrics import explained_variance


class Block(nn.Module):
    """Two convolutions that add to the image that they are given."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, image):
        return image + self.layers(image)


def make_encoder(n_features, n_outputs, channels=16):
    """From rows of 64 pixels to codes: an image of 8 x 8, then many of 4 x 4."""
    halve = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
    layers = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, channels, 3, padding=1), Block(channels)]
    layers += [halve, Block(2 * channels), nn.SiLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(2 * channels * n_features // 4, n_outputs))


def make_decoder(n_inputs, n_features, channels=16):
    """The way back."""
    double = nn.ConvTranspose2d(2 * channels, channels, 2, stride=2)
    layers = [nn.Linear(n_inputs, 2 * channels * n_features // 4), nn.SiLU()]
    layers += [nn.Unflatten(1, (2 * channels, 4, 4)), Block(2 * channels), double, Block(channels)]
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1), nn.Flatten())


ARCHITECTURES = {
    "linear": MLP(hidden_layer_sizes=()),
    "MLP, the default": MLP(),
    "MLP (64,)": MLP((64,)),
    "ConvNet": ConvNet(image_shape=(8, 8), channels=(16, 32)),
    "residual, of your own": TorchArchitecture(make_encoder, make_decoder),
}

# %%
# The same rows for all
# ---------------------
# The pixels are shuffled alike in every row: nothing is lost but the knowledge of who is whose
# neighbour, which is all that a convolution has over a dense layer.
X, _ = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X, random_state=0)
shuffled = np.random.default_rng(0).permutation(X.shape[1])

results = {"pixels in place": [], "pixels shuffled": []}
print(f"{'architecture':24} {'weights':>8} {'seconds':>8} {'in place':>9} {'shuffled':>9}")
for name, architecture in ARCHITECTURES.items():
    for kind, columns in zip(results, (slice(None), shuffled), strict=True):
        autoencoder = AutoencoderTransformer(
            8, architecture=architecture, max_iter=20, random_state=0
        )
        start = time.perf_counter()
        autoencoder.fit(X_train[:, columns])
        seconds = time.perf_counter() - start
        results[kind].append(explained_variance(autoencoder, X_test[:, columns]))
    n_weights = sum(weight.numel() for weight in autoencoder.module_.parameters())
    kept = " ".join(f"{values[-1]:9.3f}" for values in results.values())
    print(f"{name:24} {n_weights:8} {seconds:8.1f} {kept}")

fig, ax = plt.subplots(figsize=(7, 3))
places = np.arange(len(ARCHITECTURES))
for offset, (kind, values) in zip((0.2, -0.2), results.items(), strict=True):
    ax.barh(places + offset, values, height=0.38, label=kind)
ax.set_yticks(places, list(ARCHITECTURES))
ax.set(xlabel="explained variance of held-out digits, 8 components", xlim=(0.5, 1))
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
fig.tight_layout()
