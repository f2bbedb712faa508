"""
Outliers: broken relations and far rows
=======================================

A row can be strange although each of its values is ordinary. Which detector sees that depends on
whether the relations between features are straight or curved; for far rows others are as good.
"""

# %%
# Three kinds of outliers
# -----------------------
# Each detector learns from clean rows. It is then shown others: clean rows, and outliers that are
# made of clean rows or belong to another class. Of "exchanged" rows a fifth of the values is that
# of another row: each value is an ordinary one, but the values do not go with each other. "Twice as
# far" doubles all deviations from the mean: relations stay, as far as they are linear.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.covariance import EllipticEnvelope
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import LocalOutlierFactor

from skae import AutoencoderOutlierDetector, VAETransformer


def exchange(X, share, rng):
    """Rows, a share of whose values are those of another row."""
    return np.where(rng.uniform(size=X.shape) < share, X[rng.permutation(len(X))], X)


def make_task(X, is_clean, scale):
    """Clean rows to learn from, further ones, and outliers by kind."""
    train, clean = train_test_split(X[is_clean], random_state=0)
    mean, scale = train.mean(axis=0), train.std(axis=0) if scale else 1
    train, clean, others = ((rows - mean) / scale for rows in (train, clean, X[~is_clean]))
    exchanged = exchange(clean, 0.2, np.random.default_rng(0))
    return train, clean, {"exchanged": exchanged, "twice as far": 2 * clean, "other class": others}


def make_detectors(n_features):
    """The rivals; skae as it comes; and skae told the noise that it would else learn."""
    told = VAETransformer(min(10, n_features // 4), noise_variance="mean", random_state=0)
    share = {"contamination": 0.05}  # asked for, see below
    return {
        "IsolationForest": IsolationForest(**share, random_state=0),
        "LocalOutlierFactor": LocalOutlierFactor(novelty=True, **share),
        "EllipticEnvelope": EllipticEnvelope(support_fraction=0.9, **share, random_state=0),
        "skae": AutoencoderOutlierDetector(**share, random_state=0),
        "skae, noise_variance='mean'": AutoencoderOutlierDetector(told, **share),
    }


def auc(detector, clean, outliers):
    """The chance that an outlier scores below a clean row."""
    scores = np.concatenate([detector.score_samples(rows) for rows in (clean, outliers)])
    return roc_auc_score(np.arange(len(scores)) < len(clean), scores)


digits, cancer = load_digits(), load_breast_cancer()
tasks = {
    "digits 0 to 5; the others are 6 to 9": make_task(digits.data, digits.target < 6, False),
    "benign tumours; the others malignant": make_task(cancer.data, cancer.target == 1, True),
    "malignant tumours; the others benign": make_task(cancer.data, cancer.target == 0, True),
}
fitted = {}
for task, (train, clean, outliers) in tasks.items():
    print(f"{task:38}" + "".join(f"{kind:>14}" for kind in outliers))
    fitted[task] = make_detectors(train.shape[1])
    for name, detector in fitted[task].items():
        with warnings.catch_warnings():  # pixels that are always white have no covariance
            warnings.simplefilter("ignore")
            detector.fit(train)
        areas = [auc(detector, clean, rows) for rows in outliers.values()]
        print(f"  {name:36}" + "".join(f"{area:14.3f}" for area in areas))

# %%
# `IsolationForest`, which cuts one feature at a time, hardly sees that values do not go together.
# Of tumours the features are measures of one outline, in nearly straight relations: the Gaussian of
# `EllipticEnvelope` knows them best, by far. Relations of pixels are curved, and there the
# autoencoder is ahead. At far rows it is level with `LocalOutlierFactor`. Where outliers spread
# less than clean rows, as benign tumours do among malignant ones, take `IsolationForest`; only
# there does `noise_variance="mean"` help, and it sees less of what breaks relations.
#
# From scores to a decision
# -------------------------
# `contamination` says what share of rows to call outliers. An autoencoder knows its training rows
# too well to take the threshold from their scores: skae takes it from rows that were held out. That
# is what the first column shows, of new clean rows. Detectors that judge by the training rows may
# call too many outliers; then take the threshold from clean rows that were held out.
(_, clean, outliers), detectors = next(iter(tasks.values())), next(iter(fitted.values()))
held_out, new = train_test_split(clean, test_size=0.5, random_state=0)
print("called outliers                clean   clean, held-out threshold   exchanged, the same")
for name, detector in detectors.items():
    threshold = np.quantile(detector.score_samples(held_out), 0.05)
    called = [detector.score_samples(rows) < threshold for rows in (new, outliers["exchanged"])]
    called.insert(0, detector.predict(new) == -1)
    print(f"{name:29} {called[0].mean():6.0%} {called[1].mean():26.0%} {called[2].mean():21.0%}")

# %%
# How much must be exchanged
# --------------------------
# One pixel in fifty escapes all detectors, more or less. On the right, what is to be seen.
SHARES = 0.02, 0.05, 0.1, 0.2, 0.4
fig, (curve, picture) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
exchanged = [exchange(clean, share, np.random.default_rng(0)) for share in SHARES]
for name, detector in detectors.items():
    curve.plot(SHARES, [auc(detector, clean, rows) for rows in exchanged], marker="o", label=name)
curve.set(xscale="log", xlabel="share of the pixels exchanged", ylabel="area under the ROC curve")
curve.set_xticks(SHARES, SHARES)
curve.minorticks_off()
curve.legend(fontsize=8)
shown = {"clean": clean, **{f"{share:.0%}": exchanged[i] for i, share in enumerate(SHARES)}}
mean = digits.data[digits.target < 6].mean(axis=0)
mosaic = [[np.pad((x + mean).reshape(8, 8), 1) for x in rows[:8]] for rows in shown.values()]
picture.imshow(np.block(mosaic), cmap="gray_r")
picture.set_yticks(10 * np.arange(len(shown)) + 4.5, list(shown))
picture.tick_params(length=0, labelbottom=False)
