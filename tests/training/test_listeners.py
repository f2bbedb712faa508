"""What callbacks and readers hear of training."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import AutoencoderClassifier, AutoencoderTransformer, LadderClassifier
from skae._base.pca_start import PCAStartAutoencoder
from skae._training.listeners import HAS_CALLBACKS, Bar, can_show_bar

from ..test_common import all_estimators, quick_inside  # noqa: F401

needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn 1.9 has callbacks")
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}


class Listener:
    """Writes down the tasks that it hears of; asks to stop after `n_epochs`."""

    max_propagation_depth = None

    def __init__(self, n_epochs=None):
        self.n_epochs, self.begun, self.ended = n_epochs, [], []
        self.n_setups = self.n_teardowns = 0

    def setup(self, estimator, context):
        self.n_setups += 1

    def teardown(self, estimator, context):
        self.n_teardowns += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((type(estimator).__name__, context.task_name))

    def on_fit_task_end(self, estimator, context):
        torch.rand(1)  # what a callback draws must not change what is trained
        self.ended.append((type(estimator).__name__, context.task_name))
        return context.task_name == "epoch" and len(self.ended) == self.n_epochs


class Scorer:
    """Scores the estimator as it is after each epoch."""

    def __init__(self, score):
        self.score, self.found = score, []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator, X, y):
        if fitted_estimator is not None:  # it is None while steps of it are fitted
            self.found.append((fitted_estimator, self.score(fitted_estimator, X, y)))


@needs_callbacks
@pytest.mark.parametrize("estimator", all_estimators(), ids=lambda e: type(e).__name__)
def test_every_estimator_tells_of_its_epochs(estimator, digits):
    listener, y = Listener(), np.arange(len(digits)) % 3 - 1
    estimator.set_callbacks(listener).fit(digits, y)
    assert sorted(listener.begun) == sorted(listener.ended)
    assert (listener.n_setups, listener.n_teardowns) == (1, 1)
    assert listener.ended[-1] == (type(estimator).__name__, "fit")
    n_epochs = sum(name == "epoch" for _, name in listener.ended)
    inner = next((value for value in vars(estimator).values() if hasattr(value, "net_")), estimator)
    n_starts = 2 if isinstance(inner, PCAStartAutoencoder) else 1
    n_layer_epochs = sum(map(len, getattr(inner, "layer_loss_curves_", [])))
    n_fits = listener.ended.count((type(inner).__name__, "fit"))  # each with all its epochs
    assert n_epochs == n_fits * n_starts * inner.n_iter_ + n_layer_epochs


@needs_callbacks
def test_listening_changes_nothing_and_a_wish_ends_training(digits):
    alone = AutoencoderTransformer(2, init="random", **QUICK).fit(digits)
    heard = AutoencoderTransformer(2, init="random", **QUICK).set_callbacks(Listener()).fit(digits)
    np.testing.assert_array_equal(alone.transform(digits), heard.transform(digits))
    stopped = AutoencoderTransformer(2, init="random", **QUICK).set_callbacks(Listener(2))
    stopped.fit(digits)  # without a warning: it is no interruption
    assert stopped.n_iter_ == 2
    assert stopped.loss_curve_ == alone.loss_curve_[:2]


@needs_callbacks
@pytest.mark.parametrize("cls", [AutoencoderTransformer, skae.StackedDenoisingAutoencoder])
def test_one_wish_ends_all_of_a_fit(cls, digits):
    """Of two starts the second is not tried, and each layer that is left has one epoch."""
    listener, y = Listener(2), np.arange(len(digits)) % 3
    model = cls(2, **QUICK).set_callbacks(listener).fit(digits, y)
    names = [name for _, name in listener.ended]
    n_layers = len(getattr(model, "layer_loss_curves_", []))
    assert names.count("epoch") == (2 + n_layers if n_layers else 2)
    assert np.isfinite(model.transform(digits)).all()


@needs_callbacks
@pytest.mark.parametrize("cls", [AutoencoderClassifier, skae.AutoencoderOutlierDetector])
def test_meta_estimators_are_scored_when_they_are_fitted(cls, digits):
    scorer = Scorer(lambda model, X, y: (len(X), len(y), model.predict(X).tolist()))
    model = cls(AutoencoderTransformer(2, **QUICK)).set_callbacks(scorer)
    model.fit(digits, np.arange(len(digits)) % 2)
    assert scorer.found[-1][1] == (400, 400, model.predict(digits).tolist())


@needs_callbacks
def test_monitors_see_the_model_of_each_epoch(digits):
    scorer = Scorer(lambda model, X, y: model.score(X) + 0 * y.sum())
    model = AutoencoderTransformer(2, init="random", early_stopping=False, **QUICK)
    model.set_callbacks(scorer).fit(digits)
    *epochs, _whole = scorer.found
    scores = [score for _, score in epochs]
    assert len(set(scores)) == 3  # not three times the same module
    assert scores[-1] == pytest.approx(model.score(digits))
    for number, (snapshot, score) in enumerate(epochs, 1):
        assert snapshot.n_iter_ == number
        assert snapshot.loss_curve_ == model.loss_curve_[:number]
        assert snapshot.score(digits) == score  # also after training has gone on


@needs_callbacks
def test_classifiers_are_monitored_on_their_labelled_rows():
    X, y = load_digits(return_X_y=True)
    known = np.where(np.arange(len(y)) < 100, y, -1)
    scorer = Scorer(lambda model, X, y: (len(y), model.score(X, y)))
    model = LadderClassifier(hidden_layer_sizes=(16,), max_iter=2, random_state=0)
    model.set_callbacks(scorer).fit(X, known)
    assert scorer.found[-1][1] == (100, model.score(X[:100], y[:100]))


@needs_callbacks
def test_callbacks_reach_into_pipelines_searches_and_meta_estimators(digits):
    model = AutoencoderTransformer(2, init="random", **QUICK)
    pipeline = make_pipeline(StandardScaler(), model)
    search = GridSearchCV(pipeline, {"autoencodertransformer__n_components": [1, 2]}, cv=2)
    listener = Listener()
    search.set_callbacks(listener).fit(digits)
    epochs = [name for name, task in listener.ended if task == "epoch"]
    assert epochs == ["AutoencoderTransformer"] * 3 * 5  # four candidates' splits and the refit
    tuned = AutoencoderClassifier(model, LogisticRegression(), fine_tune=True)
    listener = Listener()
    tuned.set_callbacks(listener).fit(digits, np.arange(len(digits)) % 2)
    fits = [name for name, task in listener.ended if task == "fit"]
    trained = ["AutoencoderTransformer", "FineTuner"]
    assert fits == [*trained, "LogisticRegression", "AutoencoderClassifier"]
    epochs = [name for name, task in listener.ended if task == "epoch"]
    assert sorted(set(epochs)) == trained


@needs_callbacks
def test_scikit_learns_own_callbacks(digits, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar, ScoringMonitor

    monitor = ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X)})
    AutoencoderTransformer(2, **QUICK).set_callbacks(ProgressBar(), monitor).fit(digits)
    assert "AutoencoderTransformer - fit" in capsys.readouterr().out
    assert len(monitor.get_logs().data) == 7  # two starts with three epochs, and the whole


def test_without_callbacks_training_is_the_same(digits, monkeypatch):
    """As on scikit-learn before 1.9."""
    expected = AutoencoderTransformer(2, **QUICK).fit(digits).transform(digits)
    for module in ("skae._base.estimator", "skae._training.listeners"):
        monkeypatch.setattr(sys.modules[module], "HAS_CALLBACKS", False)
    found = AutoencoderTransformer(2, **QUICK).fit(digits).transform(digits)
    np.testing.assert_array_equal(found, expected)
    detector = skae.AutoencoderOutlierDetector(AutoencoderTransformer(2, **QUICK)).fit(digits)
    assert detector.autoencoder_.n_iter_ == 3


def look_on(monkeypatch):
    """Let both streams be a terminal's."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)


