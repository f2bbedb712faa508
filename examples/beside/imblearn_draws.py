"""imbalanced-learn: rows of a rare class that an autoencoder draws, as a step of its pipeline."""

import numpy as np
from imblearn import FunctionSampler
from imblearn.datasets import make_imbalance
from imblearn.pipeline import make_pipeline
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import VAETransformer


def draw_rare(X, y, n_components=5):
    """Rows of class 0 until there are as many as of class 1."""
    n_more = np.sum(y == 1) - np.sum(y == 0)
    vae = VAETransformer(n_components, conditional=True, random_state=0).fit(X, y)
    drawn = vae.sample(n_more, random_state=0, y=0, noise=True)
    return np.vstack([X, drawn]), np.append(y, np.zeros(n_more, dtype=y.dtype))


X, y = load_breast_cancer(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
X, y = make_imbalance(X, y, sampling_strategy={0: 8}, random_state=0)  # 3 %

scores = {}
for name, sampler in {"as it is": "passthrough", "drawn": FunctionSampler(func=draw_rare)}.items():
    model = make_pipeline(StandardScaler(), sampler, LogisticRegression(max_iter=2000)).fit(X, y)
    scores[name] = balanced_accuracy_score(y_test, model.predict(X_test))
    print(f"{name}: balanced accuracy {scores[name]:.3f}")
weighted = LogisticRegression(class_weight="balanced", max_iter=2000)
weighted = make_pipeline(StandardScaler(), weighted).fit(X, y)
print(f"weights: balanced accuracy {balanced_accuracy_score(y_test, weighted.predict(X_test)):.3f}")

# What the page says.
more, labels = draw_rare(model[0].transform(X), y)
assert np.bincount(labels).tolist() == [(y == 1).sum()] * 2
np.testing.assert_array_equal(more[: len(X)], model[0].transform(X))
assert len(model.predict(X_test)) == len(X_test)
assert scores["drawn"] > 0.8
