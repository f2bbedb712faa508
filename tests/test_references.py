"""Numbers against independent values, on data that tell the plausible mistakes.

Curved, parted, uneven, weighted or missing: on round and even data the fast answer is right.
"""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from skae import (
    AdversarialAutoencoder,
    AdversarialAutoencoderClassifier,
    AdversarialAutoencoderClustering,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    LadderClassifier,
    SemanticHashing,
    StackedDenoisingAutoencoder,
    VAEClassifier,
    VAETransformer,
)
from skae.architectures import TorchArchitecture

from .base.estimators import CLASSIFIERS, ESTIMATORS
from .quick import make


def ring(n_rows, rng):
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    return np.c_[np.cos(angle), np.sin(angle)] + 0.1 * rng.standard_normal((n_rows, 2))


def twins(n_rows, rng):
    return (rng.choice([-1.0, 1.0], n_rows) + 0.1 * rng.standard_normal(n_rows))[:, None]


def MLPWithNorm(**params):
    """An autoencoder with an architecture of the user's, which normalizes batches."""

    def encoder(n_inputs, n_outputs):
        return nn.Sequential(
            nn.BatchNorm1d(n_inputs, momentum=0.05), nn.Linear(n_inputs, n_outputs)
        )

    return AutoencoderTransformer(architecture=TorchArchitecture(encoder, nn.Linear), **params)


def overlapping(n_rows, rng, shares):
    """Classes on a line in ten dimensions, a deviation and a half apart."""
    y = rng.choice(len(shares), n_rows, p=shares)
    X = rng.standard_normal((n_rows, 10))
    X[:, 0] += 1.5 * y
    return X, y


# Of a variational autoencoder.


@pytest.mark.parametrize(("make", "right", "share"), [(ring, -0.94, 0.85), (twins, 0.19, 0.7)])
def test_the_code_follows_what_is_curved_or_parted(make, right, share):
    rng = np.random.default_rng(0)
    X, X_test = make(1500, rng), make(1500, rng)
    normal = stats.multivariate_normal(X.mean(axis=0), np.cov(X.T)).logpdf(X_test).mean()
    found = VAETransformer(X.shape[1], hidden_layer_sizes=(64, 64), random_state=0).fit(X)
    # One that collapses is no better than a normal distribution, and there are those half-way.
    assert found.score(X_test) > normal + share * (right - normal)


def test_it_is_never_worse_than_probabilistic_pca():
    X = load_breast_cancer().data  # one feature has nearly all of the variance
    pca = PCA(8).fit(X[:400])
    model = VAETransformer(8, output_activation="identity", max_iter=2, random_state=0)
    model.fit(X[:400], X_val=X[400:])
    assert model.net_.start_ == "floor"
    np.testing.assert_allclose(model.score(X[400:]), pca.score(X[400:]), rtol=0.01)
    codes = pca.transform(X)
    np.testing.assert_allclose(
        np.abs(np.corrcoef(codes.T, model.transform(X).T)[:8, 8:]).diagonal(), 1, atol=1e-3
    )
    # A row from the prior has the covariance of the model, W W^T + noise.
    drawn = model.sample(20_000, random_state=0, noise=True)
    spread = np.cov(drawn.T).trace() / pca.get_covariance().trace()
    assert spread == pytest.approx(1, rel=0.05)


def test_given_noise_is_that_of_the_start():
    X = np.random.default_rng(0).standard_normal((400, 6)) * [5, 4, 3, 1, 1, 1]
    model = VAETransformer(2, noise_variance=2.0, max_iter=1, learning_rate_init=1e-9)
    model.set_params(output_activation="identity", random_state=0).fit(X, X_val=X)
    values, vectors = np.linalg.eigh(np.cov(X.T, bias=True))
    values, vectors = values[-2:], vectors[:, -2:]
    covariance = vectors @ np.diag(values - 2.0) @ vectors.T + 2.0 * np.eye(6)
    exact = stats.multivariate_normal(X.mean(axis=0), covariance).logpdf(X)
    np.testing.assert_allclose(model.score_samples(X), exact, atol=1e-3)


def test_a_code_that_is_not_used_is_said_to_be_so():
    X = np.random.default_rng(0).standard_normal((200, 3))
    with pytest.warns(ConvergenceWarning, match="The code is not used"):
        VAETransformer(1, beta=50, hidden_layer_sizes=(8,), random_state=0).fit(X)
    VAETransformer(1, hidden_layer_sizes=(8,), max_iter=2).fit(np.ones((20, 3)))


