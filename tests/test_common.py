"""scikit-learn's own checks, for every exported estimator."""

from functools import partial

import pytest
from sklearn.base import clone, is_classifier, is_clusterer
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import skae

# Settings under which the checks are quick: they are about conduct, not about quality.
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 2}
QUICK_TO_CLASSIFY = {"hidden_layer_sizes": (16, 16), "max_iter": 10}

NOT_EQUIVALENT = (
    "sample_weight is not equivalent to removing/repeating samples: mini-batches are drawn from "
    "other rows, as scikit-learn says of its own SGD estimators."
)
UNLABELLED = (
    "The check has the classes -1 and 1, but -1 means unlabelled, as in sklearn.semi_supervised, "
    "whose own classes the check knows by their names."
)
NO_CLASSIFIER = (
    "What has `predict_proba` and takes sparse rows is taken for a classifier with tags of one. "
    "Mixtures of scikit-learn have it as well, but take no sparse rows."
)
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": NOT_EQUIVALENT,
    "check_sample_weight_equivalence_on_sparse_data": NOT_EQUIVALENT,
}

# `check_estimator` does not run these by itself.
FURTHER_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
    "check_param_validation",
]
TRANSFORMER_CHECKS = [
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


# Settings that change what X may be, how the model starts, or which verbs there are.
WITH_SETTINGS = [
    skae.AutoencoderTransformer(**QUICK, allow_nan=True),
    skae.AutoencoderOutlierDetector(novelty=False),
]


def all_estimators():
    """Quick instances of all public estimators, discovered so that none is forgotten."""
    classes = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
    # New ones each time: a test may give its own a callback.
    return [*map(_quick, classes), *map(clone, WITH_SETTINGS)]


def _quick(cls):
    if "max_iter" not in cls().get_params():
        return cls()  # see `quick_inside`
    if is_clusterer(cls()):  # one of the checks is about quality, and sets `max_iter` itself
        return cls(max_iter=2)
    return cls(**(QUICK_TO_CLASSIFY if is_classifier(cls()) else QUICK))


@pytest.fixture(autouse=True)
def quick_inside(monkeypatch, request):
    """Meta-estimators are checked as they are constructed by default; what that trains is quick."""
    if "as_constructed" not in request.node.name:
        for cls, inner in (
            (skae.AutoencoderClassifier, skae.AutoencoderTransformer),
            (skae.AutoencoderOutlierDetector, skae.VAETransformer),
            (skae.TabularAutoencoder, skae.VAETransformer),
            (skae.AutoencoderImputer, skae.DenoisingAutoencoder),
        ):
            path = f"{cls.__module__}.{inner.__name__}"
            monkeypatch.setattr(path, partial(inner, **QUICK))


def expected_failures(estimator):
    if isinstance(estimator, skae.AutoencoderImputer):
        return {}
    if isinstance(estimator, skae.TabularAutoencoder):  # which takes nothing that is sparse
        return {"check_sample_weight_equivalence_on_dense_data": NOT_EQUIVALENT}
    if is_clusterer(estimator) and hasattr(estimator, "predict_proba"):
        of_sparse = ("check_estimator_sparse_array", "check_estimator_sparse_matrix")
        return {**EXPECTED_FAILURES, **dict.fromkeys(of_sparse, NO_CLASSIFIER)}
    if is_classifier(estimator):
        return {**EXPECTED_FAILURES, "check_classifiers_classes": UNLABELLED}
    return EXPECTED_FAILURES


def _name_of(cls):
    return cls.__name__


def _name(estimator):
    return type(estimator).__name__


@parametrize_with_checks(all_estimators(), expected_failed_checks=expected_failures)
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("cls", sorted({type(m) for m in all_estimators()}, key=str), ids=_name_of)
def test_sklearn_checks_as_constructed_by_default(cls, request):
    """The same with all epochs of all widths, which takes half an hour."""
    if not request.config.getoption("--thorough"):
        pytest.skip("--thorough")
    estimator_checks.check_estimator(cls(), expected_failed_checks=expected_failures(cls()))


FURTHER_CASES = [
    (check, estimator)
    for estimator in all_estimators()
    for check in FURTHER_CHECKS + TRANSFORMER_CHECKS * hasattr(estimator, "transform")
]


# The checks transform arrays after a fit on frames, on purpose; scikit-learn only warns of it.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    ("check", "estimator"), FURTHER_CASES, ids=lambda v: v if isinstance(v, str) else _name(v)
)
def test_further_sklearn_checks(check, estimator):
    getattr(estimator_checks, check)(_name(estimator), clone(estimator))
