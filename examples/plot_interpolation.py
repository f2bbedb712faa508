"""
New rows, and the way between two
=================================

Two autoencoders whose codes follow a known distribution, a variational and a Wasserstein one, draw
digits that nobody wrote, and lead from one digit to another by way of further ones; whether they
are like real ones is measured, not only looked at.
"""

# %%
# Samples
# -------
# `sample` decodes draws of the prior, a normal distribution. The measure is the distance to the
# nearest training row; that of real test rows says what to expect. (Far below it a model would be
# copying.) The rivals are a Gaussian of the pixels, and a mixture of ten.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skae import VAETransformer, WassersteinAutoencoder
from skae.metrics import explained_variance
from skae.plotting import LatentManifoldDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
neighbors = NearestNeighbors(n_neighbors=1).fit(X_train)
judge = LogisticRegression(max_iter=1000).fit(X_train, y_train)


def distance(rows):
    """Mean distance to the nearest training row."""
    return neighbors.kneighbors(rows)[0].mean()


def confidence(rows):
    """Mean probability of the digit that a classifier of real ones takes a row for."""
    return judge.predict_proba(rows).max(axis=1).mean()


vae = VAETransformer(8, likelihood="bernoulli", random_state=0).fit(X_train)
wasserstein = WassersteinAutoencoder(8, random_state=0).fit(X_train)
told = VAETransformer(8, likelihood="bernoulli", conditional=True, random_state=0)
rows = {
    "test rows": X_test,
    "VAE": vae.sample(500, random_state=0),
    "Wasserstein": wasserstein.sample(500, random_state=0),
    "VAE, told the class": told.fit(X_train, y_train).sample(500, random_state=0),
}
for n_blobs in (1, 10):
    mixture = GaussianMixture(n_blobs, reg_covar=1e-3, random_state=0).fit(X_train)
    rows[f"mixture of {n_blobs} Gaussians"] = mixture.sample(500)[0].clip(0, 1)
for model in (vae, wasserstein):
    print(f"explained variance of {type(model).__name__}: {explained_variance(model, X_test):.3f}")
print(f"\n{'':26} {'distance':>9} {'confidence':>11}")
for name, drawn in rows.items():
    print(f"{name:26} {distance(drawn):9.2f} {confidence(drawn):11.2f}")

# %%
# The plain VAE knows no classes: between two clumps of codes it draws something in between. Most
# Gaussians of the mixture stand for one digit each, so its samples, though noisy and further from
# the data, are read with more confidence. With `conditional=True` the VAE is ahead in both. (Its
# samples are means, smoother than real rows, which brings them nearer as well.) The Wasserstein
# autoencoder keeps far more of each row. But its decoder has seen codes as they are, without the
# noise that a VAE's has to bear, so what it makes of draws between them is further from the data.
#
# The way between two digits
# --------------------------
# Halfway between the pixels of a 3 and of an 8 both are seen at half strength; halfway between
# their codes is what the decoder takes for a digit. The ends are test rows of two classes. Decoding
# smooths, which alone brings a row nearer to the data; for the comparison to be fair, mixed pixels
# are those of the two decoded ends.
rng = np.random.default_rng(0)
first, second = rng.permutation(len(X_test)), rng.permutation(len(X_test))
differ = y_test[first] != y_test[second]
first, second = first[differ], second[differ]
ends = {"VAE": (vae, vae.transform(X_test))}
ends["Wasserstein"] = wasserstein, wasserstein.transform(X_test)
decoded = vae.inverse_transform(vae.transform(X_test))
SHARES = np.linspace(0, 1, 9)


def mix(ends, share):
    """The point so far from the first end to the second, of each pair."""
    return (1 - share) * ends[first] + share * ends[second]


paths = {
    f"codes, {name}": [model.inverse_transform(mix(codes, share)) for share in SHARES]
    for name, (model, codes) in ends.items()
}
paths["pixels"] = [mix(decoded, share) for share in SHARES]
for measure in (distance, confidence):
    print(f"\n{measure.__name__:24}" + "".join(f"{share:7.2f}" for share in SHARES))
    for name, steps in paths.items():
        print(f"mixed {name:18}" + "".join(f"{measure(step):7.2f}" for step in steps))

# %%
# In the middle all leave the data, mixed pixels more than twice as far as codes of the VAE. The way
# between codes is no promise either: it crosses whatever lies between two digits.
fig, (curve, picture) = plt.subplots(
    1, 2, figsize=(10, 4), width_ratios=(1, 1.2), layout="constrained"
)
for name, steps in paths.items():
    curve.plot(SHARES, [distance(step) for step in steps], marker="o", label=f"mixed {name}")
curve.axhline(distance(X_test), color="0.6", linestyle=":", label="real test rows")
curve.set(xlabel="share of the second digit", ylabel="distance to the nearest training row")
curve.margins(y=0.4)
curve.legend(loc="lower center")
lines = [[step[pair] for step in steps] for pair in range(3) for steps in paths.values()]
mosaic = np.block([[np.pad(x.reshape(8, 8), 1) for x in line] for line in lines])
picture.imshow(mosaic, cmap="gray_r")
picture.set_xticks([])
picture.set_yticks(10 * np.arange(len(lines)) + 4.5, list(paths) * 3)
picture.tick_params(length=0)

# %%
# A plane of digits
# -----------------
# With two components all that the model knows can be shown at once: neighbours on the plane are
# alike, and every way across it is a row of small changes.
plane = VAETransformer(2, likelihood="bernoulli", random_state=0).fit(X_train)
display = LatentManifoldDisplay.from_estimator(plane, n_steps=12, image_shape=(8, 8), cmap="gray_r")
for edge in range(8, 12 * 8, 8):
    display.ax_.axhline(edge - 0.5, color="white")
