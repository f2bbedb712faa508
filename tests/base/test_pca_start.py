"""Which rows judge between a model and its floor; `test_reconstruction` has what is promised."""

import numpy as np
import pytest
import torch

import skae
from skae import AutoencoderTransformer
from skae._base.pca_start import regressed
from skae._training.trainer import Trainer

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def test_rows_that_pca_knows_by_heart_are_found_wherever_they_are(monkeypatch):
    monkeypatch.setattr(skae._rows.source.chunks, "__defaults__", (16,))
    X = np.random.default_rng(0).normal(size=(400, 6))
    X = np.hstack([X, np.zeros((400, 40))])
    X[::10, 6:] = 100 * np.eye(40)
    judged = []

    def noted(self, net, rows, rows_val=None, *others, **settings):
        if rows_val is not None:
            judged.append(len(rows_val))
        return training(self, net, rows, rows_val, *others, **settings)

    training = Trainer._training
    monkeypatch.setattr(Trainer, "_training", noted)
    model = AutoencoderTransformer(40, init="pca", validation_fraction=0.5, **QUICK)
    model.fit(X)
    lone = 200 - judged[0]
    assert 10 < lone < 30
    # Of rows that are given to validate on none has been seen.
    model.fit(X[:200], X_val=X[200:])
    assert judged[1] == 200


def test_rows_that_pca_knows_by_heart_do_not_judge(digits, monkeypatch):
    lone = np.zeros((400, 40))
    lone[::10] = 320 * np.eye(40)  # each is a component of its own
    X = np.hstack([digits[:400] - digits[:400].mean(axis=0), lone])
    model = AutoencoderTransformer(45, init="pca", max_iter=20, random_state=0)
    assert model.fit(X).net_.best_epoch_ > 0
    monkeypatch.setattr(skae._base.pca_start, "MAX_LEVERAGE", np.inf)
    assert model.fit(X).net_.best_epoch_ == 0


@pytest.mark.parametrize("n_before", [1e-9, 50])
def test_a_regression_counts_weights_and_leaves_out_what_is_missing(n_before):
    """It is a ridge regression of each column, on the rows that have it, as often as they weigh."""
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=(30, 2)), rng.normal(size=(30, 3)), rng.integers(4, size=30)
    y[::3, 1] = np.nan
    for targets in (y, y[:, ::2]):
        found = regressed(*map(torch.tensor, (x, targets, weight[:, None])), n_before)
        for column, line in zip(targets.T, found, strict=True):
            times = np.where(np.isnan(column), 0, weight)
            rows = np.c_[x, np.ones(30)].repeat(times, axis=0)
            gram = rows.T @ rows + n_before * np.eye(3)
            expected = np.linalg.solve(gram, rows.T @ column.repeat(times))
            np.testing.assert_allclose(line, expected)


def test_training_goes_on_from_where_it_was_not_from_the_fit():
    """Else what is fitted and the network that it makes up for grow without end."""
    X = np.random.default_rng(0).normal(size=(1150, 6)) * np.arange(1, 7)
    settings = {**QUICK, "learning_rate_init": 1e-12}
    model = AutoencoderTransformer(2, init="pca", **settings)
    for start in range(0, 1100, 50):
        model.partial_fit(X[start : start + 50])
    linear, before = model.module_.decoder.linear, model._as_trained.weight
    assert not np.allclose(linear.weight.detach(), before, atol=1e-3)
    model.partial_fit(X[1100:])
    np.testing.assert_allclose(model._as_trained.weight, before, atol=1e-6)
