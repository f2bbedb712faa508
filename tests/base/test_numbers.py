"""Decoders that are told a number."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skae import AdversarialAutoencoder, VAETransformer, load, save
from skae._base import class_codes
from skae._base.class_codes import ClassCodes
from skae._base.numbers import N_SCORED, KnownNumbers
from skae.objectives import importance_log_likelihood

QUICK = {"hidden_layer_sizes": (32,), "max_iter": 30, "random_state": 0}


def table(n_rows=400, seed=0):
    """Rows that follow a number along a curve, beside a style; numbers from -5 to 5."""
    rng = np.random.default_rng(seed)
    y, style = rng.uniform(-5, 5, n_rows), rng.normal(size=n_rows)
    X = np.c_[y, 0.2 * y**2, np.sin(y), style, style + y]
    return X + 0.1 * rng.normal(size=X.shape), y


X, Y = table()
MODELS = {
    "vae": VAETransformer(2, conditional=True, **QUICK),
    "aae": AdversarialAutoencoder(2, conditional=True, **QUICK),
}


@pytest.fixture(scope="module", params=MODELS)
def fitted(request):
    return MODELS[request.param].fit(X, Y)


def test_rows_are_drawn_for_the_number(fitted):
    for number in (-4.0, -1.0, 3.0):
        rows = fitted.sample(500, random_state=0, y=number)
        expected = [number, 0.2 * number**2, np.sin(number), 0, number]
        few = rows.mean(axis=0)[[0, 1, 3, 4]]  # epochs, for a sine
        np.testing.assert_allclose(few, np.delete(expected, 2), atol=0.5)
        assert rows[:, 3].std() > 0.5  # the style is drawn as well
    assert not hasattr(fitted, "classes_")


def test_numbers_are_drawn_as_they_occurred(fitted):
    rows = fitted.sample(2000, random_state=0)
    places = np.linspace(0.1, 0.9, 5)
    drawn, real = np.quantile(rows[:, 0], places), np.quantile(X[:, 0], places)
    np.testing.assert_allclose(drawn, real, atol=0.6)


def test_codes_are_decoded_for_the_number(fitted):
    codes = fitted.transform(X[:50])
    rows = fitted.inverse_transform(codes, Y[:50])
    assert np.square(rows - X[:50]).mean() < 0.2 * X.var(axis=0).mean()
    assert not np.array_equal(rows, fitted.inverse_transform(codes, 1.0))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "is told a number"),
        ([1.0], "inconsistent numbers"),
        ([0.0, np.nan, 1.0], "-1 is a number"),
        ("a", "convert"),
    ],
)
def test_wrong_numbers_get_a_clear_error(y, message, fitted):
    with pytest.raises(ValueError, match=message):
        fitted.inverse_transform(np.zeros((3, 2)), y)


def test_numbers_beyond_those_of_training_are_warned_of(fitted):
    with pytest.warns(UserWarning, match="as far as 7, but training rows have -4.9"):
        fitted.sample(3, random_state=0, y=[0.0, 7.0, 6.0])
    with warnings.catch_warnings(action="error"):
        fitted.sample(3, random_state=0, y=-1)
        fitted.sample(3, random_state=0, y=[Y.min(), Y.max(), 0])


def test_whole_numbers_may_be_numbers():
    ages = np.round(10 * Y).astype(int)
    with pytest.warns(UserWarning, match="conditional='number'"):
        VAETransformer(2, conditional=True, **QUICK).set_params(max_iter=1).fit(X, ages)
    model = VAETransformer(2, conditional="number", **QUICK).fit(X, ages)
    assert np.abs(model.sample(200, random_state=0, y=30).mean(axis=0)[0] - 3) < 0.5
    model.set_params(conditional=True).fit(X, ages > 0)  # and classes afterwards
    assert model.classes_.tolist() == [False, True]
    model.sample(2, y=True)
    model.fit(X, Y)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ("number", None, "requires y"),
        ("number", np.r_[np.nan, Y[1:]], "leave out rows"),
        (True, np.r_[np.nan, Y[1:]], "leave out rows"),
        (True, np.r_[np.inf, Y[1:]], "infinity"),
        ("number", Y[1:], "inconsistent numbers"),
        ("class", Y, "fractions such as .* conditional='number'"),
    ],
)
def test_what_is_no_number_of_each_row_is_refused(params, y, message):
    with pytest.raises(ValueError, match=message):
        VAETransformer(2, conditional=params, **QUICK).fit(X, y)


def test_a_stream_of_numbers_that_begins_with_whole_ones_is_told_what_to_do():
    model = VAETransformer(2, conditional=True, **QUICK)
    model.partial_fit(X[:4], [1.0, 2.0, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"such as 1.5, .* conditional='number'"):
        model.partial_fit(X[:4], [1.0, 1.5, 1.0, 2.0])
    model.set_params(conditional=False).fit(X, Y)  # where y says nothing
    model.partial_fit(X, Y)


def test_numbers_are_drawn_by_their_posterior_given_what_is_known():
    """The first column says nearly what the number is."""
    model = clone(MODELS["vae"]).fit(X, Y)
    given = {"n_draws": 200, "random_state": np.random.RandomState(0)}
    known = np.full((2, 5), np.nan)
    known[:, 0] = -3.0, 3.0
    _, numbers, ess = model._latents_given(known, **given)
    assert np.isin(numbers, model._known_numbers.in_units(model.module_.numbers.numpy())).all()
    numbers = numbers.reshape(2, 200)
    np.testing.assert_allclose(numbers.mean(axis=1), [-3, 3], atol=0.7)
    assert numbers.std(axis=1).max() < 1
    assert ess.min() > 100
    rows = model.sample(300, random_state=0, conditions={0: 3.0})
    assert (rows[:, 0] == 3).all()
    assert abs((rows[:, 4] - rows[:, 3]).mean() - 3) < 0.5
    told = model.sample(300, random_state=0, conditions={0: 3.0}, y=3.0)
    np.testing.assert_allclose(rows.mean(axis=0), told.mean(axis=0), atol=0.4)


def test_no_label_among_numbers_is_warned_of():
    y = np.where(Y < 0, -1, Y)
    model = VAETransformer(2, conditional=True, **QUICK).set_params(max_iter=1)
    with pytest.warns(UserWarning, match="not 'no label'"):
        model.fit(X, y)
    with warnings.catch_warnings(action="error"):
        model.set_params(conditional="number").fit(X, y)


def test_the_likelihood_is_the_mean_over_the_numbers():
    vae = MODELS["vae"].fit(X, Y)
    x = vae.scaling_(torch.from_numpy(X[:3])).double()
    module, noise = copy.deepcopy(vae.module_).double(), torch.from_numpy(vae._score_noise)
    numbers = module.numbers.tolist()
    places = (np.arange(N_SCORED) + 0.5) / N_SCORED
    # Of the rows that are not held out.
    np.testing.assert_allclose(numbers, np.quantile((Y - Y.mean()) / Y.std(), places), atol=0.15)
    with torch.no_grad():
        each = [importance_log_likelihood(module, x, noise, torch.full((3,), n)) for n in numbers]
    volume = X.shape[1] * np.log(vae.scaling_.scale.item())
    expected = torch.stack(each).logsumexp(dim=0) - np.log(N_SCORED) - volume
    np.testing.assert_allclose(vae.score_samples(X[:3]), expected, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_streams_files_and_pickles(name, tmp_path):
    model = MODELS[name].set_params(n_rehearsed=200)
    vars(model).pop("net_", None)
    for part in (Y < 0, Y >= 0):
        model.partial_fit(X[part], Y[part])
    model.sample(2, y=[-4.5, 4.5])  # both ends were seen
    again = pickle.loads(pickle.dumps(model))
    save(model, tmp_path / "model.safetensors")
    for other in (again, load(tmp_path / "model.safetensors")):
        for verb in ("sample", "score_samples"):
            given = {"sample": {"n_samples": 5, "random_state": 0}, "score_samples": {"X": X}}[verb]
            np.testing.assert_array_equal(
                getattr(other, verb)(**given), getattr(model, verb)(**given)
            )
    with pytest.raises(ValueError, match="classes is for labels"):
        model.partial_fit(X, Y, classes=[0, 1])


@pytest.mark.parametrize("n_rehearsed", ["auto", 0])
def test_numbers_that_a_piece_lacks_are_drawn_as_after_fit(n_rehearsed):
    model = clone(MODELS["vae"]).set_params(n_rehearsed=n_rehearsed).fit(X, Y)
    codes = model._class_codes
    model.partial_fit(X[Y < 0], Y[Y < 0])
    model.partial_fit(X[Y < -1], Y[Y < -1])
    model.sample()
    n_low = (Y < -1).sum() + (Y < 0).sum()
    assert len(model._class_codes.numbers) == 400 + n_low
    assert (model._class_codes.numbers > codes.numbers.mean()).sum() > 180
    rows = model.sample(500, random_state=0, y=3.0)
    np.testing.assert_allclose(rows.mean(axis=0)[[0, 3, 4]], [3, 0, 3], atol=0.6)


def test_codes_of_a_normal_distribution_are_drawn_given_the_number():
    """Mean and spread of z given t, which are known there."""
    rng = np.random.default_rng(0)
    t = rng.normal(size=4000).astype(np.float32)
    z = np.c_[2 * t + rng.normal(size=4000), 0.5 * rng.normal(size=4000)]
    known = ClassCodes(z.astype(np.float32), t)
    for number in (-1.5, 0.0, 1.0):
        codes = np.zeros((4000, 2))
        known.replace(codes, np.full(4000, number), np.random.RandomState(0))
        np.testing.assert_allclose(codes.mean(axis=0), [2 * number, 0], atol=0.15)
        np.testing.assert_allclose(codes.std(axis=0), [1, 0.5], rtol=0.1)


def curved_codes(n_rows=3000, **others):
    rng = np.random.default_rng(0)
    t = rng.normal(size=n_rows).astype(np.float32)
    z = np.c_[np.sin(2 * t), t] + (0.2 + 0.1 * t[:, None] ** 2) * rng.normal(size=(n_rows, 2))
    return ClassCodes(z.astype(np.float32), t, **others)


@pytest.mark.parametrize("variances", [None, np.full((3000, 2), 0.01)], ids=["points", "wide"])
@pytest.mark.parametrize("number", [-2.5, -0.37, 0.0, 1.2])
def test_near_numbers_share_a_fit_that_is_nearly_their_own(number, variances, monkeypatch):
    """As far from what is fitted for as they may be."""
    known = curved_codes(variances=variances)
    step = class_codes.STEP * known._width()
    number = (np.rint(number / step) + 0.49) * step
    found, exact = np.zeros((2, 40_000, 2))
    numbers = np.full(40_000, number)
    known.replace(found, numbers, np.random.RandomState(0))
    monkeypatch.setattr(class_codes, "STEP", 0)
    known.replace(exact, numbers, np.random.RandomState(0))
    assert not np.array_equal(found, exact)
    deviation = exact.std(axis=0)
    np.testing.assert_allclose((found - exact).mean(axis=0) / deviation, 0, atol=0.05)
    np.testing.assert_allclose(found.std(axis=0) / deviation, 1, atol=0.05)


def test_many_numbers_take_few_fits(monkeypatch):
    known, fits = curved_codes(), []
    near = ClassCodes._near
    monkeypatch.setattr(ClassCodes, "_near", lambda *args: fits.append(0) or near(*args))
    numbers = np.random.RandomState(0).choice(known.numbers, 20_000)
    known.replace(np.zeros((20_000, 2)), numbers, np.random.RandomState(0))
    assert len(fits) < 200


def test_equal_numbers_are_told():
    known = KnownNumbers.of(np.full(5, 3.0))
    assert known.standardized(np.array([3.0, 4.0])).tolist() == [0, 1]
    model = VAETransformer(2, conditional="number", **QUICK).set_params(max_iter=2)
    assert np.isfinite(model.fit(X, np.ones(len(X))).sample(3, random_state=0)).all()