def marginal(model, X):
    """The log density of what was observed of rows, of a linear decoder."""
    n_codes, n_features = model.n_components, X.shape[1]
    ends = model.inverse_transform(np.concatenate([np.zeros((1, n_codes)), np.eye(n_codes)]))
    loadings, bias = ends[1:] - ends[0], ends[0]
    noise = model.module_.link.parameter.exp().item() * model.scaling_.scale.item() ** 2
    covariance, found = loadings.T @ loadings + noise * np.eye(n_features), np.zeros(len(X))
    for number, x in enumerate(X):
        if (seen := ~np.isnan(x)).any():
            part = stats.multivariate_normal(bias[seen], covariance[np.ix_(seen, seen)])
            found[number] = part.logpdf(x[seen])
    return found


@pytest.mark.parametrize("share_in_fit", [0.0, 0.5])
def test_scores_of_rows_with_holes_are_those_of_what_was_observed(share_in_fit):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 2)) @ rng.standard_normal((2, 6))
    X += 0.5 * rng.standard_normal(X.shape)
    X_train = np.where(rng.uniform(size=(1000, 6)) < share_in_fit, np.nan, X[:1000])
    model = VAETransformer(2, hidden_layer_sizes=(), allow_nan=True, output_activation="identity")
    model.set_params(random_state=0).fit(X_train)
    for share in (0.0, 0.3, 0.6, 0.9):
        rows = np.where(rng.uniform(size=(500, 6)) < share, np.nan, X[1000:])
        difference = model.score_samples(rows) - marginal(model, rows)
        assert abs(difference.mean()) < 0.1, share
    empty = np.full((1, 6), np.nan)
    np.testing.assert_allclose(model.score_samples(empty), 0, atol=1e-5)
    np.testing.assert_array_equal(model.transform(empty), 0)


# Of an outlier detector.


def test_the_centre_of_a_ring_is_strange():
    rng = np.random.default_rng(0)
    X, inside = ring(800, rng), ring(500, rng)
    outside = rng.uniform(X.min(axis=0), X.max(axis=0), (500, 2))
    detector = AutoencoderOutlierDetector(novelty=False, random_state=0).fit(X)
    scores = detector.score_samples(np.concatenate([inside, outside]))
    assert roc_auc_score(np.arange(1000) < 500, scores) > 0.78
    assert detector.score_samples([[0, 0]]) < np.quantile(scores[:500], 0.01)


# Of classifiers.


def test_probabilities_of_few_labels_are_nearly_those_of_logistic_regression():
    rng = np.random.default_rng(0)
    (X, y), (X_test, y_test) = (overlapping(1000, rng, [0.5, 0.5]) for _ in range(2))
    some = np.where(np.arange(1000) < 100, y, -1)
    settings = {"hidden_layer_sizes": (64,), "max_iter": 50, "random_state": 0}
    right = log_loss(y_test, LogisticRegression().fit(X[:100], y[:100]).predict_proba(X_test))
    losses = [
        log_loss(y_test, model.fit(X, some).predict_proba(X_test))
        for model in (VAEClassifier(**settings), VAEClassifier(calibrated=False, **settings))
    ]
    assert losses[0] < right + 0.1
    assert losses[1] > right + 0.5  # or these data would not tell


def test_uneven_classes_of_clean_rows_are_found_as_often_as_they_are():
    rng = np.random.default_rng(0)
    (X, y), (X_test, y_test) = (overlapping(2000, rng, [0.6, 0.3, 0.1]) for _ in range(2))
    right = LogisticRegression().fit(X, y)
    model = AdversarialAutoencoderClassifier(max_iter=40, hidden_layer_sizes=(64,), random_state=0)
    model.fit(X, y)
    assert model.score(X_test, y_test) > right.score(X_test, y_test) - 0.03
    probabilities = model.predict_proba(X_test)
    assert log_loss(y_test, probabilities) < log_loss(y_test, right.predict_proba(X_test)) + 0.1
    np.testing.assert_allclose(probabilities.mean(axis=0), [0.6, 0.3, 0.1], atol=0.05)


def with_norm(seen):
    """An architecture of the user's, which normalizes batches; `seen` gets the rows of each."""

    def see(norm, inputs, _):
        if norm.training:
            seen.append(len(inputs[0]))

    def network(n_inputs, n_outputs):
        norm = nn.BatchNorm1d(16)
        norm.register_forward_hook(see)
        return nn.Sequential(nn.Linear(n_inputs, 16), norm, nn.ReLU(), nn.Linear(16, n_outputs))

    return TorchArchitecture(network, nn.Linear)


