"""The holes of the algorithm: by default they do nothing, and two of them make a model."""

import inspect
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from torch import nn

from skae._base.estimator import NeuralEstimator
from skae._base.holes import Holes
from skae._base.parameters import keep
from skae._rows.columns import Target
from skae._training.listeners import HAS_CALLBACKS
from skae.modules import Autoencoder
from skae.objectives import Reconstruction


class Minimal(NeuralEstimator):
    """An estimator that fills in nothing but what it must."""

    def __init__(
        self, *, max_iter=4, learning_rate="annealed", learning_rate_init=0.01, batch_size="auto",
        early_stopping=True, validation_fraction=0.1, n_iter_no_change=10, tol=1e-4,
        warm_start=False, device="cpu", callbacks=None, checkpoint=None, net_params=None,
        random_state=0, verbose=0
    ):  # fmt: skip
        keep(self, locals())

    def _make_module(self, start):
        n_features = self.n_features_in_
        return Autoencoder(nn.Linear(n_features, 2), nn.Linear(2, n_features))

    def _make_objective(self):
        return Reconstruction()


def codes(model, X):
    return model._map_rows(X, model.module_.encode)


# What each hole gives, as it is, for arguments that say nothing.
NOTHING = {
    "_find_columns": None,
    "_make_target": Target(),
    "_read_labels": None,
    "_hide_labels": "what it is given",
    "_make_scaling": "of the statistics",
    "_measure_logs": None,
    "_learn_to_fill": None,
    "_check_rows": None,
    "_note": None,
    "_starts": ["random"],
    "_n_epochs_before": 0,
    "_make_floor": None,
    "_n_labelled": None,
    "_make_module": None,
    "_make_fill": None,
    "_before_training": None,
    "_make_objective": None,
    "_judge_again": "what it is given",
    "_before_piece": None,
    "_after_piece": None,
    "_after_training": None,
    "_make_log_scale": None,
    "_reconstruct": "reconstructed",
    "_tell": (),
    "_draw_labels": None,
    "_exposure_prior": None,
    "_exposures_of": None,
}
OF_VERBS = list(NOTHING)[-6:]
MUST = ["_make_module", "_make_objective"]
HOLES = {name: hole for name, hole in vars(Holes).items() if inspect.isfunction(hole)}


def test_all_holes_are_known():
    assert list(HOLES) == list(NOTHING)
    assert Holes._judged_by_labels is False


@pytest.mark.parametrize("name", HOLES)
def test_a_hole_is_described_and_does_nothing(name):
    hole = HOLES[name]
    assert inspect.getdoc(hole)
    _, *arguments = inspect.signature(hole).parameters
    anything = SimpleNamespace(scaling=lambda: "of the statistics")
    model = SimpleNamespace(module_=SimpleNamespace(reconstruct=lambda x: "reconstructed"))
    found = hole(model, **dict.fromkeys(arguments, anything))
    assert found == (anything if NOTHING[name] == "what it is given" else NOTHING[name])
    assert getattr(hole, "__isabstractmethod__", False) == (name in MUST)


@pytest.mark.parametrize("name", MUST)
def test_what_must_be_filled_in_is_asked_for(name):
    filled = {other: vars(Minimal)[other] for other in MUST if other != name}
    with pytest.raises(TypeError, match=f"abstract method '?{name}"):
        type("Lacking", (NeuralEstimator,), filled)()


def test_fit_comes_to_them_in_their_order(digits):
    came = []

    def noted(name, hole):
        def call(self, *args, **kwargs):
            came.append(name)
            return hole(self, *args, **kwargs)

        return call

    of_fit = [name for name in HOLES if name not in OF_VERBS]
    members = {name: noted(name, getattr(Minimal, name)) for name in of_fit}
    model = type("Noting", (Minimal,), members)()._fit(digits)
    # How many epochs there are is asked for only where scikit-learn has callbacks to tell.
    expected = [name for name in of_fit if HAS_CALLBACKS or name != "_n_epochs_before"]
    assert list(dict.fromkeys(came)) == [name for name in expected if not name.endswith("_piece")]
    came.clear()
    model._partial_fit(digits)
    stream = ("_note", "_before_piece", "_after_piece", "_after_training")
    assert [name for name in came if name in stream] == [*stream]


def test_two_holes_make_an_estimator(digits):
    model = Minimal(max_iter=20)._fit(digits)
    losses = model.net_.history[:, "train_loss"]
    assert losses[-1] < 0.9 * losses[0]
    assert model.n_iter_ == len(losses) == len(model.validation_scores_)
    assert codes(model, digits).shape == (400, 2)
    assert not model.module_.training
    again = clone(model)._fit(digits)
    np.testing.assert_array_equal(codes(again, digits), codes(model, digits))
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(codes(copied, digits), codes(model, digits))


def test_it_goes_on_where_it_is_asked_to(digits):
    model = Minimal(warm_start=True)._fit(digits)
    module, before = model.module_, codes(model, digits)
    model._fit(digits)
    assert model.module_ is module
    assert model.n_iter_ == 8
    assert not np.array_equal(codes(model, digits), before)
    model.set_params(warm_start=False)._fit(digits)
    assert model.n_iter_ == 4
    np.testing.assert_array_equal(codes(model, digits), before)


def test_it_learns_from_a_stream(digits):
    model = Minimal()
    for part in np.split(digits, 4):
        model._partial_fit(part)
    assert model.n_iter_ == 4
    assert model.validation_scores_ is None
    np.testing.assert_allclose(model.scaling_.mean, digits[:100].mean(axis=0))
    assert model.net_.optimizer_.param_groups[0]["lr"] == 0.01
