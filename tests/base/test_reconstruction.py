"""Losses in units of X, the PCA start, bounds, and the density that samples come from."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture
from sklearn.neighbors import KernelDensity
from skorch.callbacks import Callback

import skae
from skae import AutoencoderTransformer
from skae._training.best import KeepBest
from skae._training.training import Training
from skae.architectures import MLP, ConvNet
from skae.metrics import explained_variance, reconstruction_error

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


@pytest.mark.parametrize("n_components", [5, 64, 70])
def test_training_starts_at_pca(n_components, digits):
    started = AutoencoderTransformer(
        n_components,
        init="pca",
        output_activation="identity",
        early_stopping=False,
        max_iter=1,
        learning_rate="constant",
        learning_rate_init=1e-12,
        random_state=0,
    ).fit(digits)
    expected = reconstruction_error(PCA(min(n_components, 64)).fit(digits), digits)
    assert reconstruction_error(started, digits) == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_weighted_training_starts_at_weighted_pca(digits):
    weight = np.random.default_rng(0).exponential(size=len(digits)) ** 2
    started = AutoencoderTransformer(
        5,
        init="pca",
        output_activation="identity",
        early_stopping=False,
        max_iter=1,
        learning_rate_init=1e-12,
        random_state=0,
    ).fit(digits, sample_weight=weight)
    centred = digits - np.average(digits, axis=0, weights=weight)
    _, _, components = np.linalg.svd(np.sqrt(weight)[:, None] * centred, full_matrices=False)
    projected = centred @ components[:5].T @ components[:5]
    expected = np.average(np.mean((centred - projected) ** 2, axis=1), weights=weight)
    found = -np.average(started.score_samples(digits), weights=weight)
    assert found == pytest.approx(expected, rel=1e-4)


def test_pca_starts_where_it_applies(digits):
    def starts(**params):
        model = AutoencoderTransformer(3, **{**QUICK, "max_iter": 1, **params}).fit(digits / 16)
        return hasattr(model.module_.encoder, "linear")

    assert starts()
    assert starts(loss="absolute_error")
    assert starts(init="pca", architecture=MLP((8,)))
    assert not starts(architecture=MLP((8,)))
    assert not starts(init="random")
    assert not starts(loss="log_loss")
    for refused in ({"loss": "log_loss"}, {"architecture": ConvNet((8, 8))}):
        with pytest.raises(ValueError, match="init='pca' needs"):
            starts(init="pca", **refused)


def test_score_is_minus_the_loss_in_units_of_X(digits):
    squared = AutoencoderTransformer(3, **QUICK).fit(digits)
    assert squared.score(digits) == pytest.approx(-reconstruction_error(squared, digits), rel=1e-4)
    absolute = AutoencoderTransformer(3, loss="absolute_error", **QUICK).fit(digits)
    back = absolute.inverse_transform(absolute.transform(digits))
    assert absolute.score(digits) == pytest.approx(-np.abs(back - digits).mean(), rel=1e-4)
    logistic = AutoencoderTransformer(3, loss="log_loss", **QUICK).fit(digits / 16)
    x, p = digits / 16, logistic.inverse_transform(logistic.transform(digits / 16))
    expected = np.mean(x * np.log(p) + (1 - x) * np.log1p(-p))
    assert logistic.score(digits / 16) == pytest.approx(expected, rel=1e-4)


def test_the_kept_error_is_that_of_the_held_out_rows(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits[:300], X_val=digits[300:])
    assert model.reconstruction_err_ == pytest.approx(-model.score(digits[300:]), rel=1e-4)
    last = AutoencoderTransformer(3, early_stopping=False, **QUICK)
    last.fit(digits[:300], X_val=digits[300:])
    assert last.reconstruction_err_ == pytest.approx(-last.score(digits[300:]), rel=1e-4)


def test_parameters_set_after_fit_do_not_change_the_score(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits / 16)
    before = model.score(digits / 16)
    assert model.set_params(loss="log_loss").score(digits / 16) == before


def test_outputs_stay_within_the_bounds_that_the_data_show(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    reconstructed = model.inverse_transform(10 * model.transform(digits))
    often_empty = np.mean(digits == 0, axis=0) > 0.1
    often_full = np.mean(digits == 16, axis=0) > 0.1
    assert reconstructed.min() < -1  # where nothing suggests a bound, there is none
    assert reconstructed[:, often_empty].min() >= 0  # exactly: log_loss may come next
    assert reconstructed[:, often_full].max() <= 16
    few = AutoencoderTransformer(3, **QUICK).fit(digits[:9])
    assert few.scaling_.bounds is None


def test_a_stream_shows_no_bounds(digits):
    model = AutoencoderTransformer(3, **QUICK)
    for _ in range(5):
        model.partial_fit(np.zeros_like(digits[:30]) + digits[:2].repeat(15, axis=0))
    assert model.scaling_.bounds is None


class Uniform(BaseEstimator):
    """A density with nothing but what is asked for."""

    def fit(self, X):
        self.low_, self.high_ = X.min(axis=0), X.max(axis=0)
        return self

    def sample(self, n_samples):
        rng = np.random.default_rng(0)
        return rng.uniform(self.low_, self.high_, (n_samples, len(self.low_)))


class Plain:
    """Not even an estimator."""

    fit, sample = Uniform.fit, Uniform.sample


class Wrapped(BaseEstimator):
    """A density in a density: its seed is one level down."""

    def __init__(self, inner):
        self.inner = inner

    def fit(self, X):
        self.inner.fit(X)
        return self

    def sample(self, n_samples):
        return self.inner.sample(n_samples)


@pytest.mark.parametrize(
    "density",
    [
        None,
        KernelDensity(bandwidth=0.1),
        BayesianGaussianMixture(n_components=2),
        Uniform(),
        Plain(),
        Wrapped(BayesianGaussianMixture(n_components=2)),
    ],
    ids=lambda density: type(density).__name__,
)
def test_samples_come_from_any_density_and_repeat(density, digits):
    model = AutoencoderTransformer(3, latent_density=density, **QUICK).fit(digits)
    first, second, other = (model.sample(20, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    codes, of_samples = model.transform(digits), model.transform(first)
    margin = 3 * codes.std(axis=0)
    assert (of_samples > codes.min(axis=0) - margin).all()
    assert (of_samples < codes.max(axis=0) + margin).all()


def test_a_density_that_does_not_work_says_so_in_fit(digits):
    density = BayesianGaussianMixture(n_components=1000)
    with pytest.raises(ValueError, match="n_components"):
        AutoencoderTransformer(3, latent_density=density, **QUICK).fit(digits)


def test_a_logistic_link_can_not_be_taken_away(digits):
    with pytest.raises(ValueError, match="'identity' does not go with loss='log_loss'"):
        AutoencoderTransformer(loss="log_loss", output_activation="identity").fit(digits / 16)


NOTHING_TO_GAIN = {
    "few rows": np.random.default_rng(0).normal(size=(12, 5)),
    "noise": np.random.default_rng(0).normal(size=(200, 10)),
    "more columns than rows": np.random.default_rng(0).normal(size=(60, 300)),
    "a plane": np.random.default_rng(0).normal(size=(300, 3)) @ np.eye(3, 8),
}


@pytest.mark.parametrize("name", NOTHING_TO_GAIN)
@pytest.mark.parametrize("n_components", [1, 3])
def test_where_nothing_is_to_be_gained_it_is_pca_of_all_rows(name, n_components):
    X = NOTHING_TO_GAIN[name]
    train, test = X[::2], X[1::2]
    pca = PCA(n_components).fit(train)
    model = AutoencoderTransformer(n_components, random_state=0).fit(train)
    found, expected = (explained_variance(m, test) for m in (model, pca))
    assert found > expected - 0.001


@pytest.mark.parametrize(("init", "stays"), [("pca", True), ("random", False)])
def test_a_start_at_pca_is_left_only_for_sure_gains(init, stays, digits, monkeypatch):
    monkeypatch.setattr(skae._training.best, "SURE", 1e9)
    settings = {**QUICK, "init": init, "output_activation": "identity"}
    model = AutoencoderTransformer(3, **settings).fit(digits)
    pca = PCA(3).fit(digits)
    found, expected = (reconstruction_error(m, digits) for m in (model, pca))
    assert (found == pytest.approx(expected, rel=1e-4)) == stays
    assert len(model.loss_curve_) == model.n_iter_ == QUICK["max_iter"]
    model.set_params(warm_start=True, max_iter=20).fit(digits)
    assert reconstruction_error(model, digits) < expected


def test_a_gain_that_few_rows_show_is_not_sure():
    assert KeepBest._is_sure(torch.tensor([0.1, 0.1, 0.2, 0.1]))
    assert not KeepBest._is_sure(torch.tensor([2.0, -0.6, -0.6, -0.6]))
    # 0.91 standard errors: many rows would do, four do not.
    gains = torch.tensor([1.0, 0.2, 0.1, -0.3])
    assert not KeepBest._is_sure(gains)
    assert KeepBest._is_sure(gains.repeat(20))
    assert not KeepBest._is_sure(torch.zeros(4))


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(4))
def test_very_few_rows_are_pca(n_rows, seed):
    X = np.random.default_rng(seed).normal(size=(n_rows + 50, 6))
    train, test = X[:n_rows], X[n_rows:]
    model = AutoencoderTransformer(1, max_iter=10, random_state=seed).fit(train)
    if n_rows > 2:
        gain = explained_variance(model, test) - explained_variance(PCA(1).fit(train), test)
        assert gain > -0.001
    else:
        np.testing.assert_allclose(model.inverse_transform(model.transform(train)), train, atol=0.1)


def test_rows_of_many_features_are_all_used():
    X = np.random.default_rng(0).normal(size=(300, 60_000)).astype(np.float32)
    model = AutoencoderTransformer(2, hidden_layer_sizes=(2,), max_iter=1, random_state=0).fit(X)
    pca = PCA(2, random_state=0).fit(X)
    found, expected = (reconstruction_error(m, X) for m in (model, pca))
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_floor_is_the_pca_of_the_same_seed():
    X = np.random.default_rng(0).normal(size=(60, 600))  # PCA takes a random solver here
    train, test = X[:40], X[40:]
    model = AutoencoderTransformer(5, random_state=3, max_iter=2).fit(train)
    assert model.net_.best_epoch_ == 0
    pca = PCA(5, random_state=3).fit(train)
    found, expected = (m.inverse_transform(m.transform(test)) for m in (model, pca))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_linear_map_of_the_encoder_stays_and_codes_have_a_spread_of_one(digits):
    settings = {**QUICK, "max_iter": 20, "init": "pca"}
    model = AutoencoderTransformer(3, **settings).fit(digits)
    assert model.net_.best_epoch_ > 0
    encoder = model.module_.encoder
    x = torch.from_numpy(digits)
    with torch.no_grad():
        linear = encoder.linear(model.scaling_(x))
    assert linear[:, 0].std().item() == pytest.approx(1, rel=0.05)
    # Its directions are orthogonal and of one length, as they were at the start.
    gram = encoder.linear.weight @ encoder.linear.weight.T
    torch.testing.assert_close(gram, gram[0, 0] * torch.eye(3), rtol=1e-4, atol=1e-4)


def test_the_floor_takes_the_place_of_the_net_in_all_that_can_be_seen(digits, monkeypatch):
    monkeypatch.setattr(skae._training.best, "SURE", 1e9)
    net = AutoencoderTransformer(2, **QUICK).fit(digits).net_
    assert net.best_epoch_ == 0
    assert not net.interrupted_
    assert net.lowest_["valid"] == min(row["valid_loss"] for row in net.history)
    assert net.row_losses_ is None


@pytest.fixture
def trainings(monkeypatch):
    """The nets that are trained; `after` says what then happens to net and terms."""
    nets = []

    class Recorded(Training):
        def go_on(self, *args):
            if not self.has_begun:
                nets.append(self.net)
            super().go_on(*args)

        def end(self):
            return nets_after[0](self.net, super().end())

    nets_after = [lambda net, terms: terms]
    monkeypatch.setattr(skae._training.trainer, "Training", Recorded)
    for name in ("TRIAL_MARGIN", "MARGIN_OF_FEW"):
        monkeypatch.setattr(skae._training.trainer, name, np.inf)
    return nets, nets_after


@pytest.mark.parametrize("losses", [(1.0, 2.0), (2.0, 1.0)])
def test_the_better_of_two_starts_is_kept(losses, digits, trainings):
    nets, after = trainings
    after[0] = lambda net, terms: {**terms, "loss": losses[nets.index(net)]}
    model = AutoencoderTransformer(2, **QUICK).fit(digits)
    assert len(nets) == 2
    assert model.net_.history is nets[int(np.argmin(losses))].history
    assert model.best_loss_ == 1.0


def test_the_floor_is_of_all_rows_where_the_start_is_of_some(monkeypatch):
    monkeypatch.setattr(skae._base.pca_start, "MAX_START_VALUES", 0)
    monkeypatch.setattr(skae._base.pca_start, "MAX_START_ROWS", 20)
    X = np.random.default_rng(0).normal(size=(300, 5))
    model = AutoencoderTransformer(2, **QUICK).fit(X)
    assert model.net_.best_epoch_ == 0
    found, expected = (m.inverse_transform(m.transform(X)) for m in (model, PCA(2).fit(X)))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_one_of_two_starts_is_that_of_random_weights(digits, trainings):
    AutoencoderTransformer(2, **QUICK).fit(digits)
    plain = AutoencoderTransformer(2, init="random", **QUICK).fit(digits)
    assert trainings[0][0].history[:, "valid_loss"] == plain.net_.history[:, "valid_loss"]


@pytest.mark.parametrize("diverging", [{1}, {2}, {1, 2}])
def test_one_start_may_diverge(diverging, digits, trainings):
    nets, after = trainings

    def diverge(net, terms):
        if nets.index(net) + 1 in diverging:
            raise skae._training.net.TrainingDiverged("Training diverged")
        return terms

    after[0] = diverge
    model = AutoencoderTransformer(2, **QUICK)
    if diverging == {1, 2}:
        with pytest.raises(ValueError, match="diverged"):
            model.fit(digits)
    else:
        assert model.fit(digits).net_.history is nets[1 if 1 in diverging else 0].history


@pytest.mark.parametrize(("which", "epoch"), [(1, 2), (2, 1), (2, 2)])
def test_an_interruption_ends_all_starts(which, epoch, digits, monkeypatch, trainings):
    nets, _ = trainings
    train_step = skae._training.net.ObjectiveNet.train_step

    def interrupted(net, *args, **kwargs):
        if len(nets) == which and len(net.history) == epoch:
            raise KeyboardInterrupt
        return train_step(net, *args, **kwargs)

    monkeypatch.setattr(skae._training.net.ObjectiveNet, "train_step", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = AutoencoderTransformer(2, **QUICK).fit(digits)
    assert len(nets) == which
    assert any(model.net_.history is net.history for net in nets[: epoch if which == 2 else 1])


@pytest.mark.parametrize("when", ["on_epoch_begin", "on_epoch_end"])
def test_an_interruption_between_two_passes_ends_all_starts(when, digits, monkeypatch, trainings):
    method = getattr(KeepBest, when)

    def interrupted(callback, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt
        method(callback, net, **kwargs)

    monkeypatch.setattr(KeepBest, when, interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 2"):
        AutoencoderTransformer(2, **QUICK).fit(digits)
    assert len(trainings[0]) == 1


def test_an_interruption_before_the_second_start_keeps_the_first(digits, monkeypatch, trainings):
    make_module = AutoencoderTransformer._make_module

    def interrupted(self, start):
        if start == "pca" and len(trainings[0]) == 1:
            raise KeyboardInterrupt
        return make_module(self, start)

    monkeypatch.setattr(AutoencoderTransformer, "_make_module", interrupted)
    with pytest.warns(ConvergenceWarning, match="second start"):
        model = AutoencoderTransformer(2, **QUICK).fit(digits)
    assert model.n_iter_ == QUICK["max_iter"]


@pytest.mark.parametrize(
    ("settings", "n_starts"),
    [
        ({}, 2),
        ({"init": "pca"}, 1),
        ({"init": "random"}, 1),
        ({"early_stopping": False}, 1),
        ({"early_stopping": False, "X_val": True}, 1),
        ({"callbacks": [Callback()]}, 1),
        ({"loss": "log_loss"}, 1),
        ({"architecture": MLP((8,))}, 1),
    ],
    ids=lambda value: next(iter(value), "default") if isinstance(value, dict) else str(value),
)
def test_a_second_start_is_tried_where_it_can_be_judged(settings, n_starts, unit_digits, trainings):
    settings = dict(settings)
    X_val = unit_digits[:50] if settings.pop("X_val", False) else None
    AutoencoderTransformer(2, **{**QUICK, **settings}).fit(unit_digits, X_val=X_val)
    assert len(trainings[0]) == n_starts


def test_many_rows_have_one_start(unit_digits, monkeypatch, trainings):
    monkeypatch.setattr(skae._base.pca_start, "MAX_ROWS_TO_TRY_BOTH", 200)
    AutoencoderTransformer(2, **QUICK).fit(unit_digits)
    assert len(trainings[0]) == 1
