"""Decoders that are told the class."""

import copy

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from skae import AdversarialAutoencoder, AutoencoderTransformer, VAETransformer
from skae.objectives import importance_log_likelihood

QUICK = {"hidden_layer_sizes": (16,), "discriminator_layer_sizes": (8,), "max_iter": 3}
QUICK = {**QUICK, "random_state": 0}
LABELS = load_digits().target[:400]


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


def test_told_the_class_it_draws_the_class():
    X, y = load_digits(return_X_y=True)
    settings = {"max_iter": 30, "random_state": 0, "likelihood": "bernoulli", "conditional": True}
    vae = VAETransformer(4, **settings).fit(X / 16, y)
    judge = LogisticRegression(max_iter=2000).fit(X / 16, y)
    asked = np.arange(1000) % 10
    assert judge.score(vae.sample(1000, random_state=0, y=asked), asked) > 0.9
    styles = vae.transform(X[:200] / 16)
    assert judge.score(vae.inverse_transform(styles, asked[:200]), asked[:200]) > 0.9
    # The likelihood sums over the classes.
    x = vae.scaling_(torch.from_numpy(X[:3] / 16)).double()
    module, noise = copy.deepcopy(vae.module_).double(), torch.from_numpy(vae._score_noise)
    with torch.no_grad():
        each = [
            importance_log_likelihood(module, x, noise, torch.full((3,), k)) + module.log_shares[k]
            for k in range(10)
        ]
    expected = torch.stack(each).logsumexp(dim=0)
    np.testing.assert_allclose(vae.score_samples(X[:3] / 16), expected, rtol=1e-6)
