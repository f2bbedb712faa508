"""The game is played by its rules, and the codes follow the prior."""

import functools
import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from torch import nn

from skae import AdversarialAutoencoder, AutoencoderTransformer, VAETransformer
from skae.objectives import Adversarial

QUICK = {"hidden_layer_sizes": (16,), "discriminator_layer_sizes": (8,), "max_iter": 3}
QUICK = {**QUICK, "random_state": 0}
LABELS = load_digits().target[:400]


def test_each_phase_moves_its_own_submodules_only(digits):
    # An annealed rate ends at 0, where nothing moves.
    model = AdversarialAutoencoder(2, learning_rate="constant", **QUICK).fit(digits)
    net, moved = model.net_, {}

    def watch(phase, step):
        before = {n: p.detach().clone() for n, p in model.module_.named_parameters()}
        step()
        after = model.module_.named_parameters()
        moved[phase] = {n.split(".")[0] for n, p in after if not torch.equal(before[n], p)}

    for phase, optimizer in net.optimizers_.items():
        optimizer.step = lambda phase=phase, step=optimizer.step: watch(phase, step)
    x = model.scaling_(torch.from_numpy(digits[:32]))
    net.train_step((x, (None, None)))
    assert moved == {
        "reconstruct": {"encoder", "decoder"},
        "discriminate": {"discriminator"},
        "fool": {"encoder"},
    }


def gradients(module, terms):
    module.zero_grad()
    sum(terms.values()).sum().backward()
    parameters = module.named_parameters()
    return {n.split(".")[0] for n, p in parameters if p.grad is not None and p.grad.any()}


def test_the_discriminator_sees_detached_codes_and_the_encoder_its_own(digits):
    model = AdversarialAutoencoder(2, **QUICK).fit(digits)
    module, x = model.module_, model.scaling_(torch.from_numpy(digits[:32]))
    game = Adversarial()
    assert gradients(module, game.reconstruct(module, x)) == {"encoder", "decoder"}
    assert gradients(module, game.discriminate(module, x)) == {"discriminator"}
    # Its gradient passes through the discriminator, which this phase does not move.
    assert gradients(module, game.fool(module, x)) == {"encoder", "discriminator"}


@pytest.mark.parametrize("logit", [0.0, 2.0])
def test_the_game_in_closed_form(logit, digits):
    module = AdversarialAutoencoder(2, **QUICK).fit(digits).module_
    module.discriminator = nn.Linear(2, 1)
    nn.init.zeros_(module.discriminator.weight)
    nn.init.constant_(module.discriminator.bias, logit)
    x, chance = torch.randn(5, 64), 1 / (1 + math.exp(-logit))
    terms = Adversarial()(module, x)
    assert terms["discrimination"].tolist() == pytest.approx(
        [-math.log(chance) - math.log(1 - chance)] * 5, rel=1e-5
    )
    assert terms["fooling"].tolist() == pytest.approx([-math.log(chance)] * 5, rel=1e-5)


def test_the_discriminator_learns_what_is_drawn(digits):
    """With the two sides swapped the encoder would flee from the prior."""
    far = AdversarialAutoencoder(
        2, prior=lambda n, rng: rng.normal(20, 1, (n, 2)), **{**QUICK, "max_iter": 30}
    )
    codes = far.fit(digits).transform(digits)
    assert codes.mean() > 2


def shape_of(codes, drawn):
    """How well a forest tells codes from draws: 0.5 is not at all."""
    rows, sides = np.vstack([codes, drawn]), np.repeat([0, 1], [len(codes), len(drawn)])
    forest = RandomForestClassifier(50, min_samples_leaf=5, random_state=0)
    return cross_val_score(forest, rows, sides, scoring="roc_auc", cv=3).mean()


@pytest.mark.parametrize(
    ("prior", "most", "least"), [("normal", 0.7, 0.72), ("swiss_roll", 0.85, 0.9)]
)
def test_codes_follow_the_prior(prior, most, least):
    X = load_digits().data
    settings = {"hidden_layer_sizes": (64,), "max_iter": 30, "random_state": 0}
    settings = {**settings, "learning_rate_init": 0.003}
    model = AdversarialAutoencoder(2, prior=prior, **settings).fit(X)
    torch.manual_seed(0)
    drawn = model.module_.prior.draw(len(X), 2).numpy()
    plain = AutoencoderTransformer(2, init="random", **settings).fit(X).transform(X)
    plain *= drawn.std() / plain.std()
    assert shape_of(model.transform(X), drawn) < most
    assert shape_of(plain, drawn) > least


