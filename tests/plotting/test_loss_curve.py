"""Loss curves show the history."""

import pickle

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer
from skae.plotting import LossCurveDisplay

from .displays import QUICK


def test_loss_curves_are_those_of_the_history(vae):
    display = LossCurveDisplay.from_estimator(vae, train_kwargs={"color": "red"})
    training, held_out = display.lines_
    np.testing.assert_array_equal(training.get_xdata(), [1, 2])
    np.testing.assert_array_equal(training.get_ydata(), vae.loss_curve_)
    np.testing.assert_array_equal(-held_out.get_ydata(), vae.validation_scores_)
    assert training.get_color() == "red"
    kl = LossCurveDisplay.from_estimator(make_pipeline("passthrough", vae), term="kl")
    np.testing.assert_array_equal(kl.lines_[0].get_ydata(), vae.net_.history[:, "train_kl"])
    with pytest.raises(ValueError, match=r"term='KL' .*'kl', 'loss', 'reconstruction'"):
        LossCurveDisplay.from_estimator(vae, term="KL")
    with pytest.raises(TypeError, match="PCA has no net_"):
        LossCurveDisplay.from_estimator(PCA(2).fit(np.eye(3)))


def test_the_epoch_that_was_kept_is_marked(digits):
    model = AutoencoderTransformer(2, **{**QUICK, "max_iter": 4}).fit(digits)
    display = LossCurveDisplay.from_estimator(model)
    scores = model.validation_scores_
    assert display.best_epoch in (0, 1 + int(np.argmax(scores)))
    assert any("kept" in text.get_text() for text in display.ax_.get_legend().get_texts())
    unjudged = AutoencoderTransformer(2, early_stopping=False, **QUICK).fit(digits)
    display = LossCurveDisplay.from_estimator(unjudged)
    assert len(display.lines_) == 1
    assert display.best_epoch is None


def test_the_start_of_a_later_fit_is_no_epoch(digits):
    model = AutoencoderTransformer(2, **{**QUICK, "max_iter": 3}, warm_start=True).fit(digits)
    model.set_params(learning_rate_init=0.5).fit(digits)  # never as good as before
    for fitted in (model, pickle.loads(pickle.dumps(model))):
        display = LossCurveDisplay.from_estimator(fitted)
        assert display.best_epoch == 3
        *_, kept = display.ax_.get_legend().get_texts()
        assert kept.get_text() == "kept: the start of the last fit"
