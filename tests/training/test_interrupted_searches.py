"""Ctrl-C ends a search, where it meets a fit of it; a fit alone it leaves usable."""

import os
import signal
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skae import (
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    VAEClassifier,
)
from skae._training import interrupts
from skae._training.interrupts import Keyboard
from skae._training.net import ObjectiveNet

from .test_interrupts import _pythons_handler, press  # noqa: F401

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="a signal to oneself ends the process here"),
    pytest.mark.usefixtures("_pythons_handler"),
]
X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 2
COUNTS = SimpleNamespace(begun=0, presses=0, at=())


class Press(Callback):
    """Presses Ctrl-C in the second epoch of some of all trainings of a test."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        COUNTS.begun += 1

    def on_batch_end(self, net, training, **kwargs):
        if COUNTS.begun in COUNTS.at and len(net.history) == 2 and training:
            COUNTS.presses += 1
            press()


def model_of(cls=AutoencoderTransformer, max_iter=4, **params):
    params = {"early_stopping": False, "init": "random", "callbacks": [Press()], **params}
    known = cls().get_params()
    params = {"hidden_layer_sizes": (4,), "max_iter": max_iter, "random_state": 0, **params}
    return cls(**{name: value for name, value in params.items() if name in known})


@pytest.fixture(autouse=True)
def _counts():
    COUNTS.begun, COUNTS.presses, COUNTS.at = 0, 0, (2,)


class Loop(LinearRegression):
    """A model of the user's own that fits some."""

    def fit(self, X, y):
        for _ in range(2):
            clone(model_of()).fit(X)
        return super().fit(X, y)


def regressor():
    return make_pipeline(StandardScaler(), model_of(), LinearRegression())


def of_optuna():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    study.optimize(lambda trial: -model_of().fit(X).score(X), n_trials=3)


GRID = {"n_components": [1, 2]}
SEARCHES = {
    "grid": lambda: GridSearchCV(model_of(), GRID, cv=2).fit(X),
    "random": lambda: RandomizedSearchCV(model_of(), GRID, n_iter=2, cv=2).fit(X),
    "halving": lambda: HalvingGridSearchCV(model_of(), GRID, cv=2).fit(X),
    "scores": lambda: cross_val_score(regressor(), X, Y),
    "predictions": lambda: cross_val_predict(regressor(), X, Y),
    "curve": lambda: learning_curve(regressor(), X, Y),
    "of the user's own": lambda: cross_val_score(Loop(), X, Y),
    "of a union": lambda: cross_val_score(
        make_pipeline(make_union(model_of(), model_of()), LinearRegression()), X, Y
    ),
    "of detectors": lambda: cross_val_score(
        AutoencoderOutlierDetector(model_of()), X, scoring=lambda model, X, y=None: 0.0
    ),
    "ensemble": lambda: BaggingRegressor(regressor(), 3).fit(X, Y),
    "optuna": of_optuna,
}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_ends(search):
    with pytest.raises(KeyboardInterrupt):
        SEARCHES[search]()
    assert (COUNTS.begun, COUNTS.presses) == (2, 1)


ALONE = {
    "fit": model_of,
    "pipelines": lambda: make_pipeline(make_pipeline(StandardScaler(), model_of())),
    "union": lambda: make_union(StandardScaler(), model_of()),
    "columns": lambda: make_column_transformer((model_of(), [0, 1, 2])),
    "classifier": lambda: AutoencoderClassifier(model_of()),
    "detector": lambda: AutoencoderOutlierDetector(model_of()),
    "of its own y": lambda: model_of(VAEClassifier, calibrated=False),
    "best of a search": lambda: GridSearchCV(model_of(), {"n_components": [2]}, cv=2),
}


@pytest.mark.parametrize("kind", ALONE)
def test_a_fit_alone_stays_usable(kind):
    COUNTS.at = (3,) if "search" in kind else (1,)
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 2"):
        fitted = ALONE[kind]().fit(X, Y)
    assert COUNTS.presses == 1
    verb = next(v for v in ("transform", "predict") if hasattr(fitted, v))
    assert np.isfinite(getattr(fitted, verb)(X)).all()


@pytest.mark.parametrize("soon", [True, False])
def test_a_second_ctrl_c_ends_a_loop_of_the_users_own_if_it_comes_soon(soon, monkeypatch):
    monkeypatch.setattr(interrupts, "SOON", 100.0 if soon else 0.0)
    COUNTS.at, fitted = (1, 2), []

    ends = pytest.raises(KeyboardInterrupt) if soon else nullcontext()
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 2"), ends:
        fitted.extend(model_of().fit(X) for _ in range(3))
    assert COUNTS.begun == (2 if soon else 3)
    assert [len(model.loss_curve_) for model in fitted] == ([1] if soon else [1, 1, 4])


TWO_TRAININGS = {
    "starts": (AutoencoderTransformer(2, max_iter=4), "in the second start"),
    "calibration": (VAEClassifier(2, max_iter=4), "that calibrates predict_proba"),
}


@pytest.mark.parametrize("kind", TWO_TRAININGS)
def test_what_a_fit_alone_would_keep_of_two_trainings_is_left_where_a_search_ends(
    kind, monkeypatch
):
    nets, train_step = [], ObjectiveNet.train_step
    model, message = TWO_TRAININGS[kind]
    rows, y = np.tile(X, (10, 1)), np.tile(Y, 10)

    def step(net, batch, **kwargs):
        if not any(net is one for one in nets):
            nets.append(net)
            if len(nets) == 2:
                press()
        return train_step(net, batch, **kwargs)

    monkeypatch.setattr(ObjectiveNet, "train_step", step)
    with pytest.warns(ConvergenceWarning, match=message):
        clone(model).fit(rows, y)
    nets.clear()
    monkeypatch.setattr(Keyboard, "last", -float("inf"))
    with pytest.raises(KeyboardInterrupt):
        Parallel(1)(delayed(clone(one).fit)(rows, y) for one in (model, model))
    assert len(nets) == 2


def test_a_search_in_processes_ends():
    """Otherwise each of its fits would take all day."""

    class InWorker(Callback):  # here, so that it goes there as code
        def on_epoch_end(self, net, **kwargs):
            os.kill(os.getpid(), signal.SIGINT)

    endless = model_of(max_iter=10_000_000, callbacks=[InWorker()])
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(endless, GRID, cv=2, n_jobs=2).fit(X)
