"""What all autoencoders promise: unit-free, of any architecture, clear about bad input."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skae import (
    AutoencoderTransformer,
    DenoisingAutoencoder,
    StackedDenoisingAutoencoder,
    VAETransformer,
)
from skae.architectures import MLP, ConvNet, TorchArchitecture
from skae.metrics import explained_variance

from .estimators import QUICK, every_encoder, every_estimator


@every_encoder
@pytest.mark.parametrize(("factor", "shift"), [(1e6, 0), (1, 1e3), (1e-12, 0), (1e12, 0)])
def test_units_do_not_matter(cls, factor, shift, digits):
    noise = {}
    if cls in (DenoisingAutoencoder, StackedDenoisingAutoencoder):  # a masked value is 0 in X
        noise = {"noise": "gaussian", "noise_level": 0.3} if shift else {"noise": "masking"}
    plain = cls(3, **QUICK, **noise).fit(digits)
    moved = cls(3, **QUICK, **noise).fit(factor * digits + shift)
    expected = explained_variance(plain, digits)
    assert explained_variance(moved, factor * digits + shift) == pytest.approx(expected, abs=1e-3)


def test_early_stopping_keeps_the_best_epoch(digits):
    train, held_out = digits[:100], digits[100:]
    model = AutoencoderTransformer(
        8, max_iter=30, learning_rate="constant", learning_rate_init=0.01, random_state=0
    ).fit(train, X_val=held_out)
    scores = model.validation_scores_
    best = int(np.argmax(scores))
    assert 0 < best < len(scores) - 1
    unit = model.scaling_.scale.item() ** 2
    assert model.score(held_out) == pytest.approx(unit * scores[best], rel=1e-4)
    assert model.best_loss_ == -scores[best]


ARCHITECTURES = [
    MLP((16,), activation="tanh", dropout=0.1),
    ConvNet((8, 8), channels=(4, 8)),
    ConvNet((8, 8, 1), channels=(4, 6), kernel_size=4, strides=3, upsampling="transposed"),
    ConvNet((4, 8, 2), channels=(4, 4), downsampling="max_pooling", decoder_channels=(4,)),
    ConvNet((8, 8), channels=(4, 4), downsampling="average_pooling", hidden_layer_sizes=None),
    TorchArchitecture(nn.Linear, nn.Linear),
]


@every_encoder
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: type(a).__name__)
def test_every_model_with_every_architecture(cls, architecture, digits):
    model = cls(4, architecture=architecture, max_iter=1, random_state=0)
    if cls is StackedDenoisingAutoencoder and not isinstance(architecture, MLP):
        with pytest.raises(ValueError, match="needs an architecture"):
            model.fit(digits)
        return
    model.fit(digits)
    assert model.inverse_transform(model.transform(digits)).shape == digits.shape


def test_plugs_into_scikit_learn():
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(
        StandardScaler(), AutoencoderTransformer(2, **QUICK), LogisticRegression()
    )
    grid = {"autoencodertransformer__n_components": [1, 2]}
    assert GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y).best_score_ > 0.5
    halving = HalvingGridSearchCV(
        pipeline,
        grid,
        cv=2,
        resource="autoencodertransformer__max_iter",
        max_resources=4,
        min_resources=2,
        factor=2,
    )
    assert halving.fit(X, y).n_resources_ == [2, 4]
    union = FeatureUnion([("pca", PCA(1)), ("ae", AutoencoderTransformer(2, **QUICK))])
    assert union.fit_transform(X).shape == (150, 3)
    columns = ColumnTransformer([("ae", AutoencoderTransformer(1, **QUICK), list(X.columns[:2]))])
    assert columns.fit_transform(X).shape == (150, 1)
    for container in ("pandas", "polars"):
        framed = AutoencoderTransformer(2, **QUICK).set_output(transform=container)
        assert list(framed.fit_transform(X).columns) == [
            "autoencodertransformer0",
            "autoencodertransformer1",
        ]


@every_estimator
@pytest.mark.parametrize(
    "make",
    [
        lambda X: X[:1],
        lambda X: X[:, 20:21],
        lambda X: X[:5],
        lambda X: np.full_like(X, 3.0),
        lambda X: X.astype(np.uint8),
        lambda X: X > 8,
        lambda X: X[:, ::-2],
        lambda X: np.asfortranarray(X),
        lambda X: X[:, :2],
    ],
    ids=["row", "feature", "few", "constant", "uint8", "bool", "strided", "fortran", "narrow"],
)
def test_odd_but_valid_input_works(cls, make, digits):
    X = make(digits)
    X.flags.writeable = False
    model = cls(4, **QUICK).fit(X)
    for values in (model.transform(X), model.score_samples(X), model.sample(3, 0)):
        assert np.isfinite(values).all()


def fit_with(X, **params):
    return lambda: AutoencoderTransformer(**{**QUICK, **params}).fit(X)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda X: fit_with(np.where(X > 15, np.nan, X)), "NaN"),
        (lambda X: fit_with(np.where(X > 15, np.inf, X)), "infinity"),
        (lambda X: fit_with(np.array([["a", "1"], ["b", "2"]])), "TabularAuto"),
        (lambda X: fit_with(X, loss="log_loss"), r"\[0, 1\].*from 0 to 16"),
        (lambda X: fit_with(X, output_activation="logistic"), r"\[0, 1\]"),
        (lambda X: fit_with(X, loss="hinge"), "'loss' parameter"),
        (lambda X: fit_with(X, activation="step"), "activation='step'"),
        (lambda X: fit_with(X, device="abacus"), "device='abacus'"),
        (lambda X: fit_with(X, architecture=ConvNet((7, 8))), "image_shape=.7, 8. has 56"),
        (lambda X: fit_with(X, architecture=ConvNet), "ConvNet is a class"),
        (lambda X: fit_with(X, architecture=TorchArchitecture(wide, nn.Linear)), "must be"),
        (lambda X: fit_with(X, architecture=TorchArchitecture(narrow, nn.Linear)), "fails on 2"),
        (lambda X: fit_with(X, architecture=not_quite(lambda z: (z, z))), "gives a tuple"),
        (lambda X: fit_with(X, architecture=not_quite(lambda z: z / 0)), "NaN or infinity"),
        (lambda X: fit_with(X, hidden_layer_sizes=(16.5,)), "positive integers"),
        (lambda X: fit_with(X, net_params={"callbacks": []}), "parameter callbacks"),
        (lambda X: fit_with(X, learning_rate_init=1e12, learning_rate="constant"), "diverged in"),
        (lambda X: lambda: fit_with(X)().transform(X[:, :3]), "3 features"),
        (lambda X: lambda: fit_with(X)().inverse_transform(X), "64 columns"),
        (
            lambda X: lambda: AutoencoderTransformer().fit(X, sample_weight=0 * X[:, 0]),
            "sample_weight is zero: nothing is left",
        ),
        (lambda X: lambda: AutoencoderTransformer().fit(X, sample_weight=-X[:, 3]), "[Nn]egative"),
        (lambda X: fit_with(1e200 * X), "too far apart"),
        (lambda X: fit_with(X, callbacks=[3]), "no skorch callback"),
    ],
)
def test_bad_input_gets_a_clear_error(act, message, digits):
    with pytest.raises(ValueError, match=message):
        act(digits)()


def wide(n_inputs, n_outputs):
    return nn.Linear(n_inputs, n_outputs + 1)


def narrow(n_inputs, n_outputs):
    return nn.Linear(n_inputs - 1, n_outputs)


class Not(nn.Linear):
    """What a forward may do wrong."""

    def __init__(self, n_inputs, n_outputs, wrong):
        super().__init__(n_inputs, n_outputs)
        self.wrong = wrong

    def forward(self, x):
        return self.wrong(super().forward(x))


def not_quite(wrong):
    return TorchArchitecture(Not, nn.Linear, encoder_params={"wrong": wrong})


@every_estimator
def test_a_score_is_a_weighted_mean(cls, unit_digits, rows):
    X, y = unit_digits[:60], rows[1][:60]
    model = cls(2, **QUICK).fit(X, y)
    weight = np.arange(60) % 3.0
    expected = np.average(model.score_samples(X), weights=weight)
    assert model.score(X, sample_weight=weight) == pytest.approx(expected)
    assert model.score(X, y, weight) != pytest.approx(model.score(X))
    for wrong, message in (
        (-weight, "Negative"),
        (0 * weight, "at least|At least"),
        ([1], "shape"),
    ):
        with pytest.raises(ValueError, match=message):
            model.score(X, sample_weight=wrong)


def test_rows_to_validate_on_go_through_a_pipeline(digits):
    """With `transform_input` they are scaled as X is, in searches as well."""
    X, X_val, weight = digits[:200], digits[200:260], np.arange(200) % 2.0
    with config_context(enable_metadata_routing=True):
        model = AutoencoderTransformer(2, **QUICK).set_fit_request(X_val=True, sample_weight=True)
        model.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        steps = [("scale", scaler), ("reduce", model)]
        pipeline = Pipeline(steps, transform_input=["X_val"])
        given = {"X_val": X_val, "sample_weight": weight}
        found = clone(pipeline).fit(X, **given)
        search = GridSearchCV(pipeline, {"reduce__n_components": [1, 2]}, cv=2)
        search.fit(X, **given)
        score = found.score(X, sample_weight=weight)
        assert found.score(X) != pytest.approx(score)
    scale = StandardScaler().fit(X)
    alone = AutoencoderTransformer(2, **QUICK)
    alone.fit(scale.transform(X), sample_weight=weight, X_val=scale.transform(X_val))
    np.testing.assert_array_equal(found.transform(X), alone.transform(scale.transform(X)))
    assert score == pytest.approx(alone.score(scale.transform(X), sample_weight=weight))
    # Each fold is scored with the weights of its own rows.
    scale.fit(X[100:])
    best = clone(search.best_estimator_[-1])
    best.fit(scale.transform(X[100:]), None, weight[100:], X_val=scale.transform(X_val))
    of_fold = best.score(scale.transform(X[:100]), None, weight[:100])
    found = search.cv_results_["split0_test_score"][search.best_index_]
    assert found == pytest.approx(of_fold)


def test_rows_to_validate_on_that_are_not_scaled_are_warned_of(digits):
    X = StandardScaler().fit_transform(digits[:200])
    for model in (AutoencoderTransformer(2, **QUICK), VAETransformer(2, allow_nan=True, **QUICK)):
        with pytest.warns(UserWarning, match="X_val is on another scale than X: .*from 0 to 16"):
            model.fit(X, X_val=digits[200:])
