"""What is known of labels: the classes, and how often each came."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import skae
from skae import AdversarialAutoencoder, VAETransformer
from skae._base.labelled import KnownLabels

from .estimators import every_classifier

STYLE = {"hidden_layer_sizes": (16,), "discriminator_layer_sizes": (8,), "max_iter": 3}
STYLE = {**STYLE, "random_state": 0}
QUICK = {"hidden_layer_sizes": (32, 16), "max_iter": 10, "random_state": 0}
TARGET = load_digits().target[:400]


@pytest.mark.parametrize("cls", [AdversarialAutoencoder, VAETransformer])
def test_conditions_of_a_stream_may_come_later(cls, digits):
    """Classes are known from the start, how often they are and what decodes as none later."""
    model = cls(2, conditional=True, hidden_layer_sizes=(16,), random_state=0)
    model.partial_fit(digits[:100], np.full(100, 3), classes=[3, 4, 8])
    with pytest.raises(ValueError, match="not learned to decode"):
        model.inverse_transform(np.zeros((1, 2)), -1)
    y = np.where(np.isin(TARGET, [4, 8]), TARGET, -1)
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
    model = AdversarialAutoencoder(2, conditional=True, warm_start=True, **STYLE)
    model.fit(digits, TARGET)
    few = np.where(TARGET == 5, -1, TARGET)
    model.fit(digits, few)
    assert model.inverse_transform(np.zeros((1, 2)), -1).shape == (1, 64)
    share = (TARGET == 0).sum() / (few >= 0).sum()
    assert model._known_labels.shares[0] == pytest.approx(share, rel=0.05)


@every_classifier
@pytest.mark.parametrize("way", ["stream", "warm start"])
def test_labels_that_come_later_are_learned(cls, way, digits):
    """As many in a batch, and classes as often, as if they had been there from the start."""
    y = np.where(TARGET < 3, TARGET, -1)
    y[y == 2] = -1
    if way == "stream":
        model = cls(**QUICK).partial_fit(digits, np.full(400, -1), classes=[0, 1])
        for _ in range(20):
            model.partial_fit(digits, y)
        model.set_params(n_rehearsed=0).partial_fit(digits, y)
    else:
        model = cls(warm_start=True, **QUICK)
        first = [np.flatnonzero(y == 0)[:3], np.flatnonzero(y == 1)[:1]]
        model.fit(digits, np.where(np.isin(np.arange(400), np.concatenate(first)), y, -1))
        assert model.net_.n_labelled_ == 4
        model.fit(digits, y)
    known = y >= 0
    assert model.net_.n_labelled_ == known.sum()
    assert model.score(digits[known], y[known]) > 0.9
    copied = pickle.loads(pickle.dumps(model))
    expected = cls(**{**QUICK, "max_iter": 1}).fit(digits, y)
    for one in (model, copied):
        if hasattr(expected, "_known_labels"):
            assert one._known_labels.shares == pytest.approx(expected._known_labels.shares)
        for name, shares in expected.module_.named_buffers():
            if name in ("class_shares", "log_shares"):
                torch.testing.assert_close(one.module_.get_buffer(name), shares)
        objective = one.net_.module_.objective
        if hasattr(objective, "share"):
            assert objective.share == expected.net_.module_.objective.share


@every_classifier
def test_rows_without_labels_say_nothing_of_how_often_classes_are(cls, digits):
    y = np.where(np.arange(400) < 90, np.minimum(TARGET, 1), -1)
    model = cls(warm_start=True, **{**QUICK, "max_iter": 1}).fit(digits, y)
    known = getattr(model, "_known_labels", None)
    model.fit(digits, np.full(400, -1))
    if known is not None:
        shares = known.shares
        np.testing.assert_allclose(model._known_labels.shares, shares)
        for name, found in model.module_.named_buffers():
            if name in ("class_shares", "log_shares"):
                expected = torch.from_numpy(shares).float()
                torch.testing.assert_close(found, expected.log() if "log" in name else expected)


@every_classifier
def test_labels_that_weigh_nothing_are_none(cls, digits):
    y = np.where(np.arange(len(digits)) < 40, np.arange(len(digits)) % 2, -1)
    with pytest.raises(ValueError, match="sample_weight is 0 for all rows with a label"):
        cls(**QUICK).fit(digits, y, sample_weight=(y < 0).astype(float))


def test_one_label_of_each_class_can_be_judged_by_only_where_no_label_is_needed(digits):
    y = np.full(len(digits), -1)
    y[:3] = [0, 1, 2]
    with pytest.raises(ValueError, match="no class has two"):
        skae.LadderClassifier(early_stopping=True, **QUICK).fit(digits, y)
    model = skae.VAETransformer(conditional=True, early_stopping=True, **QUICK).fit(digits, y)
    assert model.sample(2, y=[0, 2]).shape == (2, 64)


def known(labels, weight=None, before=None, n_new=None):
    """What rows with these labels show of three classes."""
    weight = None if weight is None else np.array(weight, dtype=float)
    rows = SimpleNamespace(labels=torch.tensor(labels), raw_weight=weight)
    return KnownLabels.of(rows, 3, before, n_new)


@pytest.mark.parametrize(
    ("labels", "weight", "counts", "shares", "labelled_share"),
    [
        ([0, 0, 1, -1], None, [2, 1, 0], [0.5, 0.25, 0.25], 0.75),
        ([0, 0, 1, 1, 1], None, [2, 3, 0], [2 / 6, 3 / 6, 1 / 6], 1),  # as one row
        ([0, 0, 1, -1], [0.5, 0.5, 4, 1], [1, 4, 0], [1 / 6, 4 / 6, 1 / 6], 5 / 6),  # as the rarest
        # As a row of mean weight, which is less.
        ([0, 0, 1, -1], [4, 4, 9, 1], [8, 9, 0], [8 / 21.5, 9 / 21.5, 4.5 / 21.5], 17 / 18),
        ([0, 1, 2, 2], [0, 1, 1, 2], [0, 1, 3], [0.2, 0.2, 0.6], 1),  # of no weight: not there
        ([-1, -1], None, [0, 0, 0], [1 / 3] * 3, 0),
    ],
)
def test_classes_are_as_frequent_as_their_rows_weigh(
    labels, weight, counts, shares, labelled_share
):
    found = known(labels, weight)
    assert found.counts.tolist() == counts
    assert found.shares.tolist() == pytest.approx(shares)
    assert found.labelled_share == pytest.approx(labelled_share)
    assert found.with_unlabelled == (-1 in labels)


def test_a_stream_adds_up_and_another_fit_counts_anew():
    before = known([0, 0, 1])
    more = [2, 2, 2, -1]
    assert known(more, before=before, n_new=4).counts.tolist() == [2, 1, 3]
    rehearsed = known([*more, 0, 1], before=before, n_new=4)
    assert rehearsed.counts.tolist() == [2, 1, 3]
    assert rehearsed.labelled_share == pytest.approx(5 / 6)
    anew = known(more, before=before)
    assert anew.counts.tolist() == [0, 0, 3]
    assert anew.shares.tolist() == pytest.approx([0.2, 0.2, 0.6])
    # Rows without any label say nothing of the classes, in either way.
    for n_new in (None, 2):
        none = known([-1, -1], before=before, n_new=n_new)
        assert none.counts.tolist() == [2, 1, 0]
        assert none.shares.tolist() == before.shares.tolist()
        assert none.labelled_share == 0


def test_what_was_once_decoded_without_a_class_is_ever_after():
    before = known([0, -1])
    assert known([0, 1], before=before, n_new=2).with_unlabelled is True
    assert known([0, 1], before=known([0, 1]), n_new=2).with_unlabelled is False


def test_a_model_that_knows_shares_only_goes_on_from_those():
    before = KnownLabels(np.array([0.5, 0.25, 0.25]))
    assert before.to_state().keys() == {"_class_shares", "_decodes_unlabelled"}
    found = known([2, 2, 2], before=before, n_new=3)
    assert found.counts.tolist() == [0.5, 0.25, 3.25]
    assert found.shares.tolist() == pytest.approx([0.125, 0.0625, 0.8125])
