"""Which rows judge between a model and its floor; `test_reconstruction` has what is promised."""

import numpy as np

import skae
from skae import AutoencoderTransformer
from skae._training.trainer import Trainer

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def test_rows_that_pca_knows_by_heart_are_found_wherever_they_are(monkeypatch):
    monkeypatch.setattr(skae._rows.source.chunks, "__defaults__", (16,))
    X = np.random.default_rng(0).normal(size=(400, 6))
    X = np.hstack([X, np.zeros((400, 40))])
    X[::10, 6:] = 100 * np.eye(40)
    judged = []

    def noted(self, net, rows, rows_val, *others):
        judged.append(len(rows_val))
        return training(self, net, rows, rows_val, *others)

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
