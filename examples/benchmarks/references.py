"""Whether the numbers are right: each against an independent value, on data that tell mistakes.

python examples/benchmarks/references.py
python examples/benchmarks/references.py ladder weights --seeds 5

A line has what is right, computed without skae wherever that is possible, and what is found, for
each seed. All models are as by default unless the line says otherwise.
"""

import argparse
import math

import numpy as np
import torch
from _shapes import CURVED_AND_CLUMPED, beside_uniform, ring, twins
from _two_samples import energy_distance
from scipy import stats
from scipy.special import gammaln, log_softmax
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    AdversarialAutoencoder,
    AdversarialAutoencoderClassifier,
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    LadderClassifier,
    VAEClassifier,
    VAETransformer,
)
from skae.losses import negative_binomial_nll
from skae.metrics import explained_variance

ROWS = {}


def row(name, what):
    """A line of the table, whose function gives what is right and what is found, for a seed."""

    def note(function):
        ROWS[what] = name, function
        return function

    return note


# Shapes.


def density_of_ring(X):
    """The density of `ring`, by integration over the angle."""
    angles = np.linspace(0, 2 * np.pi, 721)[:-1]
    centres = np.c_[np.cos(angles), np.sin(angles)]
    squares = ((X[:, None] - centres) ** 2).sum(axis=2)
    return np.exp(-squares / 0.02).mean(axis=1) / (2 * np.pi * 0.01)


@row("shapes", "log density of held-out rows of a ring")
def _(seed, rng):
    model = VAETransformer(2, random_state=seed).fit(ring(3000, rng))
    X = ring(3000, rng)
    return np.log(density_of_ring(X)).mean(), model.score(X)


@row("shapes", "log density of held-out rows at -1 and +1")
def _(seed, rng):
    model = VAETransformer(1, random_state=seed).fit(twins(3000, rng))
    X = twins(3000, rng)
    density = stats.norm.pdf(X, -1, 0.1) / 2 + stats.norm.pdf(X, 1, 0.1) / 2
    return np.log(density).mean(), model.score(X)


def detected(make, seed, rng):
    """The area under the curve, of a shape against uniform rows: the best of others, and ours."""
    X, rows, is_outside = beside_uniform(make, rng)
    others = (
        IsolationForest(random_state=seed),
        LocalOutlierFactor(novelty=True),
        GaussianMixture(10, random_state=seed),
    )
    ours = AutoencoderOutlierDetector(novelty=False, random_state=seed)
    *right, found = (
        roc_auc_score(is_outside, -model.fit(X).score_samples(rows)) for model in (*others, ours)
    )
    return max(right), found


for name, make in CURVED_AND_CLUMPED.items():
    row("detector", f"area under the curve of the detector, {name}")(
        lambda seed, rng, make=make: detected(make, seed, rng)
    )


# Classes.


@row("ladder", "accuracy of `LadderClassifier`, groups of .8/.1/.1, 30 labels each")
def _(seed, rng):
    def groups():
        y = rng.choice(3, 3000, p=[0.8, 0.1, 0.1])
        return np.array([[0, 0], [3, 0], [0, 3]])[y] + 0.75 * rng.standard_normal((3000, 2)), y

    (X, y), (X_test, y_test) = groups(), groups()
    known = np.concatenate([np.flatnonzero(y == group)[:30] for group in range(3)])
    some = np.full(len(y), -1)
    some[known] = y[known]
    right = LogisticRegression().fit(X[known], y[known]).score(X_test, y_test)
    return right, LadderClassifier(random_state=seed).fit(X, some).score(X_test, y_test)


def overlapping(n_rows, rng, shares):
    """Classes on a line in ten dimensions, a deviation and a half apart."""
    y = rng.choice(len(shares), n_rows, p=shares)
    X = rng.standard_normal((n_rows, 10))
    X[:, 0] += 1.5 * y
    return X, y


def surest(logits, y):
    """The log loss of probabilities at the temperature that is best for these very rows."""
    log_p = (log_softmax(logits / heat, axis=1) for heat in np.geomspace(0.1, 30, 100))
    return min(-found[np.arange(len(y)), y].mean() for found in log_p)


CLASSIFIERS = (
    AutoencoderClassifier,
    LadderClassifier,
    AdversarialAutoencoderClassifier,
    VAEClassifier,
)


