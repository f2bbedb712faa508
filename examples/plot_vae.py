"""
Sampling and likelihood
=======================

What `beta` trades in a variational autoencoder, and the log-likelihood as a measure of how usual a
row is.
"""

# %%
# The weight of the divergence
# ----------------------------
# A small `beta` lets the code say much about each row: reconstructions are sharp, but the codes no
# longer fill the prior that samples are drawn from. A large one blurs digits.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import FactorAnalysis
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import VAETransformer
from skae.metrics import reconstruction_error

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(digits.data / 16, digits.target, random_state=0)

BETAS = 0.05, 1, 2
models, samples = {}, {}
print(f"{'beta':>6} {'KL (nats)':>10} {'squared error':>14} {'log p(x) (nats)':>16}")
for beta in BETAS:
    vae = VAETransformer(8, likelihood="bernoulli", beta=beta, random_state=0).fit(X_train)
    models[beta], samples[beta] = vae, vae.sample(12, random_state=0)
    kl = vae.net_.history[-1, "train_kl"] / beta
    print(
        f"{beta:6} {kl:10.2f} {reconstruction_error(vae, X_test):14.4f} {vae.score(X_test):16.1f}"
    )

# %%
# Unusual rows
# ------------
# Digits that lie on their side have the same pixels in other places. With `beta=1` the score is a
# lower bound of their log-likelihood; the rotated ones are far less likely.
vae = models[1]
X_rotated = np.rot90(X_test.reshape(-1, 8, 8), axes=(1, 2)).reshape(len(X_test), -1)
usual, unusual = vae.score_samples(X_test), vae.score_samples(X_rotated)
pairs = np.mean(usual[:, None] > unusual)
print(f"a test digit is more likely than a rotated one in {pairs:.1%} of all pairs")

# %%
# A linear rival
# --------------
# `FactorAnalysis` is linear, but each feature has a noise of its own. On a table of measurements
# that can count for more than curvature.
train, test = train_test_split(load_breast_cancer().data, random_state=0)
scaler = StandardScaler().fit(train)
for model in (FactorAnalysis(4), VAETransformer(4, random_state=0)):
    score = model.fit(scaler.transform(train)).score(scaler.transform(test))
    print(f"breast cancer, log p(x) of held-out rows, {type(model).__name__:14} {score:6.1f} nats")

fig, (picture, histogram) = plt.subplots(1, 2, figsize=(10, 3), width_ratios=(1.6, 1))
mosaic = np.block([[np.pad(x.reshape(8, 8), 1) for x in samples[beta]] for beta in BETAS])
picture.imshow(mosaic, cmap="gray_r", vmin=0, vmax=1)
picture.set(title="samples", xticks=[])
picture.set_yticks(10 * np.arange(len(BETAS)) + 4.5, [f"beta={beta}" for beta in BETAS])
picture.tick_params(length=0)
bins = np.linspace(np.percentile(unusual, 1), usual.max(), 40)
histogram.hist(usual, bins, alpha=0.7, label="test digits")
histogram.hist(unusual, bins, alpha=0.7, label="rotated")
histogram.set(xlabel="log-likelihood (nats)", yticks=[])
histogram.legend()
fig.tight_layout()
