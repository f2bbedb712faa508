"""
Choosing the architecture
=========================

Dense layers, convolutions and torch modules of your own, on the same digits; then once more with
the pixels shuffled, which only the convolutions mind.
"""

# %%
# Three kinds of network
# ----------------------
# An architecture makes an encoder and a decoder for the widths that the estimator asks for.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from skae import AutoencoderTransformer
from skae.architectures import MLP, ConvNet, TorchArchitecture
from skae.metrics import explained_variance


class ResidualMLP(nn.Module):
    """Two blocks that add to what they are given."""

    def __init__(self, n_inputs, n_outputs, width=128):
        super().__init__()
        self.first = nn.Linear(n_inputs, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width)) for _ in range(2)
        )
        self.last = nn.Linear(width, n_outputs)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.last(x)


ARCHITECTURES = {
    "linear": MLP(hidden_layer_sizes=()),
    "MLP, the default": MLP(),
    "MLP (64,)": MLP((64,)),
    "ConvNet": ConvNet(image_shape=(8, 8), channels=(16, 32)),
    "residual, of your own": TorchArchitecture(ResidualMLP, ResidualMLP),
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
