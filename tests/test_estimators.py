"""What all estimators promise: reproducible, unit-free, close to PCA, clear about bad input."""

import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import skae
from skae import AutoencoderTransformer, DenoisingAutoencoder, VAETransformer
from skae.architectures import MLP, ConvNet, TorchArchitecture
from skae.metrics import explained_variance, reconstruction_error

ESTIMATORS = [getattr(skae, name) for name in skae.__all__]
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}
every_estimator = pytest.mark.parametrize("cls", ESTIMATORS)


@every_estimator
def test_same_seed_same_bits_and_the_callers_random_state_is_untouched(cls, digits):
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    expected = np.random.rand(), torch.rand(())  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    first, second = (cls(3, **QUICK).fit(digits) for _ in range(2))
    np.testing.assert_array_equal(first.transform(digits), second.transform(digits))
    np.testing.assert_array_equal(first.score_samples(digits), second.score_samples(digits))
    np.testing.assert_array_equal(first.sample(4, 0), second.sample(4, 0))
    assert (np.random.rand(), torch.rand(())) == expected  # noqa: NPY002
    other = clone(first).set_params(random_state=1).fit(digits)
    assert not np.array_equal(first.transform(digits), other.transform(digits))


@every_estimator
@pytest.mark.parametrize(("factor", "shift"), [(1e6, 0), (1, 1e3), (1e-12, 0), (1e12, 0)])
def test_units_do_not_matter(cls, factor, shift, digits):
    noise = {"noise": "masking"} if cls is DenoisingAutoencoder and not shift else {}
    if cls is DenoisingAutoencoder and not noise:
        noise = {"noise_level": 0.3}
    plain = cls(3, **QUICK, **noise).fit(digits)
    moved = cls(3, **QUICK, **noise).fit(factor * digits + shift)
    expected = explained_variance(plain, digits)
    assert explained_variance(moved, factor * digits + shift) == pytest.approx(expected, abs=1e-3)


def test_training_starts_at_pca(digits):
    started = AutoencoderTransformer(
        5,
        init="pca",
        output_activation="identity",
        early_stopping=False,
        max_iter=1,
        learning_rate="constant",
        learning_rate_init=1e-12,
        random_state=0,
    ).fit(digits)
    expected = reconstruction_error(PCA(5).fit(digits), digits)
    assert reconstruction_error(started, digits) == pytest.approx(expected, rel=1e-4)


def test_default_is_better_than_pca_on_held_out_digits():
    X = skae_digits()
    train, test = X[::2], X[1::2]
    autoencoder = AutoencoderTransformer(8, max_iter=20, random_state=0).fit(train)
    pca = PCA(8).fit(train)
    assert explained_variance(autoencoder, test) > explained_variance(pca, test) + 0.05


def skae_digits():
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)[0]


def test_score_is_minus_the_loss_in_units_of_X(digits):
    autoencoder = AutoencoderTransformer(3, **QUICK).fit(digits)
    expected = -reconstruction_error(autoencoder, digits)
    assert autoencoder.score(digits) == pytest.approx(expected, rel=1e-4)


