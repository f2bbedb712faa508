"""How well an estimator with `transform` and `inverse_transform` keeps the data."""

import numpy as np
from sklearn.utils import check_array

from skae._rows.source import in_memory
from skae._rows.tensors import as_numpy


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
    moved = X - X[0]  # so that what does not vary is 0, and its mean is not rounded
    total = np.sum((moved - moved.mean(axis=0)) ** 2)
    if total == 0:
        return float("nan")
    return float(1 - np.sum((X - _reconstruct(estimator, X)) ** 2) / total)


def log_likelihood(estimator, X, *, n_samples=1000, random_state=0):
    r"""Mean log-likelihood of rows under a variational autoencoder, in nats.

    .. math:: \frac{1}{n} \sum_i \log \frac{1}{L} \sum_{l=1}^L
        \frac{p(x_i | z_l)\, p(z_l)}{q(z_l | x_i)}, \quad z_l \sim q(z | x_i)

    The estimate is a lower bound in expectation, and comes the nearer the more draws there are
    [1]_. Papers on MNIST mostly use 5000.

    Parameters
    ----------
    estimator : VAETransformer or VAEClassifier
        Fitted.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows, held out from training.
    n_samples : int, default=1000
        How many draws, L. Each takes a pass of the decoder.
    random_state : int, RandomState instance or None, default=0
        Determines the draws, which are the same for all rows.

    Returns
    -------
    mean : float
        In nats per row; densities are per unit of X.

    Raises
    ------
    TypeError
        If the estimator has no likelihood.

    References
    ----------
    .. [1] Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import VAETransformer
    >>> from skae.metrics import log_likelihood
    >>> X = load_digits().data / 16
    >>> vae = VAETransformer(4, likelihood="bernoulli", max_iter=5, random_state=0).fit(X)
    >>> log_likelihood(vae, X[:50], n_samples=100) > log_likelihood(vae, X[:50], n_samples=1)
    True
    """
    if not hasattr(estimator, "_estimate_log_likelihoods"):
        raise TypeError(
            f"{type(estimator).__name__} has no likelihood. Give a VAETransformer or a "
            "VAEClassifier."
        )
    return float(estimator._estimate_log_likelihoods(as_numpy(X), n_samples, random_state).mean())


def _dense(X):
    X = check_array(in_memory(as_numpy(X)), accept_sparse="csr", dtype=np.float64)
    return X.toarray() if hasattr(X, "toarray") else X


def _reconstruct(estimator, X):
    codes, told = estimator.transform(X), {}
    # Where codes do not tell how much was counted of each row, the decoder has to be told.
    if hasattr(estimator, "_exposures_in") and (exposure := estimator._exposures_in(X)) is not None:
        told = {"exposure": exposure}
    return np.asarray(estimator.inverse_transform(codes, **told))
