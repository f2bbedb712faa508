"""Small tables: all of their rows judge, and all are learned from."""

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.decomposition import PCA
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae._base import folds
from skae._training.net import TrainingDiverged
from skae._training.trainer import Trainer
from skae.metrics import explained_variance

SETTINGS = {"n_components": 1, "hidden_layer_sizes": (32,), "max_iter": 25, "random_state": 0}


def curve(n_rows=160, seed=0):
    """Rows along a curve in four dimensions."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-2, 2, (n_rows, 1))
    X = np.hstack([t, t**2, np.sin(2 * t), np.cos(2 * t)])
    return X + 0.3 * rng.normal(size=X.shape)


@pytest.fixture
def trained(monkeypatch):
    """How many rows each training that nobody hears of had, and for how many epochs."""
    calls = []

    def noted(self, net, rows, n_epochs):
        calls.append((net.start_, len(rows), n_epochs))
        return alone(self, net, rows, n_epochs)

    alone = Trainer.train_alone
    monkeypatch.setattr(Trainer, "train_alone", noted)
    return calls


@pytest.mark.parametrize("beyond", [np.inf, -np.inf], ids=["in doubt", "beyond doubt"])
@pytest.mark.parametrize("cls", [AutoencoderTransformer, DenoisingAutoencoder])
def test_what_is_kept_has_learned_from_all_rows(trained, monkeypatch, cls, beyond):
    monkeypatch.setattr(folds, "BEYOND_DOUBT", beyond)
    X, more = curve(), curve(1000, seed=1)
    model = cls(**SETTINGS).fit(X)
    start, n_rows, n_epochs = trained[-1]
    assert (start, n_rows, n_epochs) == (model.net_.start_, len(X), model.net_.best_epoch_)
    assert {n for _, n, _ in trained[:-1]} == ({120} if beyond > 0 else set())
    assert len(model.net_.history) >= n_epochs
    assert explained_variance(model, more) > explained_variance(PCA(1).fit(X), more) + 0.02
    again = cls(**SETTINGS).fit(X)
    np.testing.assert_array_equal(model.transform(X), again.transform(X))


def test_each_row_is_held_out_once(monkeypatch):
    held = []

    def noted(net, rows):
        held.extend(rows.subset)
        return losses(net, rows)

    losses = folds.losses
    monkeypatch.setattr(folds, "losses", noted)
    monkeypatch.setattr(folds, "BEYOND_DOUBT", np.inf)
    AutoencoderTransformer(init="pca", **SETTINGS).fit(curve())
    assert sorted(held) == sorted([*range(160)] * 2)  # of the floor and of the start


def test_pca_is_kept_where_all_rows_do_not_speak_for_more(trained, monkeypatch):
    monkeypatch.setattr(folds, "SURE", np.inf)
    monkeypatch.setattr(folds, "BEYOND_DOUBT", np.inf)
    X = curve()
    model, pca = AutoencoderTransformer(**SETTINGS).fit(X), PCA(1).fit(X)
    assert trained
    assert model.net_.best_epoch_ == 0
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X)),
        pca.inverse_transform(pca.transform(X)),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "case", ["many rows", "rows to validate on", "no early stopping", "callbacks", "nothing found"]
)
def test_otherwise_the_rows_that_are_held_out_judge(trained, case, monkeypatch):
    X, params, given = curve(), {}, {}
    if case == "many rows":
        X = curve(folds.MAX_ROWS + 1)
    if case == "rows to validate on":
        given["X_val"] = curve(50, seed=1)
    if case == "no early stopping":
        params["early_stopping"] = False
    if case == "callbacks":
        params["callbacks"] = [Callback()]
    if case == "nothing found":
        monkeypatch.setattr(folds, "HOPELESS", np.inf)
    AutoencoderTransformer(**{**SETTINGS, **params}).fit(X, **given)
    assert not trained


@pytest.mark.parametrize("error", [KeyboardInterrupt, TrainingDiverged])
def test_what_was_found_before_is_kept_if_a_training_ends_early(monkeypatch, error):
    def fails(self, net, rows, n_epochs):
        raise error

    monkeypatch.setattr(folds, "MAX_ROWS", 0)
    X = curve()
    expected = AutoencoderTransformer(**SETTINGS).fit(X)
    monkeypatch.undo()
    monkeypatch.setattr(Trainer, "train_alone", fails)
    model = AutoencoderTransformer(**SETTINGS)
    if error is KeyboardInterrupt:
        with pytest.warns(UserWarning, match="interrupted while the starts were compared"):
            model.fit(X)
        assert model.net_.interrupted_
        with pytest.raises(KeyboardInterrupt):  # one fit of many
            Parallel(1)(delayed(clone(model).fit)(rows) for rows in (X, X))
    else:
        model.fit(X)
    np.testing.assert_array_equal(model.transform(X), expected.transform(X))
