"""Each verb of each class against a value computed in numpy, of uneven and weighted rows.

Columns have places and spreads of their own, groups their sizes, rows their weights: what forgets
one of them, or counts it twice, is seen. `docs/reliability.md` lists what is held against what.
"""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from skorch.callbacks import Callback

from skae import (
    AdversarialAutoencoderClassifier,
    AdversarialAutoencoderClustering,
    AutoencoderClassifier,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    SemanticHashing,
    StackedDenoisingAutoencoder,
    VAEClassifier,
    VAETransformer,
)

from .base.estimators import CLASSIFIERS, ESTIMATORS
from .quick import make

CENTRES = np.array([[0.0, 0, 0, 0], [4, 4, 0, 1], [-4, 4, 2, 0]])
SHARES = [0.6, 0.3, 0.1]
PLACE, SPREAD = np.array([100.0, -3, 0, 7]), np.array([2.0, 3, 0.5, 1])
WITH_LOSS = [cls for cls in [*ESTIMATORS, *CLASSIFIERS] if hasattr(cls(), "loss")]
# Those whose decoder is always told the class.
TOLD = AdversarialAutoencoderClassifier, AdversarialAutoencoderClustering, VAEClassifier
NOISY = DenoisingAutoencoder, StackedDenoisingAutoencoder


def groups(n_rows, rng):
    """Rows of three groups, which group, and weights."""
    y = rng.choice(3, n_rows, p=SHARES)
    X = PLACE + SPREAD * (CENTRES[y] + 0.5 * rng.standard_normal((n_rows, 4)))
    return X, y, rng.exponential(size=n_rows) * np.array([1, 1, 5])[y]


def weighted_shares(y, weight):
    shares = np.bincount(y[y >= 0], weight[y >= 0])
    return shares / shares.sum()


class HeldOut(Callback):
    """Which rows were held out."""

    def on_epoch_end(self, net, dataset_valid=None, **kwargs):
        self.rows_ = dataset_valid.subset


# What a row costs.

