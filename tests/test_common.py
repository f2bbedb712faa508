"""scikit-learn's own checks, for every exported estimator."""

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import skae

# Settings under which the checks are quick: they are about conduct, not about quality.
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 2}

NOT_EQUIVALENT = (
    "sample_weight is not equivalent to removing/repeating samples: mini-batches are drawn from "
    "other rows, as scikit-learn says of its own SGD estimators."
)
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": NOT_EQUIVALENT,
    "check_sample_weight_equivalence_on_sparse_data": NOT_EQUIVALENT,
}

# `check_estimator` does not run these by itself.
FURTHER_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


def all_estimators():
    """Quick instances of all public estimators, discovered so that none is forgotten."""
    return [getattr(skae, name)(**QUICK) for name in skae.__all__ if name[0].isupper()]


def _name(estimator):
    return type(estimator).__name__


@parametrize_with_checks(all_estimators(), expected_failed_checks=lambda _: EXPECTED_FAILURES)
def test_sklearn_checks(estimator, check):
    check(estimator)


# The checks transform arrays after a fit on frames, on purpose; scikit-learn only warns of it.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("estimator", all_estimators(), ids=_name)
@pytest.mark.parametrize("check", FURTHER_CHECKS)
def test_further_sklearn_checks(estimator, check):
    getattr(estimator_checks, check)(_name(estimator), clone(estimator))
