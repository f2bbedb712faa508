"""Metrics against scikit-learn's."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.metrics import mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import VAETransformer
from skae.metrics import explained_variance, log_likelihood, reconstruction_error


def test_metrics_of_pca(digits):
    pca = PCA(5).fit(digits)
    back = pca.inverse_transform(pca.transform(digits))
    assert explained_variance(pca, digits) == pytest.approx(pca.explained_variance_ratio_.sum())
    assert reconstruction_error(pca, digits) == pytest.approx(mean_squared_error(digits, back))


def test_metrics_take_pipelines_frames_and_sparse_rows(digits):
    model = make_pipeline(StandardScaler(with_mean=False), PCA(5)).fit(digits)
    expected = reconstruction_error(model, digits)
    assert reconstruction_error(model, sparse.csr_array(digits)) == pytest.approx(expected)


@pytest.mark.parametrize("value", [1.0, 0.1, 1e8 + 0.1, -3.3e-7])
@pytest.mark.parametrize("n_rows", [1, 7, 1001])
def test_a_constant_has_no_variance_to_explain(value, n_rows):
    """Though the mean of equal numbers may be another number."""
    X = np.full((n_rows, 3), value)
    with np.errstate(invalid="ignore"):
        pca = PCA(1).fit(np.eye(4, 3))
    assert np.isnan(explained_variance(pca, X))


def test_log_likelihood_comes_nearer_with_more_draws(digits):
    settings = {"early_stopping": False, "kl_warmup": 0, "n_importance_samples": 1}
    model = VAETransformer(3, hidden_layer_sizes=(16,), max_iter=5, random_state=0, **settings)
    model.fit(digits)
    few, many = (log_likelihood(model, digits[:50], n_samples=n) for n in (1, 500))
    assert many > few + 0.1
    assert many == log_likelihood(model, digits[:50], n_samples=500)
    assert many == pytest.approx(model.score(digits[:50]), abs=1.0)
    with pytest.raises(TypeError, match="PCA has no likelihood"):
        log_likelihood(PCA(2).fit(digits), digits)