def test_a_prior_may_be_a_function_around_another(digits):
    def inner(n_samples):
        return np.zeros((n_samples, 2))

    @functools.wraps(inner)
    def prior(n_samples, random_state):
        return inner(n_samples)

    model = AdversarialAutoencoder(2, prior=prior, **QUICK).fit(digits)
    assert not model._draw_codes(3, np.random.RandomState(0)).any()


def test_samples_are_decoded_draws(digits):
    model = AdversarialAutoencoder(2, **QUICK).fit(digits)
    codes = model._draw_codes(5, np.random.RandomState(3))
    expected = model.inverse_transform(codes.astype(digits.dtype))
    np.testing.assert_allclose(model.sample(5, random_state=3), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("prior", "error", "message"),
    [
        ("uniform", ValueError, "prior"),
        (lambda n, random_state: np.zeros((n, 3)), ValueError, r"gave shape \(2, 3\)"),
        (lambda n, random_state: np.full((n, 2), np.nan), ValueError, "finite codes"),
        (lambda n: np.zeros((n, 2)), TypeError, r"two arguments, \(n_samples, random_state\)"),
    ],
)
def test_a_prior_that_does_not_work_says_so(prior, error, message, digits):
    with pytest.raises(error, match=message):
        AdversarialAutoencoder(2, prior=prior, **QUICK).fit(digits)


@pytest.fixture(scope="module")
def rendering():
    """A model of style, and a judge of digits."""
    X, y = load_digits(return_X_y=True)
    settings = {"max_iter": 40, "learning_rate_init": 0.003, "random_state": 0}
    model = AdversarialAutoencoder(4, conditional=True, **settings).fit(X, y)
    return model, LogisticRegression(max_iter=3000).fit(X, y), X, y


def test_any_style_is_rendered_as_any_class(rendering):
    model, judge, X, _ = rendering
    styles = model.transform(X[:200])
    for label in range(10):
        assert (judge.predict(model.inverse_transform(styles, label)) == label).mean() > 0.9
        assert (judge.predict(model.sample(100, 0, y=label)) == label).mean() > 0.9


def test_the_style_does_not_tell_the_class(rendering):
    model, _, X, y = rendering
    styles = model.transform(X)
    assert cross_val_score(LogisticRegression(max_iter=1000), styles, y).mean() < 0.3
    plain = AutoencoderTransformer(4, max_iter=10, random_state=0).fit_transform(X)
    assert cross_val_score(LogisticRegression(max_iter=1000), plain, y).mean() > 0.6


def test_samples_have_the_classes_shares(digits):
    y = np.array(["a", "b"])[(np.arange(400) % 4 == 0).astype(int)]
    model = AdversarialAutoencoder(2, conditional=True, **QUICK).fit(digits, y)
    assert model.classes_.tolist() == ["a", "b"]
    assert model._known_labels.shares == pytest.approx([0.75, 0.25])
    assert model.sample(7, 0).shape == (7, 64)
    np.testing.assert_array_equal(
        model.sample(3, 0, y=["a", "b", "b"])[1:], model.sample(3, 0, y="b")[1:]
    )


def test_hidden_labels_are_hidden(digits):
    """Rows without a label are trained on, and told no class."""
    half = np.where(np.arange(400) < 200, LABELS, -1)
    model = AdversarialAutoencoder(2, conditional=True, **QUICK).fit(digits, half)
    z = torch.zeros(3, 2)
    told = model.module_.output(z, torch.tensor([-1, 0, 1]))
    torch.testing.assert_close(told[0], model.module_.decoder(torch.zeros(1, 12))[0])
    assert not torch.equal(told[1], told[2])
    assert model.inverse_transform(np.zeros((2, 2)), [-1, 3]).shape == (2, 64)
    none = model.inverse_transform(np.zeros((2, 2)), -1)
    for y in ([-1, -1], np.array([-1, -1], dtype=object), ["-1", "-1"]):
        np.testing.assert_array_equal(model.inverse_transform(np.zeros((2, 2)), y), none)


