"""
Few labels, many rows
=====================

What rows without a label are worth: six classifiers with 20 to 200 labels among 1347 digits, and
cross-validation where most rows have no label.
"""

# %%
# The rivals
# ----------
# In `y`, -1 says that a row has no label. Two classifiers are given the labelled rows only, the
# others all rows.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from skae import AutoencoderClassifier, DenoisingAutoencoder, LadderClassifier
from skae.model_selection import SemiSupervisedSplit
from skae.plotting import LatentSpaceDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)


def hide(y, n_labels):
    """Keep as many labels of each class, -1 elsewhere; fewer labels are among more of them."""
    order, classes = np.random.default_rng(0).permutation(len(y)), np.unique(y)
    kept = [order[y[order] == label][: n_labels // len(classes)] for label in classes]
    return np.where(np.isin(np.arange(len(y)), kept), y, -1)


# %%
# An autoencoder needs no labels, so one fit serves all numbers of them: `FrozenEstimator` says that
# it is to be used as it is. The ladder network learns from both kinds of rows at once, anew for
# each number; it is small and trained shortly here.
start = time.perf_counter()
denoiser = DenoisingAutoencoder(32, noise_level=0.25, max_iter=25, random_state=0).fit(X_train)
seconds_of_codes = time.perf_counter() - start

models = {
    "logistic regression, labelled only": LogisticRegression(max_iter=1000),
    "SVC, labelled only": SVC(C=10),
    "self-training": SelfTrainingClassifier(LogisticRegression(max_iter=1000), threshold=0.9),
    "label spreading": LabelSpreading(kernel="knn", n_neighbors=10),
    "denoising autoencoder, then SVC": AutoencoderClassifier(FrozenEstimator(denoiser), SVC(C=10)),
    "ladder network": LadderClassifier(
        hidden_layer_sizes=(200, 100),
        learning_rate_init=0.01,
        batch_size=128,
        max_iter=25,
        random_state=0,
    ),
}

# %%
# Accuracy by the number of labels
# --------------------------------
# All have the same labels, in one draw of them: with 20 labels another draw moves each curve by
# some hundredths.
N_LABELS = 20, 50, 100, 200
accuracies = {}
print(f"{'labels':36}" + "".join(f"{n:7}" for n in N_LABELS) + "  seconds")
for name, model in models.items():
    start, accuracies[name] = time.perf_counter(), []
    for n_labels in N_LABELS:
        y_known = hide(y_train, n_labels)
        known = y_known >= 0 if name.endswith("only") else slice(None)
        model.fit(X_train[known], y_known[known])
        accuracies[name].append(model.score(X_test, y_test))
    seconds = time.perf_counter() - start + seconds_of_codes * name.startswith("denoising")
    print(f"{name:36}" + "".join(f"{a:7.3f}" for a in accuracies[name]) + f"{seconds:9.1f}")

# %%
# On these small, well-kept images `LabelSpreading` is hard to beat, and takes no time: near digits
# are mostly the same digit. It needs distances between rows that mean something, and all rows in
# one graph. The ladder network matches it from 50 labels on and wins with 200, for some seconds
# each. The denoiser's codes add a little to the same SVC, least where there are many labels.
# Self-training gains nothing: the classifier teaches itself what it believes already.
#
# Cross-validation
# ----------------
# An ordinary splitter puts rows without a label into the test parts, where -1 is never predicted
# and so always wrong. `SemiSupervisedSplit` tests on labelled rows only, split as you like. Its
# scores are those of few rows, and of 80 labels, not 100: good enough to see large differences, not
# to choose `C`. (The denoiser's codes have seen the rows that are tested on, but no label.)
y_known = hide(y_train, 100)
splitters = {
    "KFold": KFold(5, shuffle=True, random_state=0),
    "SemiSupervisedSplit": SemiSupervisedSplit(StratifiedKFold(5, shuffle=True, random_state=0)),
}
for name in ("self-training", "label spreading", "denoising autoencoder, then SVC"):
    print(f"{name:32}", end="")
    for splitter, cv in splitters.items():
        scores = cross_val_score(models[name], X_train, y_known, cv=cv)
        print(f"{splitter} {scores.mean():.2f} +- {scores.std() / 2:.2f}, ", end="")
    print(f"test rows {accuracies[name][N_LABELS.index(100)]:.3f}")

# %%
# The picture on the right shows why unlabelled rows help: classes are clumps, and a few labels tell
# what each clump is.
fig, (curve, plane) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for name, values in accuracies.items():
    curve.plot(N_LABELS, values, marker="o", label=name)
curve.set(xscale="log", xlabel="labels", ylabel="accuracy on test rows")
curve.set_xticks(N_LABELS, N_LABELS)
curve.minorticks_off()
curve.legend(fontsize=8)
LatentSpaceDisplay.from_estimator(
    denoiser, X_train, y_known, projection=TSNE(random_state=0), ax=plane, s=15
)
plane.set(title="codes of the training rows, 100 labels", xticks=[], yticks=[])
plane.legend(loc="center left", bbox_to_anchor=(1, 0.5))  # beside the rows, not above them

# %%
# Where they are worth nothing
# ----------------------------
# The tumours of this table lie on both sides of a plane, and not in clumps. With ten labels of each
# kind a logistic regression of these twenty rows errs least; what the other rows look like does not
# help, and the ladder network learns from it what is not so.
X, y = load_breast_cancer(return_X_y=True)
rivals = "logistic regression, labelled only", "label spreading", "ladder network"
errors = {name: [] for name in rivals}
for split in range(5):
    A, B, y_A, y_B = train_test_split(X, y, test_size=0.3, random_state=split, stratify=y)
    y_known = hide(y_A, 20)
    for name in rivals:
        known = y_known >= 0 if name.endswith("only") else slice(None)
        pipeline = make_pipeline(StandardScaler(), models[name]).fit(A[known], y_known[known])
        errors[name].append(1 - pipeline.score(B, y_B))
for name, values in errors.items():
    print(f"{name:36}{100 * np.mean(values):5.1f} % errors +- {100 * np.std(values):.1f}")
