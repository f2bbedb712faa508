"""Clusters and styles without any label."""

import math

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from torch import nn

from skae import AdversarialAutoencoderClustering
from skae.architectures import ConvNet
from skae.objectives import AdversarialClustering

QUICK = {"hidden_layer_sizes": (16,), "discriminator_layer_sizes": (8,), "max_iter": 3}
QUICK = {**QUICK, "random_state": 0}


@pytest.fixture
def fitted(digits):
    return AdversarialAutoencoderClustering(6, n_components=2, **QUICK).fit(digits)


def named_by_the_majority(labels, y):
    """The class that most rows of each row's cluster have."""
    return np.array([np.bincount(y[labels == label]).argmax() for label in labels])


def test_clusters_are_nearly_classes():
    """With as many clusters as classes need for their kinds of writing."""
    X, y = load_digits(return_X_y=True)
    model = AdversarialAutoencoderClustering(20, max_iter=60, random_state=0).fit(X)
    assert accuracy_score(y, named_by_the_majority(model.labels_, y)) > 0.8
    shares = np.bincount(model.labels_, minlength=20) / len(X)
    assert shares.max() < 0.15  # the prior: all alike often
    assert (model.cluster_heads_ >= 0).all()
    # The head of a cluster is one of its kind.
    heads = model.predict(model.cluster_heads_)
    used = np.flatnonzero(shares > 0.01)
    assert (heads[used] == used).mean() > 0.6


def test_labels_are_the_prediction_of_the_training_rows(fitted, digits):
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(digits))
    np.testing.assert_array_equal(clone(fitted).fit_predict(digits), fitted.labels_)
    logits = fitted.module_.classify(fitted.scaling_(torch.from_numpy(digits)))
    places = logits.argmax(dim=1).numpy()
    assert len(np.unique(places * 6 + fitted.labels_)) == len(np.unique(places))
    counts = np.bincount(fitted.labels_, minlength=6)
    assert (np.diff(counts) <= 0).all()
    drawn = fitted.sample(400, random_state=0)
    assert not np.isnan(drawn).any()
    fitted.partial_fit(digits)
    assert not hasattr(fitted, "labels_")


def test_heads_are_clusters_without_style(fitted):
    expected = fitted.inverse_transform(np.zeros((6, 2)), np.arange(6))
    np.testing.assert_allclose(fitted.cluster_heads_, expected, rtol=1e-5)
    assert fitted.sample(4, random_state=0, y=2).shape == (4, 64)
    with pytest.raises(ValueError, match=r"y has labels .*\[6\]"):
        fitted.inverse_transform(np.zeros((1, 2)), [6])
    with pytest.raises(AttributeError, match="before fit"):
        clone(fitted).cluster_heads_  # noqa: B018


@pytest.mark.parametrize("architecture", [None, ConvNet((8, 8), channels=(4, 8))])
def test_units_do_not_matter(architecture, digits):
    model = AdversarialAutoencoderClustering(6, architecture=architecture, **QUICK)
    plain, moved = clone(model).fit(digits), clone(model).fit(1e6 * digits + 1e3)
    assert (plain.labels_ == moved.labels_).mean() > 0.98
    np.testing.assert_allclose(moved.cluster_heads_, 1e6 * plain.cluster_heads_ + 1e3, rtol=0.01)


def test_each_cluster_is_the_likeliest_of_some_rows_from_the_start(digits):
    model = AdversarialAutoencoderClustering(10, **{**QUICK, "max_iter": 1}).fit(digits)
    assert np.bincount(model.labels_, minlength=10).min() >= 4
    logits = model.module_.train().codes(model.scaling_(torch.from_numpy(digits)))[1]
    norm = model.module_.norm
    torch.testing.assert_close(logits.mean(dim=0), norm.bias, atol=1e-4, rtol=0)
    torch.testing.assert_close(logits.std(dim=0), norm.weight, rtol=0.01, atol=0)


def test_one_row_at_a_time(digits):
    model = AdversarialAutoencoderClustering(6, batch_size=1, **QUICK).fit(digits[:60])
    assert len(np.unique(model.labels_)) > 1


def test_y_changes_nothing(fitted, digits):
    """Not even where it looks like labels."""
    other = clone(fitted).fit(digits, np.arange(400) % 10)
    np.testing.assert_array_equal(fitted.labels_, other.labels_)


def test_the_game_has_two_opponents_whose_priors_are_fair(fitted):
    module, x = fitted.module_.eval(), torch.randn(8, 64)
    assert module.class_shares.tolist() == pytest.approx([1 / 6] * 6)
    for fooled in ([module.discriminator], [module.class_discriminator]):
        for discriminator in (module.discriminator, module.class_discriminator):
            nn.init.zeros_(discriminator[-1].weight)
            nn.init.constant_(discriminator[-1].bias, 20.0 * (discriminator in fooled))
        terms = AdversarialClustering()(module, x)
        # One is sure of everything, the other knows nothing.
        assert terms["fooling"].mean().item() == pytest.approx(math.log(2), rel=1e-4)
        expected = 20 + 2 * math.log(2)
        assert terms["discrimination"].mean().item() == pytest.approx(expected, rel=1e-4)


def test_each_phase_moves_its_own_submodules_only(fitted, digits):
    moved = {}

    def watch(phase, step):
        before = {n: p.detach().clone() for n, p in fitted.module_.named_parameters()}
        step()
        after = fitted.module_.named_parameters()
        moved[phase] = {n.split(".")[0] for n, p in after if not torch.equal(before[n], p)}

    for phase, optimizer in fitted.net_.optimizers_.items():
        optimizer.update = lambda phase=phase, step=optimizer.update: watch(phase, step)
    fitted.partial_fit(digits[:16])
    assert moved == {
        "reconstruct": {"encoder", "norm", "decoder"},
        "discriminate": {"discriminator", "class_discriminator"},
        "fool": {"encoder", "norm"},
    }


def test_rows_of_no_weight_do_not_count(fitted, digits):
    weight = (np.arange(400) < 300).astype(float)
    model = clone(fitted).fit(digits, sample_weight=weight)
    counts = np.bincount(model.labels_[:300], minlength=6)
    assert (np.diff(counts) <= 0).all()
    np.testing.assert_allclose(model._known_labels.shares, counts / 300)


def test_a_weight_may_be_one_for_all(fitted, digits):
    model = clone(fitted).fit(digits, sample_weight=2.0)
    np.testing.assert_array_equal(model.labels_, fitted.labels_)


def test_a_failed_fit_leaves_nothing_behind(fitted, digits):
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(np.full_like(digits, np.nan))
    assert not hasattr(fitted, "labels_")


def test_noise_is_for_training_only(digits):
    model = AdversarialAutoencoderClustering(3, noise_level=0.5, **QUICK).fit(digits)
    x = model.scaling_(torch.from_numpy(digits[:50]))
    torch.testing.assert_close(model.module_.classify(x), model.module_.classify(x))
    model.module_.train()
    codes = torch.stack([model.module_.encoder(x), torch.cat(model.module_.codes(x), dim=1)])
    assert not torch.allclose(*codes)