def test_a_notebook_shows_a_bar_and_a_process_without_streams_none(monkeypatch):
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, None)
    assert not can_show_bar()
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert can_show_bar()


@pytest.mark.parametrize("redirected", ["stdout", "stderr"])
def test_a_terminal_shows_a_bar_and_a_file_lines(redirected, digits, monkeypatch, capsys):
    model = AutoencoderTransformer(2, init="random", verbose=1, **QUICK)
    look_on(monkeypatch)
    assert can_show_bar()
    model.fit(digits)
    shown = capsys.readouterr()
    assert "3/3" in shown.err
    assert f"loss={model.loss_curve_[-1]:.4g}" in shown.err
    assert not shown.out
    monkeypatch.setattr(getattr(sys, redirected), "isatty", lambda: False, raising=False)
    model.fit(digits)
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert not shown.err


def test_the_bar_is_closed_when_training_fails(digits, monkeypatch, capsys):
    closed = []
    look_on(monkeypatch)
    monkeypatch.setattr(Bar, "close", lambda self: closed.append(self.bar.close()))
    model = AutoencoderTransformer(
        2, init="random", verbose=1, learning_rate_init=1e30, learning_rate="constant", **QUICK
    )
    with pytest.raises(ValueError, match="diverged"):
        model.fit(digits)
    assert len(closed) == 1