@pytest.mark.parametrize("cls", [VAEClassifier, AdversarialAutoencoderClassifier])
def test_batches_are_normalized_as_one_mix_of_rows(cls):
    """Labelled rows in passes of their own would be normalized otherwise than at inference."""
    y, seen = np.where(np.arange(60) < 20, np.arange(60) % 2, -1), []
    settings = {"batch_size": 30, "labelled_batch_size": 5, "max_iter": 1, "calibrated": False}
    cls(2, architecture=with_norm(seen), **settings).fit(np.eye(60, 4), y)
    assert len(seen) >= 4
    assert set(seen) == {35}


def test_labelled_rows_may_be_of_other_groups_than_the_others():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2], [960, 120, 120]))
    X = np.array([[0, 0], [3, 0], [0, 3]])[y] + 0.75 * rng.standard_normal((1200, 2))
    known = np.concatenate([np.flatnonzero(y[:600] == group)[:20] for group in range(3)])
    some = np.full(600, -1)
    some[known] = y[known]
    settings = {"batch_size": 32, "max_iter": 10, "calibrated": False, "random_state": 0}
    model = VAEClassifier(2, architecture=with_norm([]), **settings).fit(X[:600], some)
    right = LogisticRegression().fit(X[known], y[known]).score(X[600:], y[600:])
    assert model.score(X[600:], y[600:]) > right - 0.05


# Of weights.


@pytest.mark.parametrize("cls", [SemanticHashing, LadderClassifier, MLPWithNorm])
def test_statistics_of_batches_are_those_of_the_rows_as_they_weigh(cls):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-2, 1, (300, 4)), rng.normal(2, 1, (300, 4))])
    y, weight = np.repeat([0, 1], 300), np.repeat([9.0, 1.0], 300)
    y = np.where(np.arange(600) % 3, -1, y)
    model = cls(max_iter=4, learning_rate_init=1e-9, early_stopping=False, random_state=0)
    model.fit(X, y, sample_weight=weight)
    norm = next(m for m in model.module_.modules() if isinstance(m, nn.BatchNorm1d))
    seen = []
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    found, spread = norm.running_mean.clone().numpy(), norm.running_var.sqrt().numpy()
    with torch.no_grad():
        model.module_.train().encode(model.scaling_(torch.from_numpy(X)).float())
    means = np.average(seen[0].numpy(), axis=0, weights=weight)
    # The statistics began at 0.
    np.testing.assert_allclose(found / spread, means / spread, atol=0.15)
    without = seen[0].numpy().mean(axis=0)
    assert np.abs((without - means) / spread).max() > 0.5  # or these data would not tell


# Of a prior.


def test_codes_of_a_ring_fill_the_prior():
    rng = np.random.default_rng(0)
    model = AdversarialAutoencoder(2, hidden_layer_sizes=(64, 64), random_state=0)
    codes = model.fit(ring(3000, rng)).transform(ring(2000, rng))
    drawn, others = rng.standard_normal((2, 2000, 2))
    energy = 2 * cdist(codes, drawn).mean() - cdist(codes, codes).mean()
    assert energy - cdist(others, drawn).mean() < 0.015


# Weights.


def left_behind(model, X):
    """Numbers that a fit leaves, of rows of two kinds."""
    found = {"mean": model.scaling_.mean, "scale": model.scaling_.scale}
    # What a game with classes comes to, and how other terms share their sum, is left to chance.
    if not isinstance(model, AdversarialAutoencoderClassifier | AdversarialAutoencoderClustering):
        terms = "train_loss", "train_classification"
        found |= {k: v for k, v in model.net_.history[-1].items() if k in terms}
        if hasattr(model, "score_samples"):
            found["error"] = model.reconstruction_err_
            found["scores"] = model.score_samples(X).reshape(2, -1).mean(axis=1)
    if hasattr(model, "sample"):
        found["draws"] = model.sample(3000, random_state=0).mean(axis=0)
    if hasattr(model, "predict_proba"):
        found["probabilities"] = model.predict_proba(X).mean(axis=0)
    return {name: np.atleast_1d(value).astype(float) for name, value in found.items()}


