"""What estimators that hold another one share."""

from contextlib import contextmanager

from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, has_fit_parameter

from skae._training.unwatched import unwatched


@contextmanager
def all_or_nothing(meta):
    """A fit after which, if it fails, nothing is fitted, rather than some of it."""
    try:
        yield
    except BaseException:
        for name in [name for name in vars(meta) if name.endswith("_") and name[0] != "_"]:
            delattr(meta, name)
        raise


def take_input_tags(tags, inner):
    """Take over which X the estimator inside can do with."""
    found = get_tags(inner).input_tags
    tags.input_tags.sparse, tags.input_tags.allow_nan = found.sparse, found.allow_nan
    return tags


def keep_feature_names(meta, fitted):
    """Take over what the fitted estimator inside knows of the features."""
    for name in ("n_features_in_", "feature_names_in_"):
        vars(meta).pop(name, None)
        if hasattr(fitted, name):
            setattr(meta, name, getattr(fitted, name))


def fit_inside(estimator, X, sample_weight):
    """Fit the estimator inside, unless it is frozen: then it is used as it is, without weights."""
    if isinstance(estimator, FrozenEstimator):
        check_is_fitted(estimator)
        if sample_weight is not None:
            _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        return
    with unwatched():
        estimator.fit(X, None, **weights_for(estimator, sample_weight))


def weights_for(estimator, sample_weight):
    """Weights as a keyword, for an estimator that takes them, or learns nothing more."""
    if sample_weight is None or isinstance(estimator, FrozenEstimator):
        return {}
    if not has_fit_parameter(estimator, "sample_weight"):
        raise TypeError(
            f"{type(estimator).__name__} takes no sample_weight. Leave the weights out, or choose "
            "another."
        )
    return {"sample_weight": sample_weight}
