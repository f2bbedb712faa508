"""What the table of shared parameters says: what each may be, and that somebody has it."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

import skae
from skae._base.shared import PARAMETERS
from skae._base.shared_attributes import ATTRIBUTES
from skae.architectures import MLP

CLASSES = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]

# What each may be at most, and what it may not be any more.
LIMITS = {
    "n_components": ([1, np.int64(2)], [0, 1.0, "2", None]),
    "hidden_layer_sizes": ([(), (3,), [3, 2], np.array([3]), 1], [0, 2.5, None, "3"]),
    "activation": (["relu"], [None, 1, torch.relu]),
    "architecture": ([None, MLP((3,))], ["MLP", torch.nn.Linear]),
    "noise": (["gaussian", "masking", "salt_and_pepper"], ["salt", None, True]),
    "noise_level": ([0, 0.0, 7.5], [-1e-9, "0", None]),
    "clip": ([True, np.False_, (0, 1), [0.0, 1.0]], ["range", None, 0.5]),
    "tied_weights": ([True, False, "auto"], ["both", None, 2]),
    "prior": (
        ["normal", "mixture", "swiss_roll", lambda n, random_state: None, GaussianMixture()],
        ["uniform", None, 1.0],
    ),
    "prior_scale": ([1e-9, 3], [0, -1.0, "1", None]),
    "discriminator_layer_sizes": ([(), (3,), 1], [0, None]),
    "loss": (["squared_error", "absolute_error", "log_loss"], ["hinge", None]),
    "likelihood": (
        ["gaussian", "negative_binomial", "mixed", [("gaussian", [0])]],
        ["cauchy", (("gaussian", [0]),), None],
    ),
    "exposure": (["auto", "sum", "hours", 0, None], [-1, 1.5, ["hours"]]),
    "allow_nan": ([True, False], ["yes", None, 2]),
    "noise_variance": ([None, "mean", 1e-9], [0, -1.0, "median"]),
    "output_activation": (["auto", "identity", "logistic"], ["relu", None]),
    "init": (["auto", "pca", "random"], ["zeros", None]),
    "latent_density": ([None, GaussianMixture()], ["gaussian", lambda n: n]),
    "calibrated": ([True, False], ["yes", None, 2]),
    "conditional": ([True, False, "number", "class"], ["yes", None, 2]),
    "n_score_samples": ([1], [0, 1.5]),
    "labelled_batch_size": (["auto", 1], [0, "all", 1.5, None]),
    "learning_rate": (["annealed", "constant"], ["adaptive", 0.1]),
    "learning_rate_init": ([1e-12, 1], [0, 0.0, -1, "auto"]),
    "batch_size": (["auto", 1], [0, "all", 1.5, None]),
    "max_iter": ([1], [0, np.inf, 1.5]),
    "early_stopping": ([True, False], ["auto", None, 2]),
    "validation_fraction": ([1e-9, 0.999], [0.0, 1.0, 1, 0, "0.5"]),
    "n_iter_no_change": ([1, np.inf], [0, 2.5, -np.inf, np.nan]),
    "tol": ([0, 0.0, 1], [-1e-12, None]),
    "warm_start": ([True, False], ["yes", None, 2]),
    "n_rehearsed": (["auto", 0, np.int64(3)], [-1, 1.5, None]),
    "device": (["auto", "abacus", torch.device("cpu")], [0, None]),
    "precision": (["float32", "bfloat16"], ["float16", torch.bfloat16, None]),
    "callbacks": ([None, [], ()], ["early", {}, 3]),
    "checkpoint": ([None, "folder", Path("folder")], [3, True, b"folder"]),
    "net_params": ([None, {}], [[], "compile"]),
    "random_state": ([None, 0, np.random.RandomState(0)], [-1, 0.5, "0", np.random.default_rng(0)]),
    "verbose": ([0, 1, True], [-1, "yes", None]),
}


def is_allowed(name, value, constraints):
    try:
        validate_parameter_constraints({name: constraints}, {name: value}, caller_name="fit")
    except InvalidParameterError:
        return False
    return True


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_may_be_this_and_not_that(name):
    allowed, refused = LIMITS[name]
    constraint = PARAMETERS[name].constraint
    assert [value for value in allowed if not is_allowed(name, value, constraint)] == []
    assert [value for value in refused if is_allowed(name, value, constraint)] == []


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_what_a_class_allows_is_what_the_table_does(cls):
    """Where a class says something else, it is less."""
    for name in PARAMETERS.keys() & inspect.signature(cls).parameters.keys():
        constraints = cls._parameter_constraints[name]
        assert not [value for value in LIMITS[name][1] if is_allowed(name, value, constraints)]
        default = inspect.signature(cls).parameters[name].default
        assert is_allowed(name, default, constraints)


def docstrings(section):
    """Of all classes, without their line breaks."""
    return [" ".join(inspect.getdoc(cls).partition(section)[2].split()) for cls in CLASSES]


def test_every_parameter_and_every_wording_is_somebodys():
    for name, parameter in PARAMETERS.items():
        assert any(name in inspect.signature(cls).parameters for cls in CLASSES), name
        for text in (parameter.text, *parameter.words.values()):
            assert any(text in doc for doc in docstrings("Parameters")), text


def test_every_attribute_and_every_wording_is_somebodys():
    for attribute in ATTRIBUTES.values():
        assert {*attribute.of} <= PARAMETERS.keys()
        for text in (attribute.text, *attribute.words.values()):
            assert any(text in doc for doc in docstrings("Attributes")), text