def log_losses(make, n_labels, seed, rng):
    """Of logistic regression of the labelled rows, and of one of our classifiers."""
    (X, y), (X_test, y_test) = (overlapping(2000, rng, [0.6, 0.3, 0.1]) for _ in range(2))
    some = np.where(np.arange(2000) < n_labels, y, -1)
    right = LogisticRegression().fit(X[:n_labels], y[:n_labels])
    models = right, make(random_state=seed).fit(X, some)
    return tuple(log_loss(y_test, model.predict_proba(X_test)) for model in models)


def log_losses_of_own(make, seed, rng):
    """Of one of our classifiers: of its plain logits at their best temperature, and as it comes."""
    (X, y), (X_test, y_test) = (overlapping(2000, rng, [0.6, 0.3, 0.1]) for _ in range(2))
    some = np.where(np.arange(2000) < 100, y, -1)
    plain = make(calibrated=False, random_state=seed).fit(X, some).predict_proba(X_test)
    found = make(random_state=seed).fit(X, some).predict_proba(X_test)
    return surest(np.log(plain + 1e-30), y_test), log_loss(y_test, found)


def log_losses_of_digits(make, seed):
    """Of one of our classifiers, at the temperature that is best and as it comes."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    X, y = X[order], y[order]
    model = make(random_state=seed).fit(X[:1200], np.where(np.arange(1200) < 100, y[:1200], -1))
    log_p = np.log(model.predict_proba(X[1200:]) + 1e-30)
    return surest(log_p, y[1200:]), -log_p[np.arange(597), y[1200:]].mean()


for make in CLASSIFIERS:
    for n_labels in (100, 2000):
        row("probabilities", f"log loss of `{make.__name__}`, .6/.3/.1 overlap, {n_labels} labels")(
            lambda seed, rng, make=make, n=n_labels: log_losses(make, n, seed, rng)
        )
    row("probabilities", f"log loss of `{make.__name__}`, digits, 100 labels")(
        lambda seed, rng, make=make: log_losses_of_digits(make, seed)
    )

for make in (AdversarialAutoencoderClassifier, VAEClassifier):
    row("calibration", f"log loss of `{make.__name__}`, overlap, 100 labels, by its own logits")(
        lambda seed, rng, make=make: log_losses_of_own(make, seed, rng)
    )


@row("shares", "accuracy of `AdversarialAutoencoderClassifier`, .6/.3/.1 overlap, all labels")
def _(seed, rng):
    train, test = (overlapping(2000, rng, [0.6, 0.3, 0.1]) for _ in range(2))
    models = LogisticRegression(), AdversarialAutoencoderClassifier(random_state=seed)
    return tuple(model.fit(*train).score(*test) for model in models)


@row("shares", "mean probability of the largest class")
def _(seed, rng):
    (X, y), (X_test, y_test) = (overlapping(2000, rng, [0.6, 0.3, 0.1]) for _ in range(2))
    model = AdversarialAutoencoderClassifier(random_state=seed).fit(X, y)
    return (y_test == 0).mean(), model.predict_proba(X_test)[:, 0].mean()


# Weights.


@row("weights", "share of draws of `AutoencoderTransformer`, clumps weighted 9:1")
def _(seed, rng):
    X = np.repeat([[0.0] * 3, [4.0] * 3], 500, axis=0) + 0.3 * rng.standard_normal((1000, 3))
    model = AutoencoderTransformer(2, random_state=seed)
    model.fit(X, sample_weight=np.repeat([9.0, 1.0], 500))
    return 0.9, (model.sample(5000, random_state=seed)[:, 0] < 2).mean()


@row("weights", "labelled term of `VAEClassifier`, weight 10 by ten copies")
def _(seed, rng):
    X, y = overlapping(1000, rng, [0.5, 0.5])
    some = np.where(np.arange(1000) < 100, y, -1)
    weight = np.where(some < 0, 1, 10)
    settings = {"max_iter": 20, "random_state": seed}
    weighted = VAEClassifier(**settings).fit(X, some, weight)
    copied = VAEClassifier(**settings).fit(*(np.repeat(part, weight, axis=0) for part in (X, some)))
    terms = [model.net_.history[-1, "train_labelled"] for model in (weighted, copied)]
    return 1.0, terms[0] / terms[1]


@row("weights", "`best_loss_` of `LadderClassifier`, labels weighted 10 by weighted 0.1")
def _(seed, rng):
    X, y = overlapping(1000, rng, [0.5, 0.5])
    some = np.where(np.arange(1000) < 200, y, -1)
    model = LadderClassifier(early_stopping=True, max_iter=20, random_state=seed)
    losses = [model.fit(X, some, np.where(some < 0, 1, w)).best_loss_ for w in (10, 0.1)]
    return 1.0, losses[0] / losses[1]


# Holes and units.


@row("holes", "mean log density of what is observed, half of it missing, less the exact one")
def _(seed, rng):
    X = rng.standard_normal((3000, 2)) @ rng.standard_normal((2, 6))
    X += 0.5 * rng.standard_normal(X.shape)
    X[rng.uniform(size=X.shape) < 0.5] = np.nan
    model = VAETransformer(2, hidden_layer_sizes=(), allow_nan=True, output_activation="identity")
    model.set_params(random_state=seed).fit(X[:2000])
    bias, *ends = model.inverse_transform(np.concatenate([np.zeros((1, 2)), np.eye(2)]))
    noise = model.module_.link.parameter.exp().item() * model.scaling_.scale.item() ** 2
    covariance = (ends - bias).T @ (ends - bias) + noise * np.eye(6)
    exact = []
    for x in X[2000:]:
        seen = ~np.isnan(x)
        if not seen.any():
            exact.append(0.0)
            continue
        part = stats.multivariate_normal(bias[seen], covariance[np.ix_(seen, seen)])
        exact.append(part.logpdf(x[seen]))
    return 0.0, model.score(X[2000:]) - np.mean(exact)


@row("holes", "log density of a row without any value")
def _(seed, rng):
    X = rng.standard_normal((1000, 8)) ** 2
    X[rng.uniform(size=X.shape) < 0.3] = np.nan
    model = VAETransformer(2, allow_nan=True, random_state=seed).fit(X)
    return 0.0, model.score(np.full((1, 8), np.nan))


@row("holes", "`reconstruction_err_` of X times 1000 less of X, 10 columns, complete `X_val`")
def _(seed, rng):
    X, X_val = rng.standard_normal((2, 500, 10))
    X[rng.uniform(size=X.shape) < 0.3] = np.nan
    model = VAETransformer(2, allow_nan=True, max_iter=3, random_state=seed)
    errors = [model.fit(c * X, X_val=c * X_val).reconstruction_err_ for c in (1, 1000)]
    return 10 * math.log(1000), errors[1] - errors[0]


@row("units", "explained variance of a constant")
def _(seed, rng):
    model = make_pipeline(StandardScaler(), AutoencoderTransformer(1, max_iter=1))
    model.fit(rng.standard_normal((20, 2)))
    return math.nan, explained_variance(model, np.full((7, 2), 0.1))


@row("units", "negative binomial loss in float32, log-dispersion 15")
def _(seed, rng):
    count, log_mean, size = rng.poisson(4.0), float(np.float32(rng.normal(1, 0.3))), math.exp(15)
    rising = np.log1p(np.arange(count) / size).sum() - gammaln(count + 1)
    right = (count + size) * math.log1p(math.exp(log_mean) / size) - count * log_mean - rising
    given = (torch.tensor([[float(value)]]) for value in (count, log_mean, 15))
    return right, negative_binomial_nll(*given).item()


@row("prior", "energy distance of the codes of an `AdversarialAutoencoder` of a ring to its prior")
def _(seed, rng):
    model = AdversarialAutoencoder(2, random_state=seed).fit(ring(3000, rng))
    drawn, others = rng.standard_normal((2, 2000, 2))
    return energy_distance(drawn, others), energy_distance(model.transform(ring(2000, rng)), others)


def main():
    """Print the table."""
    names = list(dict.fromkeys(name for name, _ in ROWS.values()))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {names}; default all")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"unknown {sorted(unknown)}; there are {names}")
    print("| what | right | found |\n| --- | --- | --- |")
    for what, (name, function) in ROWS.items():
        if options.names and name not in options.names:
            continue
        both = [function(seed, np.random.default_rng(seed)) for seed in range(options.seeds)]
        right, found = (
            ", ".join(f"{value:.4g}" for value in part) for part in zip(*both, strict=True)
        )
        print(f"| {what} | {right} | {found} |", flush=True)


if __name__ == "__main__":
    main()
