"""Fine-tuning: what it moves, what it sees, and what it refuses."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderClassifier, AutoencoderTransformer, VAETransformer
from skae._base.fine_tuning import FineTuner

TARGET = load_digits().target[:400]
FEW = np.where(np.arange(400) < 100, TARGET, -1)
QUICK = {"hidden_layer_sizes": (32,), "max_iter": 5, "random_state": 0}


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
def test_fine_tuning_makes_codes_tell_classes_apart(cls):
    X, y = load_digits(return_X_y=True)
    transformer = cls(2, max_iter=5, random_state=0)
    plain, tuned = (
        AutoencoderClassifier(transformer, fine_tune=fine_tune).fit(X[:1000], y[:1000])
        for fine_tune in (False, True)
    )
    assert tuned.score(X[1000:], y[1000:]) > plain.score(X[1000:], y[1000:]) + 0.05
    assert not hasattr(transformer, "net_")
    before, after = (dict(m.transformer_.module_.named_parameters()) for m in (plain, tuned))
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"encoder"}
    codes = plain.transformer_.transform(X), tuned.transformer_.transform(X)
    assert not np.allclose(*codes)
    again = clone(tuned).fit(X[:1000], y[:1000])
    np.testing.assert_array_equal(again.predict_proba(X), tuned.predict_proba(X))


def test_fine_tuning_sees_labelled_rows_only(digits, monkeypatch):
    """Beyond what the representation was made of."""
    tuners, settings = [], {**QUICK, "early_stopping": False}
    model = AutoencoderClassifier(AutoencoderTransformer(4, **settings), fine_tune=True)

    class Noting(FineTuner):
        def fit(self, X, y, sample_weight=None):
            tuners.append((self, X, y))
            return super().fit(X, y, sample_weight)

    monkeypatch.setattr("skae._autoencoder_classifier.FineTuner", Noting)
    model.fit(digits, FEW)
    (tuner, X, y), *_ = tuners
    np.testing.assert_array_equal(X, digits[:100])
    np.testing.assert_array_equal(y, TARGET[:100])
    # The encoder must see them as it saw all rows before.
    assert tuner.scaling_ is model.transformer_.scaling_
    # Rows of no weight are not there; their labels neither.
    weight = (np.arange(400) >= 20).astype(float)
    wrong = np.where(np.arange(400) < 20, (FEW + 1) % 10, FEW)
    one, other = (clone(model).fit(digits, labels, weight) for labels in (FEW, wrong))
    np.testing.assert_array_equal(one.predict_proba(digits), other.predict_proba(digits))


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (AutoencoderClassifier(StandardScaler(), fine_tune=True), TypeError, "autoencoder of skae"),
        (
            AutoencoderClassifier(
                AutoencoderTransformer(4, **QUICK),
                fine_tune_params={"hidden_layer_sizes": (3,)},
            ),
            ValueError,
            "fine_tune_params has",
        ),
        (
            AutoencoderClassifier(
                AutoencoderTransformer(4, **QUICK), fine_tune=True, fine_tune_params={"max_iter": 0}
            ),
            ValueError,
            "max_iter",
        ),
    ],
)
def test_what_can_not_be_fine_tuned_says_so(model, error, message, digits):
    with pytest.raises(error, match=message):
        model.fit(digits, FEW)