@pytest.mark.parametrize("cls", [*ESTIMATORS, *CLASSIFIERS])
def test_whole_weights_are_rows_that_come_as_often(cls):
    """After as many steps, and what weights change by more than a tenth they change alike."""
    rng, n = np.random.default_rng(0), 300
    spread = np.array([1.0, 0.5, 0.3, 0.3])
    X = np.repeat([[0.0, 0, 0, 0], [3, 3, 0, 1]], n, axis=0) + spread * rng.normal(size=(2 * n, 4))
    weight = np.repeat([6, 1], n)
    y = np.where(np.arange(2 * n) % 3, -1, X[:, 0] + X[:, 1] + rng.normal(size=2 * n) > 1)
    settings = {"hidden_layer_sizes": (32,), "batch_size": 60, "learning_rate_init": 0.005}

    def fitted(rows, n_epochs, weight=None):
        given = {"y": y[rows]} if cls in CLASSIFIERS else {}
        model = make(cls, max_iter=n_epochs, early_stopping=False, random_state=0, **settings)
        return left_behind(model.fit(X[rows], **given, sample_weight=weight), X)

    each, often = np.arange(2 * n), np.repeat(np.arange(2 * n), weight)
    flat, weighted, repeated = fitted(each, 35), fitted(each, 35, weight), fitted(often, 10)
    np.testing.assert_allclose(weighted["mean"], repeated["mean"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weighted["scale"], repeated["scale"], rtol=1e-5)
    told = 0
    for name, expected in repeated.items():
        change = abs(flat[name] - expected).max()
        if change > 0.1 * abs(expected).max():
            assert abs(weighted[name] - expected).max() < change / 2, name
            told += 1
    assert told >= 3


# Of rows that are filled, cleaned and drawn.


def correlated(n_rows, rng):
    """Rows of a normal distribution, and its covariance."""
    axes = np.random.default_rng(5).normal(size=(2, 6))
    covariance = axes.T @ axes + 0.1 * np.eye(6)
    return rng.multivariate_normal(np.arange(6.0), covariance, n_rows), covariance


@pytest.mark.parametrize("cls", [AutoencoderTransformer, DenoisingAutoencoder, VAETransformer])
def test_what_is_imputed_is_nearly_the_conditional_mean(cls):
    rng = np.random.default_rng(0)
    X, covariance = correlated(2000, rng)
    hidden = rng.random(X.shape) < 0.25
    hidden[:, 0] = False
    with_holes = np.where(hidden, np.nan, X)
    model = cls(2, allow_nan=True, max_iter=20, random_state=0)
    found = model.fit(with_holes[:1500]).impute(with_holes[1500:])
    X, hidden, mean = X[1500:], hidden[1500:], np.arange(6.0)
    exact = X.copy()
    for row, missing in zip(exact, hidden, strict=True):
        known = ~missing
        weights = np.linalg.solve(covariance[np.ix_(known, known)], covariance[known][:, missing])
        row[missing] = mean[missing] + (row[known] - mean[known]) @ weights
    errors = [np.sqrt(((filled - X)[hidden] ** 2).mean()) for filled in (found, exact)]
    assert errors[0] < 1.05 * errors[1]
    np.testing.assert_array_equal(found[~hidden], X[~hidden])


@pytest.mark.parametrize("cls", [DenoisingAutoencoder, StackedDenoisingAutoencoder])
def test_what_is_denoised_is_nearly_what_the_best_linear_filter_gives(cls):
    rng = np.random.default_rng(0)
    X, covariance = correlated(2000, rng)
    level = 0.8
    model = cls(4, noise="gaussian", noise_level=level, max_iter=30, random_state=0).fit(X[:1500])
    clean = X[1500:]
    spread = level * np.asarray(model.scaling_.scale)  # in units of X
    noisy = clean + spread * rng.normal(size=clean.shape)
    mean = np.arange(6.0)
    noise = np.diag(np.broadcast_to(spread, 6) ** 2)
    wiener = mean + (noisy - mean) @ np.linalg.solve(covariance + noise, covariance)
    errors = [((found - clean) ** 2).mean() for found in (model.denoise(noisy), wiener)]
    assert errors[0] < 1.1 * errors[1]


def test_draws_lie_where_rows_do():
    rng = np.random.default_rng(0)
    model = VAETransformer(2, hidden_layer_sizes=(64, 64), random_state=0).fit(ring(1500, rng))
    drawn = model.sample(2000, random_state=0)
    rows, others = ring(2000, rng), ring(2000, rng)
    energy = 2 * cdist(drawn, rows).mean() - cdist(drawn, drawn).mean()
    assert energy - cdist(others, rows).mean() < 0.01
