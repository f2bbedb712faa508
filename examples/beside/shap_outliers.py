"""shap: which features make a row an outlier."""

import numpy as np
import shap
from sklearn.datasets import load_wine

from skae import AutoencoderOutlierDetector

X = load_wine(as_frame=True).data
X = (X - X.mean()) / X.std()
detector = AutoencoderOutlierDetector(random_state=0).fit(X)

strange = X.iloc[:3].copy()
strange["hue"] += 6.0  # standard deviations
masker = shap.maskers.Independent(X, max_samples=50)
explainer = shap.PermutationExplainer(detector.score_samples, masker, seed=0)
explained = explainer(strange, max_evals=4 * 27, silent=True)
culprits = X.columns[explained.values.argmin(axis=1)]
print(list(culprits))

# What the page says.
assert (culprits == "hue").all()
total = explained.base_values + explained.values.sum(axis=1)
np.testing.assert_allclose(total, detector.score_samples(strange), rtol=1e-4)
