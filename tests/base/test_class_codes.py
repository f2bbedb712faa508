"""Codes drawn for a class."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skae import (
    AdversarialAutoencoder,
    AdversarialAutoencoderClassifier,
    VAEClassifier,
    VAETransformer,
    load,
    save,
)
from skae._base import class_codes
from skae._base.class_codes import ROWS_BEFORE, ClassCodes, Missed, look
from skae._rows.batches import Rows
from skae._rows.scaling import Scaling
from skae.modules import VariationalAutoencoder

QUICK = {"hidden_layer_sizes": (32,), "max_iter": 30, "random_state": 0}
X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
MODELS = {
    "vae": VAETransformer(2, conditional=True, **QUICK),
    "aae": AdversarialAutoencoder(2, conditional=True, **QUICK),
    "vae classifier": VAEClassifier(2, **QUICK),
    "aae classifier": AdversarialAutoencoderClassifier(2, **QUICK),
}


@pytest.fixture(scope="module", params=MODELS)
def fitted(request):
    return MODELS[request.param].fit(X, Y)


def test_what_is_drawn_is_of_the_class(fitted):
    """As a judge of real rows has it; of those drawn from N(0, I) some models have half."""
    judge, asked = LogisticRegression().fit(X, Y), np.repeat([0, 1, 2], 300)
    rows = fitted.sample(900, random_state=0, y=asked)
    for label in range(3):
        real, drawn = X[label == Y], rows[asked == label]
        right = (judge.predict(drawn) == label).mean()
        assert right >= judge.score(real, Y[label == Y]) - 0.1
        assert np.abs(drawn.mean(axis=0) - real.mean(axis=0)).max() < 0.15


def test_a_rare_class_is_drawn_as_well():
    """Five rows among 105."""
    kept = np.r_[0:5, 50:150]
    model = AdversarialAutoencoder(2, conditional=True, **QUICK).fit(X[kept], Y[kept])
    judge = LogisticRegression().fit(X, Y)
    assert (judge.predict(model.sample(200, 0, y=0)) == 0).mean() > 0.95


def test_a_class_of_one_row_is_drawn_near_to_it():
    kept = np.r_[:1, 50:150]
    model = AdversarialAutoencoder(2, conditional=True, **QUICK).fit(X[kept], Y[kept])
    near = model.sample(300, 0, y=0).mean(axis=0)
    model.module_.levels.added.zero_()
    far = model.sample(300, 0, y=0).mean(axis=0)
    assert np.linalg.norm(near - X[0]) < 0.45 * np.linalg.norm(far - X[0])


def codes_of(numbers, **others):
    rng = np.random.default_rng(0)
    numbers = np.asarray(numbers)
    codes = rng.normal(size=(len(numbers), 2)) @ [[1, 0.8], [0, 0.3]] + 5.0 * numbers[:, None]
    return ClassCodes(codes.astype(np.float32), numbers, **others)


def drawn(known, numbers, seed=0):
    codes = np.full((len(numbers), 2), np.nan)
    known.replace(codes, np.asarray(numbers), np.random.RandomState(seed))
    return codes


@pytest.mark.parametrize("variances", [None, [0.5, 2.0]])
def test_draws_have_the_moments_of_the_class(variances):
    """And those of posteriors have their width beside that of their means."""
    numbers = np.repeat([0, 1, -1], 50)
    wide = None if variances is None else np.tile(variances, (150, 1))
    known = codes_of(numbers, variances=wide)
    for number in (0, 1, -1):
        own, codes = known.codes[numbers == number], drawn(known, [number] * 40_000)
        expected = np.cov(own.T, bias=True) + np.diag([0, 0] if variances is None else variances)
        np.testing.assert_allclose(codes.mean(axis=0), own.mean(axis=0), atol=0.05)
        # The kernel's covariance is a little that of all classes.
        np.testing.assert_allclose(np.cov(codes.T), expected, atol=0.08)


@pytest.mark.parametrize("kind", [int, float])
def test_normal_distributions_have_the_moments_of_draws(kind):
    numbers = np.repeat([0, 1, -1], 50).astype(kind)
    known = codes_of(numbers, variances=np.tile([0.5, 2.0], (150, 1)))
    asked = np.array([1, -1, 1, 7], dtype=kind)
    means, covariances = known.normals(asked)
    for place, number in enumerate(asked[:2]):
        codes = drawn(known, np.full(40_000, number))
        np.testing.assert_allclose(means[place], codes.mean(axis=0), atol=0.05)
        np.testing.assert_allclose(covariances[place], np.cov(codes.T), atol=0.1)
    np.testing.assert_array_equal(means[0], means[2])
    if kind is int:  # of which nothing is known
        np.testing.assert_array_equal(means[3], [0, 0])
        np.testing.assert_array_equal(covariances[3], np.eye(2))


def test_draws_are_no_copies_where_codes_are_points():
    known = codes_of(np.zeros(50, dtype=int))
    apart = np.abs(drawn(known, [0] * 200)[:, None] - known.codes).max(axis=2).min(axis=1)
    assert np.median(apart) > 0.01


def test_a_class_of_one_row_has_the_spread_of_the_others():
    known = codes_of(np.r_[np.zeros(100, dtype=int), 1])
    spread = drawn(known, [1] * 2000).std(axis=0) / known.codes[:100].std(axis=0)
    assert (spread > 0.5).all()
    np.testing.assert_allclose(drawn(known, [1] * 2000).mean(axis=0), known.codes[-1], atol=0.1)


def test_constant_codes_are_drawn_as_they_are():
    known = ClassCodes(np.ones((4, 2), np.float32), np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(drawn(known, [0, 1]), 1)


def test_weights_count():
    known = codes_of(np.zeros(50, dtype=int), weight=np.r_[np.full(25, 1e-12), np.ones(25)])
    np.testing.assert_allclose(
        drawn(known, [0] * 20_000).mean(axis=0), known.codes[25:].mean(axis=0), atol=0.05
    )


def test_a_draw_depends_on_its_own_class_only():
    known = codes_of(np.repeat([0, 1], 20))
    one, other = drawn(known, [0, 1, 1, 0]), drawn(known, [1, 1, 0, 0])
    np.testing.assert_array_equal(one[[1, 3]], other[[1, 3]])
    assert np.isnan(drawn(known, [7, 0])[0]).all()  # of which nothing is known


def test_levels_are_what_means_are_missed_by():
    class Half(torch.nn.Module):
        def output(self, z, y):
            return 0.5 * z

    x = torch.tensor([[1.0, 2.0], [3.0, torch.nan], [5.0, 0.0]])
    numbers, weight = torch.tensor([0, 0, -1]), torch.tensor([1.0, 3.0, 1.0])
    missed = Missed(2, 2)
    missed.add(Half(), x, (x.nan_to_num(), numbers, None, weight))
    expected = [[0.5 * (1 + 9) / 4, 1.0], [0, 0]]
    expected = 2 / (2 + ROWS_BEFORE) * np.array(expected)
    np.testing.assert_allclose(missed.levels(), expected)


def test_levels_are_of_the_rows_that_were_learned_from():
    """Codes are of those that were held out as well."""
    module, (train, held) = (
        VAETransformer(2, conditional=True, **QUICK).fit(X, Y).module_,
        (
            Rows(part, Scaling(np.zeros(4), 1.0), labels=np.zeros(len(part), dtype=int))
            for part in (X[:30], X[30:50])
        ),
    )
    both, alone = Missed(1, 4), Missed(1, 4)
    codes = look(module, [train, held], both)
    look(module, [train], alone)
    assert len(codes.codes) == 50
    assert torch.equal(both.levels(), alone.levels())
    assert both.n_rows.item() == 30


def test_levels_are_added_to_rows_of_the_class():
    linear = torch.nn.Linear
    module = VariationalAutoencoder(linear(3, 4), linear(4, 3), None, torch.full((2,), 0.5))
    z, y = torch.randn(3, 2), torch.tensor([0, 1, -1])
    plain = module.output(z, y)
    module.levels.add(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    added = (module.output(z, y) - plain).detach()
    torch.testing.assert_close(added, torch.tensor([[1.0, 2, 3], [4, 5, 6], [0, 0, 0]]))
    assert torch.equal(module.output(z), module.output(z, torch.full((3,), -1)))
    old = {name: value for name, value in module.state_dict().items() if "levels" not in name}
    module.load_state_dict(old)  # as written before there were any
    assert torch.equal(module.output(z, y), plain)


@pytest.mark.parametrize("name", ["vae", "aae classifier"])
def test_streams_files_and_pickles_draw_the_same(name, tmp_path):
    model = clone(MODELS[name]).set_params(n_rehearsed=100)
    for part in np.array_split(np.random.RandomState(0).permutation(150), 3):
        model.partial_fit(X[part], Y[part], classes=[0, 1, 2])
    again = pickle.loads(pickle.dumps(model))
    save(model, tmp_path / "model.safetensors")
    rows = model.sample(20, random_state=0, y=1)
    for other in (again, load(tmp_path / "model.safetensors")):
        np.testing.assert_array_equal(other.sample(20, random_state=0, y=1), rows)
    assert set(model._class_codes.numbers) == {0, 1, 2}
    before = model._class_codes
    model.partial_fit(X[:10], Y[:10])
    model.sample()
    assert not np.array_equal(model._class_codes.codes, before.codes)


@pytest.mark.parametrize("n_rehearsed", ["auto", 0])
@pytest.mark.parametrize("name", MODELS)
def test_classes_that_a_piece_lacks_are_drawn_as_after_fit(name, n_rehearsed, tmp_path):
    """Pieces of other classes, and one row of its own, leave what is drawn for a class."""
    model = clone(MODELS[name]).set_params(n_rehearsed=n_rehearsed).fit(X, Y)
    before = model.sample(500, random_state=0, y=2)
    for rows in (np.arange(50), np.arange(50, 101)):
        model.partial_fit(X[rows], Y[rows])
        again = pickle.loads(pickle.dumps(model))  # of another it is not known what was looked at
    assert (model._class_codes.numbers == 2).sum() == 50
    drawn = model.sample(500, random_state=0, y=2)
    # One epoch moves the networks a little.
    np.testing.assert_allclose(drawn.mean(axis=0), before.mean(axis=0), atol=0.25)
    np.testing.assert_allclose(drawn.std(axis=0), before.std(axis=0), rtol=0.4, atol=0.1)
    save(model, tmp_path / "model.safetensors")
    for other in (again, load(tmp_path / "model.safetensors")):
        np.testing.assert_array_equal(other.sample(500, random_state=0, y=2), drawn)
        other.partial_fit(X[:60], Y[:60])
    model.partial_fit(X[:60], Y[:60])
    np.testing.assert_array_equal(model.sample(9, 0, y=2), other.sample(9, 0, y=2))


@pytest.mark.parametrize("name", ["vae", "aae"])
def test_a_class_that_is_no_longer_rehearsed_is_drawn_by_rows_of_it(name, tmp_path):
    """Its codes are those that the model gives its rows by now, and not those of the prior."""
    model = clone(MODELS[name]).set_params(n_rehearsed=15)
    rare = np.flatnonzero(Y == 2)[:6]
    for rows in (np.r_[rare, 0:9], *np.split(np.tile(np.arange(100), 12), 20)):
        model.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
    assert 2 not in model._reservoir.labels
    drawn = model._draw_codes(4000, np.random.RandomState(0), np.full(4000, 2))
    codes = model.transform(X[rare])
    assert (model._class_codes.numbers == 2).sum() == 6
    assert np.abs(codes.mean(axis=0)).max() > 0.3
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.1)
    save(model, tmp_path / "model.safetensors")
    copies = [model, load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))]
    rows = [copy.partial_fit(X[:10], Y[:10]).sample(9, 0, y=2) for copy in copies]
    np.testing.assert_array_equal(rows[1], rows[0])
    np.testing.assert_array_equal(rows[2], rows[0])
    model.set_params(n_rehearsed=0).partial_fit(X[:10], Y[:10])
    assert not hasattr(model, "_rare_rows")
    assert (model._class_codes.numbers == 2).sum() == 6


def test_what_is_kept_does_not_depend_on_when_it_was_looked_at():
    models = [clone(MODELS["vae"]).set_params(warm_start=True).fit(X, Y) for _ in range(2)]
    for begin, step in ((0, "partial_fit"), (40, "partial_fit"), (20, "fit")):
        rows = slice(begin, begin + 60)
        for model in models:
            getattr(model, step)(X[rows], Y[rows])
        models[0].sample()
    first, other = (model.sample(50, random_state=0, y=2) for model in models)
    np.testing.assert_array_equal(first, other)
    assert not hasattr(models[0], "_earlier_codes")


def test_what_is_kept_of_earlier_rows(monkeypatch):
    earlier, now = codes_of([0, 0, 0, 1, 1, -1]), codes_of([0, 2], weight=np.array([2.0, 3.0]))
    both = now.beside(earlier, stream=True)
    assert both.numbers.tolist() == [0, 2, -1, 0, 0, 1, 1]
    assert both.weight.tolist() == [2, 3, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(both.codes[2:], earlier.codes[[5, 0, 1, 3, 4]])
    assert now.beside(earlier, stream=False).numbers.tolist() == [0, 2, -1, 1, 1]
    assert now.beside(None, stream=True) is now
    earlier, now = codes_of(np.linspace(0, 1, 30)), codes_of(np.linspace(2, 3, 10))
    assert now.beside(earlier, stream=False) is now
    numbers = now.beside(earlier, stream=True).numbers
    np.testing.assert_array_equal(numbers, np.r_[now.numbers, earlier.numbers])
    monkeypatch.setattr(class_codes, "MAX_ROWS", 20)
    few = now.beside(earlier, stream=True)
    assert len(few.codes) == len(few.numbers) == 20
    assert 0 < (few.numbers >= 2).sum() < 10


def test_rows_without_a_class_have_codes_of_their_own():
    some = np.where(Y == 2, -1, Y)
    model = VAETransformer(2, conditional=True, **QUICK).fit(X, some)
    none = model.sample(200, random_state=0, y=-1)
    judge = LogisticRegression().fit(X, Y)
    assert (judge.predict(none) == 2).mean() > 0.8


def test_bounds_hold_where_levels_are_added():
    bounded = np.c_[X, np.maximum(X[:, 0], 0)]
    model = VAETransformer(2, conditional=True, **QUICK).fit(bounded, Y)
    added = model.module_.levels.added
    assert added[:, :4].all()
    assert not added[:, 4].any()
    assert model.sample(300, random_state=0)[:, 4].min() >= 0
