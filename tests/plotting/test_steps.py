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


@pytest.fixture(scope="module")
def wine():
    table = load_wine(as_frame=True).data[["ash", "hue"]]
    table["kind"] = np.where(table.hue > 1, "red", "white")
    table["taste"] = np.where(table.ash > 2.4, "sweet", "dry")
    return table


def encoder(**settings):
    return make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["kind", "taste"]),
        (StandardScaler(), ["hue", "ash"]),
        verbose_feature_names_out=False,
        **settings,
    )


@pytest.mark.parametrize("as_polars", [False, True])
def test_the_columns_of_an_encoded_table_are_those_of_the_table(as_polars, wine):
    wine = pytest.importorskip("polars").from_pandas(wine) if as_polars else wine
    model = make_pipeline(encoder(), VAETransformer(1, **QUICK)).fit(wine)
    display = ReconstructionDisplay.from_estimator(model, wine)
    assert list(display.X) == display.feature_names == ["ash", "hue", "kind", "taste"]
    for name in display.X:
        np.testing.assert_array_equal(display.X[name], wine[name])
    inside = model[0].transform(wine)
    decoded = model[-1].inverse_transform(model[-1].transform(np.asarray(inside)))
    shares = decoded[:, :2].clip(0) / decoded[:, :2].clip(0).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(display.probabilities["kind"]["white"], shares[:, 1], rtol=1e-6)
    np.testing.assert_array_equal(
        display.X_reconstructed["kind"], np.where(shares[:, 1] > 0.5, "white", "red")
    )
    hue = np.asarray(wine["hue"])
    expected = decoded[:, 4] * hue.std() + hue.mean()
    np.testing.assert_allclose(display.X_reconstructed["hue"], expected, rtol=1e-6)
    ash = np.asarray(wine["ash"])
    np.testing.assert_allclose(display.scales[:, :2].T[0], [ash.mean(), ash.std()], rtol=1e-6)
    manifold = LatentManifoldDisplay.from_estimator(model, wine, n_steps=3)
    codes = model.transform(wine)
    assert list(manifold.rows) == ["ash", "hue", "kind", "taste"]
    line = np.linspace(*np.quantile(codes[:, 0], [0.02, 0.98]), 3)[:, None].astype(codes.dtype)
    decoded = model[-1].inverse_transform(line)
    expected = np.where(decoded[:, 3] > decoded[:, 2], "sweet", "dry")
    np.testing.assert_array_equal(manifold.rows["taste"][0], expected)


def test_values_that_were_imputed_are_compared_with_none():
    table = load_wine(as_frame=True).data[["ash", "hue"]]
    table.iloc[0, 0] = np.nan
    earlier = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    model = make_pipeline(earlier, VAETransformer(1, **QUICK)).fit(table)
    display = ReconstructionDisplay.from_estimator(model, table)
    np.testing.assert_array_equal(display.X, table)
    inside = model[:-1].transform(table)
    decoded = model[-1].inverse_transform(model[-1].transform(inside))
    expected = earlier[-1].inverse_transform(decoded)[:, :2]
    np.testing.assert_allclose(display.X_reconstructed, expected, rtol=1e-6)


def test_where_there_is_no_way_back_rows_are_shown_as_the_last_step_has_them(wine):
    logarithm = make_pipeline(FunctionTransformer(np.log), VAETransformer(1, **QUICK))
    display = ReconstructionDisplay.from_estimator(logarithm.fit(wine[["hue"]]), wine[["hue"]])
    np.testing.assert_allclose(display.X, np.log(wine[["hue"]]))
    earlier = make_column_transformer(
        (FunctionTransformer(np.log, feature_names_out="one-to-one"), ["hue"]),
        (OneHotEncoder(sparse_output=False), ["kind"]),
        verbose_feature_names_out=False,
    )
    model = make_pipeline(earlier, VAETransformer(1, **QUICK)).fit(wine)
    display = ReconstructionDisplay.from_estimator(model, wine)
    assert list(display.X) == ["kind", "hue"]  # of which the latter is not what it was
    np.testing.assert_allclose(display.X["hue"], np.log(wine["hue"]))


def test_one_hot_columns_that_a_model_knows_are_one_column(wine):
    table = encoder().set_output(transform="pandas").fit_transform(wine)
    model = VAETransformer(1, likelihood="mixed", **QUICK).fit(table)
    for rows, names in [(table, ["kind", "taste"]), (table.to_numpy(), ["x0 to x1", "x2 to x3"])]:
        if names[0] != "kind":
            model = VAETransformer(1, likelihood="mixed", **QUICK).fit(rows)
        display = ReconstructionDisplay.from_estimator(model, rows)
        assert display.feature_names[:2] == names
        kinds = ("red", "white") if names[0] == "kind" else ("x0", "x1")
        np.testing.assert_array_equal(display.X[names[0]], np.where(wine["kind"] == "red", *kinds))
        decoded = model.inverse_transform(model.transform(rows))
        np.testing.assert_allclose(
            display.probabilities[names[0]][kinds[0]], decoded[:, 0], rtol=1e-5
        )


def test_columns_are_measured_by_the_training_rows(wine):
    table = wine[["ash", "hue"]]
    expected = np.stack([table.mean(), table.std(ddof=0)])
    scaled = [StandardScaler(), MinMaxScaler((-3, 5))]
    for model in [
        DenoisingAutoencoder(1, **QUICK),
        *[make_pipeline(scaler, DenoisingAutoencoder(1, **QUICK)) for scaler in scaled],
        make_pipeline(StandardScaler(), PCA(1)),
    ]:
        model.fit(table)
        display = ReconstructionDisplay.from_estimator(model, table[:1])
        np.testing.assert_allclose(display.scales, expected, rtol=1e-6)
        line = (table.to_numpy()[0] - expected[0]) / expected[1]
        np.testing.assert_allclose(display.image_.get_array()[0], line, rtol=1e-5)
        given = ReconstructionDisplay.from_estimator(model, table[:1], reference=table[:50])
        part = np.stack([table[:50].mean(), table[:50].std(ddof=0)])
        np.testing.assert_allclose(given.scales, part)
    # PCA turns the columns into others, whose deviations say nothing of each.
    turned = make_pipeline(PCA(2), DenoisingAutoencoder(1, **QUICK)).fit(table)
    assert ReconstructionDisplay.from_estimator(turned, table).scales is None


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
