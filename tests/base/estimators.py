"""The autoencoders that are no classifiers, and those that are, for what all of them promise."""

import pytest
from sklearn.base import is_classifier, is_clusterer

import skae
from skae._base.autoencoder import BaseAutoencoder
from skae._base.classifier import SemiSupervisedClassifier

ESTIMATORS = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
ESTIMATORS = [cls for cls in ESTIMATORS if issubclass(cls, BaseAutoencoder)]
ESTIMATORS = [cls for cls in ESTIMATORS if not is_classifier(cls())]
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}
every_estimator = pytest.mark.parametrize("cls", ESTIMATORS)
# Those whose rows are in their codes, and not partly in a cluster beside.
every_encoder = pytest.mark.parametrize("cls", [c for c in ESTIMATORS if not is_clusterer(c())])

CLASSIFIERS = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
CLASSIFIERS = [cls for cls in CLASSIFIERS if issubclass(cls, SemiSupervisedClassifier)]
every_classifier = pytest.mark.parametrize("cls", CLASSIFIERS)
