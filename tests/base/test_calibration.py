"""Probabilities of classes that can be relied on: what is learned of labels, and when."""

import numpy as np
import pytest
import torch

from skae import VAEClassifier
from skae._base.calibration import fit_calibration

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}


def fit(n_labelled, **settings):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((120, 4)), np.arange(120) % 2
    X[:, 0] += 2 * y
    y[n_labelled:] = -1
    return VAEClassifier(2, **QUICK, **settings).fit(X, y), X, y


@pytest.mark.parametrize(
    ("n_labelled", "calibrated", "n_passes"), [(60, True, 2), (60, False, 0), (18, True, 0)]
)
def test_the_posterior_is_computed_only_where_it_counts(n_labelled, calibrated, n_passes):
    """A pass of the decoder for each class; of few labels no calibration is learned."""
    model, X, _ = fit(n_labelled, calibrated=calibrated)
    passes = []
    model.module_.decoder.register_forward_hook(lambda *_: passes.append(1))
    probabilities = model.predict_proba(X)
    assert len(passes) == n_passes
    # As if it had been computed all the same.
    module = model.module_
    with torch.inference_mode():
        logits = module.calibration(*module.sources(model.scaling_(torch.from_numpy(X)).float()))
    np.testing.assert_allclose(probabilities, logits.softmax(dim=1), atol=1e-6)


def test_what_goes_on_keeps_its_calibration():
    model, X, y = fit(60, warm_start=True)
    before = model.module_.calibration.weights.clone()
    assert model.module_.calibration.is_set
    for go_on in (model.partial_fit, model.fit):
        torch.testing.assert_close(go_on(X, y).module_.calibration.weights, before, rtol=0, atol=0)


def test_a_calibration_finds_what_was_done_to_the_logits():
    rng = np.random.default_rng(0)
    right = rng.standard_normal((20_000, 3)) * 2
    labels = (right + rng.gumbel(size=right.shape)).argmax(axis=1)
    logits = np.stack([5 * (right - [0.5, 0, -0.5]), rng.standard_normal(right.shape)])
    weights, offset = fit_calibration(logits, labels, np.ones(len(labels)))
    found = (weights @ logits.swapaxes(1, 2)).sum(axis=0).T + offset
    difference = found - right
    difference -= difference.mean(axis=1, keepdims=True)
    assert np.abs(difference).mean() < 0.1
    # Weights count as copies, whatever their unit, and of few rows little is believed.
    logits, labels, weight = logits[:, :3000], labels[:3000], rng.integers(1, 4, 3000)
    copies = np.repeat(logits, weight, axis=1), np.repeat(labels, weight), np.ones(weight.sum())
    for unit in (1, 10):
        weighted = fit_calibration(logits, labels, unit * weight)
        for part, of_copies in zip(weighted, fit_calibration(*copies), strict=True):
            np.testing.assert_allclose(part, of_copies, atol=0.03)
    few, _ = fit_calibration(logits[:, :20], labels[:20], np.ones(20))
    np.testing.assert_array_equal(few[0] == 0, ~np.eye(3, dtype=bool))


def test_what_a_logit_says_of_other_classes_is_believed_the_more_rows_show_it():
    rng, mix = np.random.default_rng(0), np.array([[1.0, 1, 0], [0, 1, 0], [0, 0, 1]])
    logits = 2 * rng.standard_normal((2000, 3))
    labels = (logits @ mix.T + rng.gumbel(size=logits.shape)).argmax(axis=1)

    def found(n_rows):
        weights, _ = fit_calibration(logits[None, :n_rows], labels[:n_rows], np.ones(n_rows))
        return (weights[0] / weights[0].diagonal().mean())[0, 1]

    none, little, more = (found(n_rows) for n_rows in (20, 30, 90))
    assert none == 0
    assert 0.1 < little < 0.4
    assert more == pytest.approx(1, abs=0.3)
