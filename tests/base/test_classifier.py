"""What all classifiers that learn from unlabelled rows promise."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae._training.training import Training
from skae.model_selection import SemiSupervisedSplit

from .estimators import every_classifier

QUICK = {"hidden_layer_sizes": (32, 16), "max_iter": 10, "random_state": 0}
# Where two fits are compared bit by bit.
SHORT = {**QUICK, "max_iter": 2}
TARGET = load_digits().target[:400]


def few(n_labelled=100):
    return np.where(np.arange(400) < n_labelled, TARGET, -1)


@every_classifier
def test_same_seed_same_bits_and_the_callers_random_state_is_untouched(cls, digits):
    torch.manual_seed(1)
    expected = torch.rand(())
    torch.manual_seed(1)
    first, second = (cls(**SHORT).fit(digits, few()) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(digits), second.predict_proba(digits))
    assert torch.rand(()) == expected
    other = clone(first).set_params(random_state=1).fit(digits, few())
    assert not np.array_equal(first.predict_proba(digits), other.predict_proba(digits))


@every_classifier
def test_training_is_shown_the_labels_that_were_given_and_no_other(cls, digits, monkeypatch):
    shown, forward = [], skae._training.net.TrainingModule.forward

    def noted(module, x, y=None, phase=None):
        shown.append((x, y))
        return forward(module, x, y, phase)

    monkeypatch.setattr(skae._training.net.TrainingModule, "forward", noted)
    model = cls(**{**QUICK, "max_iter": 2}).fit(digits, few())
    rows = map(bytes, model.scaling_(torch.from_numpy(digits)).numpy())
    labels = dict(zip(rows, few(), strict=True))
    for x, y in shown:
        rows = x.numpy()[len(x) - len(y) :]
        assert [labels[bytes(row)] for row in rows] == y.tolist()
        assert (y >= 0).all()


@every_classifier
def test_units_do_not_matter(cls, digits):
    plain, moved = cls(**QUICK).fit(digits, few()), cls(**QUICK).fit(1e6 * digits + 1e3, few())
    np.testing.assert_allclose(
        plain.predict_proba(digits), moved.predict_proba(1e6 * digits + 1e3), atol=0.02
    )


@every_classifier
@pytest.mark.parametrize(
    "y",
    [
        pytest.param(few().astype(str), id="texts"),
        pytest.param([label if label == -1 else f"digit {label}" for label in few()], id="list"),
        pytest.param(pd.Series(few()), id="series"),
        pytest.param(few() * 7.0 * (few() >= 0) - 1.0 * (few() < 0), id="floats"),
    ],
)
def test_labels_of_any_kind(cls, y, digits):
    model = cls(**SHORT).fit(digits, y)
    expected = cls(**SHORT).fit(digits, few())
    np.testing.assert_array_equal(model.predict_proba(digits), expected.predict_proba(digits))
    places = expected.predict(digits)
    np.testing.assert_array_equal(model.predict(digits), model.classes_[places])
    assert len(model.classes_) == 10


@every_classifier
@pytest.mark.parametrize(
    ("y", "n_classes"),
    [
        pytest.param(TARGET, 10, id="no unlabelled rows"),
        pytest.param(np.where(TARGET == 3, -1, TARGET), 9, id="a class without labels"),
        pytest.param(np.where(np.arange(400) < 10, np.arange(400), -1), 10, id="one row of each"),
        pytest.param(np.where(np.arange(400) == 7, 1, np.where(np.arange(400) < 90, 0, -1)), 2,
                     id="imbalanced"),
        pytest.param(np.where(np.arange(400) < 2, np.arange(400), -1), 2, id="two labels"),
    ],
)  # fmt: skip
def test_few_many_and_uneven_labels_work(cls, y, n_classes, digits):
    digits, y = digits[:200], y[:200]
    model = cls(**QUICK).fit(digits, y)
    probabilities = model.predict_proba(digits)
    assert probabilities.shape == (200, n_classes)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    known = y >= 0
    assert (model.predict(digits[known]) == y[known]).mean() > 0.5


@every_classifier
def test_a_rare_class_keeps_to_its_rows(cls):
    """One in ten, two of them with a label: the others are neither forgotten nor made up."""
    X, y = load_digits(return_X_y=True)
    common, rare = np.flatnonzero(y == 1)[:178], np.flatnonzero(y == 8)[:20]
    X, y = X[np.r_[common, rare]], y[np.r_[common, rare]]
    known = np.r_[:18, 178:180]
    some = np.full(len(y), -1)
    some[known] = y[known]
    predicted = cls(max_iter=40, random_state=0).fit(X, some).predict(X)
    assert balanced_accuracy_score(y, predicted) > 0.8


@every_classifier
@pytest.mark.parametrize(
    "make", [sparse.csr_matrix, sparse.csr_array, pd.DataFrame, np.asfortranarray]
)
def test_any_container(cls, make, digits):
    expected = cls(**SHORT).fit(digits, few()).predict(digits)
    rows = make(digits)
    np.testing.assert_array_equal(cls(**SHORT).fit(rows, few()).predict(rows), expected)


@every_classifier
def test_pickle_round_trip_and_warm_start(cls, digits):
    model = cls(warm_start=True, **SHORT).fit(digits, few())
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.predict_proba(digits), copied.predict_proba(digits))
    for one in (model, copied):
        one.fit(digits, np.where(TARGET < 5, few(), -1))
    np.testing.assert_array_equal(model.predict_proba(digits), copied.predict_proba(digits))
    assert len(model.loss_curve_) == 2 * SHORT["max_iter"]
    assert len(model.classes_) == 10
    with pytest.raises(ValueError, match="not there at the start"):
        model.fit(digits, TARGET + 1)


@every_classifier
def test_a_part_that_fails_changes_nothing(cls, digits):
    y = few()
    model = cls(**SHORT).fit(digits, y)
    before, probabilities = pickle.dumps(model), model.predict_proba(digits)
    with pytest.raises(ValueError, match="diverged"):
        model.partial_fit(1e30 * digits, np.where(y == 3, 3, -1))
    np.testing.assert_array_equal(model.predict_proba(digits), probabilities)
    assert model.net_.n_labelled_ == model.net_.iterator_train__n_labelled == 100
    if hasattr(model, "_known_labels"):
        known = pickle.loads(before)._known_labels
        np.testing.assert_array_equal(model._known_labels.shares, known.shares)
    objective = pickle.loads(before).net_.module_.objective
    assert model.net_.module_.objective == objective


@every_classifier
def test_what_the_user_sets_of_the_net_stays(cls, digits):
    name = "iterator_train__n_labelled"
    model = cls(warm_start=True, net_params={name: 7}, **SHORT).fit(digits, few())
    model.fit(digits, few(50))
    assert getattr(model.net_, name) == 7


@every_classifier
def test_one_row_may_be_held_out(cls, digits):
    model = cls(early_stopping=True, **SHORT).fit(digits[:3], [0, 0, 1])
    assert np.isfinite(model.predict_proba(digits)).all()


@every_classifier
def test_weights_choose_what_is_learned(cls, digits):
    """Rows of no weight are not there; their labels neither."""
    wrong = np.where(np.arange(400) < 50, (TARGET + 1) % 10, TARGET)
    weight = (np.arange(400) >= 50).astype(float)
    model = cls(**SHORT).fit(digits, wrong, weight)
    other = cls(**SHORT).fit(digits, TARGET, weight)
    np.testing.assert_array_equal(model.predict_proba(digits), other.predict_proba(digits))


@every_classifier
def test_early_stopping_holds_out_of_each_class(cls, digits, monkeypatch):
    parts = []

    class Noted(Training):
        def __init__(self, net, rows, *, rows_val, **kwargs):
            parts.extend([rows, rows_val])
            super().__init__(net, rows, rows_val=rows_val, **kwargs)

    monkeypatch.setattr(skae._training.trainer, "Training", Noted)
    # More batches than rows with a label, so that some have none.
    settings = {**SHORT, "batch_size": 2}
    if "calibrated" in cls().get_params():
        settings["calibrated"] = False
    model = cls(early_stopping=True, **settings).fit(digits, few(200))
    counts = [np.bincount(part.labels + 1, minlength=11) for part in parts]
    np.testing.assert_array_equal(sum(counts), np.bincount(few(200) + 1))
    np.testing.assert_array_equal(counts[1], np.bincount(few(200) + 1) // 10)
    assert not np.isin(parts[0].subset, parts[1].subset).any()
    assert len(model.validation_scores_) == model.n_iter_
    held = parts[1].subset[parts[1].labels >= 0]
    assert len(held) < len(parts[1]) / 2
    expected = log_loss(TARGET[held], model.predict_proba(digits[held]), labels=range(10))
    assert model.best_loss_ == pytest.approx(expected, rel=1e-5)
    # The start may have been the best.
    assert model.best_loss_ <= min(-score for score in model.validation_scores_)


@every_classifier
def test_a_search_in_a_pipeline_scores_labelled_rows(cls, digits):
    model = make_pipeline(StandardScaler(), cls(**QUICK))
    name = cls.__name__.lower()
    grid = {f"{name}__max_iter": [1, 8]}
    search = GridSearchCV(model, grid, cv=SemiSupervisedSplit(2)).fit(digits, few(200))
    assert search.best_params_ == {f"{name}__max_iter": 8}
    assert search.score(digits[200:], TARGET[200:]) > 0.5


@every_classifier
def test_an_interruption_leaves_a_usable_model(cls, digits, monkeypatch):
    from sklearn.exceptions import ConvergenceWarning

    train_step = skae._training.net.ObjectiveNet.train_step

    def interrupted(net, *args, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt
        return train_step(net, *args, **kwargs)

    monkeypatch.setattr(skae._training.net.ObjectiveNet, "train_step", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = cls(**QUICK).fit(digits, few())
    assert np.isfinite(model.predict_proba(digits)).all()
