"""
Style apart from class
======================

An adversarial autoencoder whose decoder is told the digit, so that the code is left with how it is
written: any hand can then write any digit.
"""

# %%
# Codes that can not tell the class
# ---------------------------------
# With `conditional=True` the decoder is told the class, and the discriminator too: the codes of
# each class must follow the same prior. The plain autoencoder beside it has as many components, and
# puts the class into them, since nothing else in a row says as much.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skae import AdversarialAutoencoder, AutoencoderTransformer
from skae.metrics import explained_variance
from skae.plotting import LatentManifoldDisplay, LatentSpaceDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)


def make(max_iter):
    """The same model, trained for longer or shorter."""
    return AdversarialAutoencoder(
        4,
        conditional=True,
        output_activation="logistic",
        learning_rate_init=0.003,
        max_iter=max_iter,
        random_state=0,
    )


plain = AutoencoderTransformer(4, max_iter=25, random_state=0).fit(X_train)
brief, model = make(10).fit(X_train, y_train), make(60).fit(X_train, y_train)

# %%
# What classifiers read from the codes of test rows; chance is 0.1. A line finds next to nothing. A
# kernel still finds a little: the game against the discriminator is never quite over. Do not take
# such codes for anonymous.
print(f"{'accuracy from codes of':36} {'logistic':>9} {'SVC':>9}")
for name, fitted in (
    ("a plain autoencoder", plain),
    ("the conditional one, 10 epochs", brief),
    ("the conditional one, 60 epochs", model),
):
    codes, codes_test = fitted.transform(X_train), fitted.transform(X_test)
    read = [
        classifier.fit(codes, y_train).score(codes_test, y_test)
        for classifier in (LogisticRegression(max_iter=1000), SVC(C=10))
    ]
    print(f"{name:36} " + " ".join(f"{accuracy:9.3f}" for accuracy in read))

# %%
# Reconstructions lose nothing by it: told the digit, the decoder is the better of the two.
styles = model.transform(X_test)
told = model.inverse_transform(styles, y_test)
error_told = np.sum((X_test - told) ** 2) / np.sum((X_test - X_test.mean(axis=0)) ** 2)
print(f"explained variance, plain autoencoder {explained_variance(plain, X_test):.3f}")
print(f"explained variance, told the class    {1 - error_told:.3f}")

# %%
# Any style as any class
# ----------------------
# A classifier that knows real digits is the judge of what is rendered: test rows written as all ten
# digits, and new rows, whose styles are drawn from the prior.
judge = SVC(C=10).fit(X_train, y_train)
print(f"the judge reads real test rows right: {judge.score(X_test, y_test):.3f}")
asked = np.tile(np.arange(10), len(X_test))
for name, fitted in (("10 epochs", brief), ("60 epochs", model)):
    rendered = fitted.inverse_transform(fitted.transform(X_test).repeat(10, axis=0), asked)
    sampled = fitted.sample(len(asked), random_state=0, y=asked)
    right = [judge.score(rows, asked) for rows in (rendered, sampled)]
    print(f"{name}: rendered as asked for {right[0]:.3f}, sampled as asked for {right[1]:.3f}")

# %%
# What stays is above all the slant: hands that lean in one digit lean in the others.
down, across = np.indices((8, 8)).reshape(2, 64)


def slant(rows):
    """Slope of the ink's columns on its lines."""
    ink = rows / rows.sum(axis=1, keepdims=True)
    x, y = across - ink @ across[:, None], down - ink @ down[:, None]
    return (ink * x * y).sum(axis=1) / (ink * y**2).sum(axis=1)


slants = [slant(model.inverse_transform(styles, digit)) for digit in range(10)]
pairs = np.corrcoef(slants)[np.triu_indices(10, 1)]
print(f"correlation of the slants of two digits by one hand: {pairs.mean():.2f} on average")

# %%
# The digits on the left are real. In each line their hand writes all ten.
fig, (real, rendered) = plt.subplots(
    1, 2, figsize=(8, 5.6), width_ratios=(1, 10), layout="constrained"
)
real.imshow(X_test[:8].reshape(-1, 8), cmap="gray_r")
real.set(xticks=[], yticks=[], title="real")
LatentManifoldDisplay.from_estimator(
    model, X_test[:8], n_steps=8, image_shape=(8, 8), ax=rendered, cmap="gray_r"
)
rendered.set(title="the same hand", xlabel="written as", ylabel="", yticks=[])
for ax in (real, rendered):
    for edge in range(8, 64, 8):
        ax.axhline(edge - 0.5, color="white")

# %%
# The codes themselves: classes lie apart in the plain ones, and over each other in the styles.
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, fitted in zip(axes, (plain, model), strict=True):
    LatentSpaceDisplay.from_estimator(fitted, X_test, y_test, ax=ax, legend=fitted is plain)
    ax.set_title(f"codes of test rows, {type(fitted).__name__}")
