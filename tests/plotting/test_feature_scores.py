"""The picture of strange rows: the strangest first, named as they are."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer
from skae.plotting import FeatureScoresDisplay


@pytest.fixture(scope="module")
def detector():
    rng = np.random.default_rng(0)
    size = rng.normal(size=300)
    X = pd.DataFrame(
        {"length": 5 * size, "a weight with a rather long name": size, "town": "a"},
        index=[f"row {i}" for i in range(300)],
    )
    X.loc[size > 0, "town"] = "b"
    columns = make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(), [2]))
    model = AutoencoderTransformer(1, hidden_layer_sizes=(16,), max_iter=60, random_state=0)
    detector = AutoencoderOutlierDetector(model, novelty=False)
    X.loc["row 7", "length"] = -4 * X.loc["row 7", "length"]
    return make_pipeline(columns, detector).fit(X), X


def test_the_strangest_row_comes_first(detector):
    model, X = detector
    display = FeatureScoresDisplay.from_estimator(model, X, n_rows=5)
    assert display.row_names[0] == "row 7"
    assert list(display.feature_names) == list(X.columns)
    frame = display.to_frame()
    assert frame.shape == (5, 3)
    assert frame.loc["row 7"].idxmin() != "town"
    assert display.image_.get_array().shape == (5, 3)
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == list(display.row_names)
    # The same axes again: nothing is drawn over what was there.
    display.plot(ax=display.ax_)
    assert len(display.ax_.images) == 1
    assert len(display.figure_.axes) == 2


def test_few_features_are_those_that_tell_most(detector):
    model, X = detector
    display = FeatureScoresDisplay.from_estimator(model, X, n_rows=1, n_features=1)
    whole = FeatureScoresDisplay.from_estimator(model, X, n_rows=1)
    assert display.feature_scores[0, 0] == whole.feature_scores.min()


def test_what_has_no_reasons_is_refused(detector):
    model, X = detector
    with pytest.raises(TypeError, match="AutoencoderOutlierDetector"):
        FeatureScoresDisplay.from_estimator(model[:-1], X)
