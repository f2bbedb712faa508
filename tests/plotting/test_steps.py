"""What the displays ask of estimators, and of the steps of pipelines."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from skae import (
    AdversarialAutoencoder,
    AdversarialAutoencoderClassifier,
    AdversarialAutoencoderClustering,
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    DenoisingAutoencoder,
    VAEClassifier,
    VAETransformer,
)
from skae.plotting import LatentManifoldDisplay, LatentSpaceDisplay, ReconstructionDisplay

from .displays import DISPLAYS, QUICK, draw

META = {
    "its autoencoder_": lambda X: AutoencoderOutlierDetector(PCA(2)).fit(X),
    "its transformer_": lambda X: AutoencoderClassifier(PCA(2)).fit(X, np.arange(len(X)) % 2),
    "a pipeline of the earlier steps and its autoencoder_": lambda X: make_pipeline(
        StandardScaler(), AutoencoderOutlierDetector(PCA(2))
    ).fit(X),
}


@pytest.mark.parametrize(
    "display", [LatentManifoldDisplay, LatentSpaceDisplay, ReconstructionDisplay]
)
@pytest.mark.parametrize("what", META)
def test_of_what_holds_an_autoencoder_that_is_asked_for(display, what, digits):
    with pytest.raises(TypeError, match=rf"has no transform.* Give {what}\."):
        display.from_estimator(META[what](digits), digits)


@pytest.mark.parametrize("display", DISPLAYS)
def test_what_is_not_fitted_is_refused(display, digits):
    with pytest.raises(NotFittedError):
        draw(display, VAETransformer(2), digits)


CLASSES = {
    "conditional": lambda: AdversarialAutoencoder(2, conditional=True, **QUICK),
    "scaled": lambda: make_pipeline(MinMaxScaler(), VAETransformer(2, conditional=True, **QUICK)),
    "classifier": lambda: VAEClassifier(2, **QUICK),
    "adversarial classifier": lambda: AdversarialAutoencoderClassifier(**QUICK),
    "clustering": lambda: AdversarialAutoencoderClustering(3, **QUICK),
}


@pytest.mark.parametrize("name", CLASSES)
def test_rows_are_reconstructed_as_their_classes(name, digits):
    digits, y = digits[:150], np.array(["a", "b", "c"])[np.arange(150) % 3]
    model = CLASSES[name]().fit(digits, None if name == "clustering" else y)
    scaler, last = model if isinstance(model, Pipeline) else (FunctionTransformer(), model)
    inside = scaler.transform(digits)
    found = last.predict(inside) if hasattr(last, "predict") else None
    for given in [y] if found is None else [None, np.roll(found, 1)]:
        display = ReconstructionDisplay.from_estimator(model, digits, given)
        told = found if given is None else given
        expected = scaler.inverse_transform(last.inverse_transform(last.transform(inside), told))
        np.testing.assert_array_equal(display.X_reconstructed, expected)
    if found is None:
        with pytest.raises(ValueError, match="Give y"):
            ReconstructionDisplay.from_estimator(model, digits)
    manifold = LatentManifoldDisplay.from_estimator(model, n_steps=2, max_features=1)
    assert manifold.rows.shape == (2, 3, 64)
    assert manifold.rows.max() > 2  # pixels, not what a scaler made of them


def test_noise_is_added_after_the_earlier_steps_and_shown_before_them(digits):
    model = DenoisingAutoencoder(4, noise_level=2.0, **QUICK)
    pipeline = make_pipeline("passthrough", MinMaxScaler((0, 160)), model).fit(digits)
    display = ReconstructionDisplay.from_estimator(pipeline, digits)
    noisy = model.corrupt(pipeline[1].transform(digits), random_state=0)
    np.testing.assert_allclose(display.X_corrupted, pipeline[1].inverse_transform(noisy))
    expected = pipeline[1].inverse_transform(model.denoise(noisy))
    np.testing.assert_allclose(display.X_reconstructed, expected)


@pytest.mark.parametrize("kind", ["mixed", "text", "imputed"])
def test_where_there_is_no_way_back_rows_are_shown_as_the_last_step_has_them(kind):
    table = load_wine(as_frame=True).data[["ash", "hue"]]
    if kind == "imputed":  # without indicators it has a way back only by name
        earlier = make_pipeline(SimpleImputer(), StandardScaler())
        table.iloc[0, 0], names = np.nan, ["ash", "hue"]
    else:
        table["wine"] = np.where(table.hue > 1, "red", "white")
        table = table[["wine"]] if kind == "text" else table
        encoder = OneHotEncoder(sparse_output=False)
        names = ["wine_red", "wine_white"]
        earlier = encoder
        if kind == "mixed":
            names = ["ash", "hue", *names]
            earlier = make_column_transformer(
                (StandardScaler(), ["ash", "hue"]),
                (encoder, ["wine"]),
                verbose_feature_names_out=False,
            )
    model = make_pipeline(earlier, VAETransformer(1, **QUICK)).fit(table)
    display = ReconstructionDisplay.from_estimator(model, table)
    assert display.feature_names == names
    inside = earlier.transform(table)
    np.testing.assert_array_equal(display.X, inside)
    expected = model[-1].inverse_transform(model[-1].transform(inside))
    np.testing.assert_array_equal(display.X_reconstructed, expected)
    manifold = LatentManifoldDisplay.from_estimator(model, table, n_steps=2)
    assert manifold.feature_names == names


class Tensors(BaseEstimator):
    """Gives tensors back, which numpy alone does not take."""

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X):
        return self

    def transform(self, X):
        return X[:, :2] * 1.0

    def inverse_transform(self, X):
        return X.repeat(1, 2)


def test_tensors_are_drawn():
    X = torch.randn(20, 4, requires_grad=True)
    reconstructed = X[:, [0, 1, 0, 1]].detach().numpy()
    display = ReconstructionDisplay.from_estimator(Tensors(), X)
    np.testing.assert_array_equal(display.X_reconstructed, reconstructed)
    (points,) = LatentSpaceDisplay.from_estimator(Tensors(), X, X[:, 3]).points_
    np.testing.assert_allclose(points.get_offsets(), reconstructed[:, :2])
    np.testing.assert_allclose(points.get_array(), X[:, 3].detach())
