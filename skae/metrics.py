"""How well an estimator with `transform` and `inverse_transform` keeps the data.

These take any such estimator, `PCA` and pipelines included, so that models can be compared.
"""

import numpy as np
from sklearn.utils import check_array

__all__ = ["explained_variance", "reconstruction_error"]


def reconstruction_error(estimator, X):
    r"""Mean squared error of the reconstructions.

    .. math:: \frac{1}{n p} \sum_{ij} (x_{ij} - \hat x_{ij})^2

    Parameters
    ----------
    estimator : object
        Fitted, with `transform` and `inverse_transform`.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows, held out from training to compare models.

    Returns
    -------
    error : float
        In squared units of X.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from skae.metrics import reconstruction_error
    >>> X, _ = load_iris(return_X_y=True)
    >>> round(reconstruction_error(PCA(2).fit(X), X), 4)
    0.0253
    """
    X = _dense(X)
    return float(np.mean((X - _reconstruct(estimator, X)) ** 2))


def explained_variance(estimator, X):
    r"""Share of the variance of X that its reconstructions explain.

    .. math:: 1 - \frac{\sum_{ij} (x_{ij} - \hat x_{ij})^2}{\sum_{ij} (x_{ij} - \bar x_j)^2}

    One is perfect, zero is no better than the column means of X.

    Parameters
    ----------
    estimator : object
        Fitted, with `transform` and `inverse_transform`.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows, held out from training to compare models.

    Returns
    -------
    explained : float
        At most 1; NaN if X does not vary.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from skae.metrics import explained_variance
    >>> X, _ = load_iris(return_X_y=True)
    >>> round(explained_variance(PCA(2).fit(X), X), 4)
    0.9777
    """
    X = _dense(X)
    total = np.sum((X - X.mean(axis=0)) ** 2)
    if total == 0:
        return float("nan")
    return float(1 - np.sum((X - _reconstruct(estimator, X)) ** 2) / total)


def _dense(X):
    X = check_array(X, accept_sparse="csr", dtype=np.float64)
    return X.toarray() if hasattr(X, "toarray") else X


def _reconstruct(estimator, X):
    return np.asarray(estimator.inverse_transform(estimator.transform(X)))