LOSSES = {
    "absolute_error": lambda x, p: np.abs(x - p),
    "log_loss": lambda x, p: -x * np.log(p) - (1 - x) * np.log1p(-p),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("cls", WITH_LOSS)
def test_scores_and_kept_errors_are_losses_of_what_codes_decode_to(cls, loss):
    X, y, weight = groups(200, np.random.default_rng(0))
    if loss == "log_loss":
        X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    held = HeldOut()
    quiet = {"noise_level": 0.0} if cls in NOISY else {}  # the kept error is of corrupted rows
    model = make(cls, loss=loss, early_stopping=True, callbacks=[held], **quiet)
    model.fit(X, **({"y": y} if cls in CLASSIFIERS else {}), sample_weight=weight)
    classes = range(model.n_clusters if cls is AdversarialAutoencoderClustering else 3)
    told = [(k,) for k in classes] if cls in TOLD else [()]
    codes = model.transform(X)
    costs = [LOSSES[loss](X, model.inverse_transform(codes, *y)).mean(axis=1) for y in told]
    scores = -np.min(costs, axis=0)  # as the class that fits best
    np.testing.assert_allclose(model.score_samples(X), scores, rtol=1e-4, atol=1e-6)
    if cls not in TOLD:
        rows = held.rows_
        error = np.average(-scores[rows], weights=weight[rows])
        assert model.reconstruction_err_ == pytest.approx(error, rel=1e-4)
        assert error != pytest.approx(-scores[rows].mean(), rel=1e-3)  # or weights would not tell


@pytest.mark.parametrize("cls", [VAETransformer, VAEClassifier])
def test_likelihoods_sum_over_classes_as_often_as_they_weigh(cls):
    X, y, weight = groups(1000, np.random.default_rng(0))
    weight = np.where(y == 0, 3 * weight, weight)
    settings = {"hidden_layer_sizes": (), "output_activation": "identity", "max_iter": 15}
    if cls is VAETransformer:
        settings["conditional"] = True
    model = make(cls, n_components=2, n_score_samples=200, **settings)
    some = np.where(np.arange(800) < 500, y[:800], -1) if cls is VAEClassifier else y[:800]
    model.fit(X[:800], some, sample_weight=weight[:800])
    noise = model.module_.link.parameter.exp().item() * model.scaling_.scale.item() ** 2
    ends, densities = np.concatenate([np.zeros((1, 2)), np.eye(2)]), []
    for k in range(3):
        bias, *axes = model.inverse_transform(ends, [k] * 3)
        covariance = (axes - bias).T @ (axes - bias) + noise * np.eye(4)
        densities.append(stats.multivariate_normal(bias, covariance).logpdf(X[800:]))
    exact = logsumexp(np.transpose(densities), b=weighted_shares(some, weight[:800]), axis=1)
    even = logsumexp(np.transpose(densities), b=np.full(3, 1 / 3), axis=1)
    apart = [np.median(np.abs(found - exact)) for found in (model.score_samples(X[800:]), even)]
    assert apart[0] < 0.15
    assert apart[1] > 0.5  # or these data would not tell


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_the_kept_loss_is_that_of_held_out_labels(cls):
    X, y, weight = groups(400, np.random.default_rng(0))
    some = np.where(np.arange(400) % 3, -1, y)
    held = HeldOut()
    settings = {"calibrated": False} if hasattr(cls(), "calibrated") else {}
    settings |= {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 6}
    model = make(cls, callbacks=[held], **settings).fit(X, some, sample_weight=weight)
    rows = held.rows_[some[held.rows_] >= 0]
    probabilities = model.predict_proba(X[rows])
    entropy = log_loss(some[rows], probabilities, sample_weight=weight[rows], labels=range(3))
    assert model.best_loss_ == pytest.approx(entropy, rel=1e-4)
    assert -max(model.validation_scores_) == pytest.approx(entropy, rel=1e-4)


# Draws.


def tilted(n_rows, rng):
    """Normal rows, weights with which they are another normal distribution, and that one."""
    axes = np.array([[1.0, 0.8, 0.0, 0.5], [0.0, -0.5, 1.0, 0.5]])
    covariance = axes.T @ axes + 0.05 * np.eye(4)
    X = rng.multivariate_normal(np.zeros(4), covariance, n_rows)
    pull, squeeze = np.array([0.7, 0, -0.5, 0]), np.diag([0.5, 0, 0, 0])
    weight = np.exp(X @ pull - (X @ squeeze * X).sum(axis=1) / 2)
    covariance = np.linalg.inv(np.linalg.inv(covariance) + squeeze)
    return X, weight, covariance @ pull, covariance


# What a game with classes comes to is left to chance, and bits decode to few rows.
BY_CHANCE = AdversarialAutoencoderClassifier, AdversarialAutoencoderClustering, SemanticHashing
DRAWN = [c for c in [*ESTIMATORS, *CLASSIFIERS] if hasattr(c, "sample") and c not in BY_CHANCE]


@pytest.mark.parametrize("cls", DRAWN)
def test_draws_have_the_mean_and_the_covariance_of_rows_as_they_weigh(cls):
    X, weight, mean, covariance = tilted(1500, np.random.default_rng(0))
    settings = {"max_iter": 15, "hidden_layer_sizes": (32,), "learning_rate_init": 0.005}
    if cls in NOISY:
        settings["noise_level"] = 0.05
    given = {"y": (X[:, 0] > 0).astype(int)} if cls in CLASSIFIERS else {}
    model = make(cls, **settings).fit(X + PLACE, **given, sample_weight=weight)
    with_noise = {"noise": True} if cls is VAETransformer else {}
    drawn = model.sample(4000, random_state=0, **with_noise) - PLACE
    off = np.linalg.norm(drawn.mean(axis=0) - mean) / np.linalg.norm(mean)
    wide = np.linalg.norm(np.cov(drawn.T) - covariance) / np.linalg.norm(covariance)
    assert off < 0.25
    assert wide < 0.2  # without weights 1 and 0.36


@pytest.mark.parametrize("cls", [VAETransformer, VAEClassifier])
def test_classes_are_drawn_as_often_as_they_weigh_and_where_they_lie(cls):
    X, y, weight = groups(1000, np.random.default_rng(0))
    settings = {"max_iter": 20, "hidden_layer_sizes": (32,), "learning_rate_init": 0.005}
    if cls in CLASSIFIERS:
        some = np.where(np.arange(1000) % 2, -1, y)
    else:
        some, settings["conditional"] = y, True
    model = make(cls, n_components=2, **settings).fit(X, some, sample_weight=weight)

    def nearest(rows):
        return cdist((rows - PLACE) / SPREAD, CENTRES).argmin(axis=1)

    shares = np.bincount(nearest(model.sample(3000, random_state=0)), minlength=3) / 3000
    np.testing.assert_allclose(shares, weighted_shares(some, weight), atol=0.04)
    for k in range(3):
        assert (nearest(model.sample(200, random_state=0, y=k)) == k).mean() > 0.95


# Codes, classes, streams.


def test_bits_are_signs_and_packed_bytes_keep_their_distances():
    X, _, weight = groups(300, np.random.default_rng(0))
    model = make(SemanticHashing, n_components=12).fit(X, sample_weight=weight)
    encoder, bits = model.module_.encoder
    with torch.no_grad():
        x = (X - np.average(X, axis=0, weights=weight)) / model.scaling_.scale.item()
        numbers = encoder(torch.from_numpy(x).float()).numpy()
    signs = numbers > bits.norm.running_mean.numpy()
    np.testing.assert_array_equal(model.transform(X), signs)
    distance = np.unpackbits(model.pack(X)[:, None] ^ model.pack(X), axis=2).sum(axis=2)
    np.testing.assert_array_equal(distance, (signs[:, None] != signs).sum(axis=2))


def test_probabilities_of_a_meta_estimator_are_those_of_the_labelled_rows():
    X, y, weight = groups(400, np.random.default_rng(0))
    some = np.where(np.arange(400) % 3, -1, y)
    inner = make(AutoencoderTransformer)
    model = AutoencoderClassifier(inner).fit(X, some, sample_weight=weight)
    known = some >= 0
    codes = inner.fit(X, sample_weight=weight).transform(X)
    right = LogisticRegression(max_iter=1000).fit(codes[known], y[known], weight[known])
    expected = softmax(codes @ right.coef_.T + right.intercept_, axis=1)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-4)


@pytest.mark.parametrize("cls", [c for c in ESTIMATORS if c not in (*TOLD, SemanticHashing)])
def test_sorted_pieces_teach_all_groups(cls):
    X, y, _ = groups(600, np.random.default_rng(0))
    model = make(cls, hidden_layer_sizes=(32,), learning_rate_init=0.01, batch_size=20)
    for part in 3 * np.array_split(np.argsort(y, kind="stable"), 6):
        model.partial_fit(X[part])
    errors = ((X - model.inverse_transform(model.transform(X))) ** 2).mean(axis=1)
    left = [errors[y == k].mean() / X.var(axis=0).mean() for k in range(3)]
    assert max(left) < 0.3