def test_outputs_stay_within_the_bounds_that_the_data_show(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    reconstructed = model.inverse_transform(10 * model.transform(digits))
    often_empty = np.mean(digits == 0, axis=0) > 0.1
    often_full = np.mean(digits == 16, axis=0) > 0.1
    assert reconstructed.min() < -1  # where nothing suggests a bound, there is none
    assert reconstructed[:, often_empty].min() > -1e-4
    assert reconstructed[:, often_full].max() < 16 + 1e-4


def test_vae_trains_with_its_divergence(unit_digits):
    kl = [
        VAETransformer(3, beta=beta, **{**QUICK, "max_iter": 20}, likelihood="bernoulli")
        .fit(unit_digits)
        .net_.history[-1, "train_kl"]
        / beta
        for beta in (1e-3, 1.0)
    ]
    assert kl[0] > 2 * kl[1] > 1.0


def test_vae_likelihood_is_a_density_per_unit_of_X(digits):
    plain, moved = (VAETransformer(2, **QUICK).fit(c * digits).score(c * digits) for c in (1, 10))
    assert plain - moved == pytest.approx(64 * np.log(10), abs=0.1)


def test_denoiser_removes_noise_that_a_plain_autoencoder_keeps(digits):
    noisy = digits + np.random.default_rng(0).normal(0, 5, digits.shape)
    params = {**QUICK, "hidden_layer_sizes": (128,), "max_iter": 30}
    denoiser = DenoisingAutoencoder(32, noise_level=5, **params).fit(digits)
    plain = AutoencoderTransformer(32, **params).fit(digits)
    kept = np.mean((plain.inverse_transform(plain.transform(noisy)) - digits) ** 2)
    assert np.mean((denoiser.denoise(noisy) - digits) ** 2) < 0.8 * kept


@pytest.mark.parametrize("noise", ["gaussian", "masking", "salt_and_pepper"])
def test_corruption_does_what_it_says_in_units_of_X(noise, digits):
    model = DenoisingAutoencoder(2, noise=noise, noise_level=0.4, **QUICK).fit(digits)
    scaling = model.scaling_
    x = torch.from_numpy(digits).repeat(50, 1)
    corrupted = scaling.inverse(model.module_.corrupt(scaling(x)).double())
    if noise == "gaussian":
        assert (corrupted - x).std().item() == pytest.approx(0.4, rel=0.01)
        return
    inside = (x > 0) & (x < 16)
    changed = (corrupted - x).abs() > 1e-3
    assert changed[inside].double().mean().item() == pytest.approx(0.4, abs=0.01)
    if noise == "masking":
        assert corrupted[changed].abs().max() < 1e-4


def test_early_stopping_keeps_the_best_epoch(digits):
    model = AutoencoderTransformer(
        4, max_iter=20, learning_rate="constant", learning_rate_init=0.03, random_state=0
    ).fit(digits)
    assert model.best_loss_ <= -max(model.validation_scores_) + 1e-12


def test_warm_start_and_partial_fit_go_on(digits):
    model = AutoencoderTransformer(4, warm_start=True, **QUICK).fit(digits)
    before, module = model.score(digits), model.module_
    model.fit(digits)
    assert model.module_ is module
    assert model.n_iter_ == 6
    streamed = AutoencoderTransformer(4, **QUICK)
    for _ in range(8):
        streamed.partial_fit(digits)
    assert streamed.n_iter_ == 8
    assert streamed.score(digits) > before


def test_weights_choose_what_is_learned(digits):
    half = np.arange(len(digits)) % 2
    X = np.where(half[:, None], digits, digits[:, ::-1])
    weighted = AutoencoderTransformer(3, **{**QUICK, "max_iter": 15})
    weighted.fit(X, sample_weight=half)
    alone = clone(weighted).fit(X[half == 1])
    np.testing.assert_array_equal(weighted.transform(X), alone.transform(X))


def test_held_out_rows_are_not_learned_from(digits):
    model = AutoencoderTransformer(3, **QUICK)
    first = model.fit(digits[:200], X_val=digits[200:]).scaling_.mean
    np.testing.assert_allclose(first, digits[:200].mean(0))


@every_estimator
def test_sparse_memory_mapped_and_dense_agree(cls, digits, tmp_path):
    np.save(tmp_path / "X.npy", digits)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = cls(3, **QUICK).fit_transform(digits)
    for X in (sparse.csr_array(digits), mapped):
        np.testing.assert_allclose(cls(3, **QUICK).fit_transform(X), expected, atol=1e-4)


ARCHITECTURES = [
    MLP((16,), activation="tanh", dropout=0.1),
    ConvNet((8, 8), channels=(4, 8)),
    ConvNet((8, 8, 1), channels=(4, 6), kernel_size=4, strides=3, upsampling="transposed"),
    ConvNet((4, 8, 2), channels=(4, 4), downsampling="max_pooling", decoder_channels=(4,)),
    ConvNet((8, 8), channels=(4, 4), downsampling="average_pooling", hidden_layer_sizes=None),
    TorchArchitecture(nn.Linear, nn.Linear),
]


@every_estimator
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: type(a).__name__)
def test_every_model_with_every_architecture(cls, architecture, digits):
    model = cls(4, architecture=architecture, max_iter=1, random_state=0).fit(digits)
    assert model.inverse_transform(model.transform(digits)).shape == digits.shape


@every_estimator
def test_pickle_round_trip(cls, digits):
    model = cls(3, **QUICK).fit(digits)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.transform(digits), copied.transform(digits))
    copied.partial_fit(digits)
    assert not np.array_equal(model.transform(digits), copied.transform(digits))


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
        (lambda X: fit_with(np.array([["a", "1"], ["b", "2"]])), "OneHotEncoder"),
        (lambda X: fit_with(X, loss="log_loss"), r"\[0, 1\].*from 0 to 16"),
        (lambda X: fit_with(X, output_activation="logistic"), r"\[0, 1\]"),
        (lambda X: fit_with(X, loss="hinge"), "'loss' parameter"),
        (lambda X: fit_with(X, activation="step"), "activation='step'"),
        (lambda X: fit_with(X, device="abacus"), "device='abacus'"),
        (lambda X: fit_with(X, architecture=ConvNet((7, 8))), "image_shape=.7, 8. has 56"),
        (lambda X: fit_with(X, architecture=TorchArchitecture(wrong, nn.Linear)), "must be"),
        (lambda X: fit_with(X, net_params={"callbacks": []}), "parameter callbacks"),
        (lambda X: fit_with(X, learning_rate_init=1e12, learning_rate="constant"), "diverged in"),
        (lambda X: lambda: fit_with(X)().transform(X[:, :3]), "3 features"),
        (lambda X: lambda: fit_with(X)().inverse_transform(X), "64 columns"),
        (lambda X: lambda: AutoencoderTransformer().fit(X, sample_weight=0 * X[:, 0]), "zero"),
    ],
)
def test_bad_input_gets_a_clear_error(act, message, digits):
    with pytest.raises(ValueError, match=message):
        act(digits)()


def wrong(n_inputs, n_outputs):
    return nn.Linear(n_inputs, n_outputs + 1)


def test_a_diverged_fit_leaves_no_model(digits):
    model = AutoencoderTransformer(2, **QUICK).fit(digits)
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate_init=1e12, learning_rate="constant").fit(digits)
    assert not hasattr(model, "net_")