@pytest.mark.parametrize("cls", [AdversarialAutoencoder, VAETransformer])
def test_conditions_of_a_stream_may_come_later(cls, digits):
    """Classes are known from the start, how often they are and what decodes as none later."""
    model = cls(2, conditional=True, hidden_layer_sizes=(16,), random_state=0)
    model.partial_fit(digits[:100], np.full(100, 3), classes=[3, 4, 8])
    with pytest.raises(ValueError, match="not learned to decode"):
        model.inverse_transform(np.zeros((1, 2)), -1)
    y = np.where(np.isin(LABELS, [4, 8]), LABELS, -1)
    model.partial_fit(digits, y)
    assert model.inverse_transform(np.zeros((1, 2)), -1).shape == (1, 64)
    counts = np.array([100, (y == 4).sum(), (y == 8).sum()])
    np.testing.assert_allclose(model._known_labels.shares, counts / counts.sum())
    if cls is VAETransformer:
        shares = model.module_.log_shares.exp()
        np.testing.assert_allclose(shares, model._known_labels.shares, rtol=1e-6)
    with pytest.raises(ValueError, match="not those that the model began with"):
        model.partial_fit(digits, y, classes=[4, 8])
    with pytest.raises(ValueError, match="conditional=True"):
        cls(2).partial_fit(digits, classes=[4, 8])


def test_another_fit_counts_its_own_rows(digits):
    model = AdversarialAutoencoder(2, conditional=True, warm_start=True, **QUICK)
    model.fit(digits, LABELS)
    few = np.where(LABELS == 5, -1, LABELS)
    model.fit(digits, few)
    assert model.inverse_transform(np.zeros((1, 2)), -1).shape == (1, 64)
    share = (LABELS == 0).sum() / (few >= 0).sum()
    assert model._known_labels.shares[0] == pytest.approx(share, rel=0.05)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda m, z: m.inverse_transform(z), "Give y as well, labels of"),
        (lambda m, z: m.inverse_transform(z, 11), r"not given: \[11\]"),
        (lambda m, z: m.inverse_transform(z, "3"), r"not given: \['3'\]"),
        (lambda m, z: m.inverse_transform(z, [1, np.nan, 1]), "missing value"),
        (lambda m, z: m.inverse_transform(z, -1), "not learned to decode"),
        (lambda m, z: m.inverse_transform(z, [1]), "inconsistent numbers"),
        (lambda m, z: m.sample(2, y=[1, 2, 3]), "inconsistent numbers"),
        (lambda m, z: m.fit(np.ones((4, 3)), None), "requires y"),
        (lambda m, z: m.fit(np.eye(4), [0, 1, 0, 1], X_val=np.eye(4)), "X_val has no labels"),
    ],
)
def test_wrong_classes_get_a_clear_error(act, message, digits):
    model = AdversarialAutoencoder(2, conditional=True, **QUICK).fit(digits, LABELS)
    with pytest.raises(ValueError, match=message):
        act(model, np.zeros((3, 2)))


def test_without_conditions_there_are_no_classes(digits):
    model = AdversarialAutoencoder(2, **QUICK).fit(digits, LABELS)
    assert not hasattr(model, "classes_")
    with pytest.raises(ValueError, match="conditional=True"):
        model.inverse_transform(np.zeros((1, 2)), 3)


def test_the_best_class_scores(digits):
    model = AdversarialAutoencoder(2, conditional=True, **QUICK).fit(digits, LABELS)
    styles, rows = model.transform(digits[:20]), digits[:20]
    errors = [((model.inverse_transform(styles, k) - rows) ** 2).mean(axis=1) for k in range(10)]
    np.testing.assert_allclose(-np.min(errors, axis=0), model.score_samples(rows), rtol=0.02)


def test_every_optimizer_goes_on_after_a_round_trip(digits):
    model = AdversarialAutoencoder(2, warm_start=True, **QUICK).fit(digits)
    copied = pickle.loads(pickle.dumps(model))
    for one in (model, copied):
        one.partial_fit(digits)
    np.testing.assert_array_equal(model.transform(digits), copied.transform(digits))


def test_epochs_are_judged_by_the_reconstruction(digits):
    model = AdversarialAutoencoder(2, early_stopping=True, **QUICK).fit(digits)
    for row in model.net_.history:
        assert row["valid_loss"] == row["valid_reconstruction"]
        assert row["train_loss"] > row["train_reconstruction"]
