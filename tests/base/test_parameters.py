"""Constructors, constraints and docstrings, as they are made of what the estimators share."""

import inspect

import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils._param_validation import InvalidParameterError

import skae
from skae import AutoencoderClassifier, AutoencoderTransformer
from skae._base import parameters
from skae._base.parameters import MARK, keep
from skae._base.shared import PARAMETERS
from skae._base.shared_attributes import ATTRIBUTES
from skae.losses import LIKELIHOODS

ESTIMATORS = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
TRAINED = [cls for cls in ESTIMATORS if "net_params" in inspect.signature(cls).parameters]
estimators = pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
trained = pytest.mark.parametrize("cls", TRAINED, ids=lambda cls: cls.__name__)


def entries(cls, section="Parameters"):
    return {entry.name: (entry.type, " ".join(entry.desc)) for entry in ClassDoc(cls)[section]}


@pytest.fixture
def public(monkeypatch):
    """The decorator, for classes that are not to be known afterwards."""
    monkeypatch.setattr(parameters, "register", lambda cls: cls)
    return parameters.public


@estimators
def test_a_constructor_keeps_the_very_objects_and_nothing_else(cls):
    given = {name: object() for name in inspect.signature(cls).parameters}
    assert vars(cls(**given)) == given  # objects are equal to themselves only


def test_what_else_is_local_is_not_kept():
    class Doubled(BaseEstimator):
        def __init__(self, width=1):
            twice = args = 2 * width
            keep(self, locals())

    assert vars(Doubled(3)) == {"width": 3}


def test_a_subclass_may_have_fewer_parameters_and_others():
    class Narrow(AutoencoderTransformer):
        def __init__(self, n_components=3, *, further="far"):
            super().__init__(n_components, max_iter=7)
            self.further = further

    model = Narrow()
    assert (model.n_components, model.max_iter, model.further) == (3, 7, "far")
    assert model.batch_size == "auto"
    assert model.get_params() == {"n_components": 3, "further": "far"}


@estimators
def test_all_parameters_have_constraints_and_sentences(cls):
    taken = inspect.signature(cls).parameters
    assert cls._parameter_constraints.keys() == taken.keys()
    assert all(cls._parameter_constraints.values())
    assert MARK not in cls.__doc__
    for section in ("Parameters", "Attributes"):
        assert all(kind and text.endswith(".") for kind, text in entries(cls, section).values())


@pytest.mark.parametrize("cls", [cls for cls in TRAINED if "early_stopping" in cls().get_params()])
def test_kinds_of_models_have_their_words(cls):
    text = entries(cls)["early_stopping"][1]
    taken = inspect.signature(cls).parameters
    assert ("cross-entropy" in text) == is_classifier(cls())
    assert ("start at PCA" in text) == ("init" in taken)
    plays = "discriminator_layer_sizes" in taken and not is_classifier(cls())
    assert ("reconstructs them best" in text) == plays
    assert ("nats" in str(entries(cls, "Attributes").get("reconstruction_err_"))) == (
        "likelihood" in taken
    )


def test_all_likelihoods_are_described():
    assert all(f'"{name}"' in PARAMETERS["likelihood"].text for name in LIKELIHOODS)


@pytest.fixture
def made(public):
    """A class that writes some of its entries and constraints itself."""

    @public
    class Model(BaseEstimator):
        """Model.

        Parameters
        ----------
        own : float, default=2.5
            Of this model.

            In two paragraphs.
        max_iter : int, default=3
            Rounds.
        warm_start
            .. shared::
            It is quick.
        tol
            Says something else.
        .. shared:: adversarial, labels

        Attributes
        ----------
        n_iter_ : int
            Rounds.
        height_ : float
            How far up.
        .. shared:: adversarial, labels

        Notes
        -----
        None.
        """

        _parameter_constraints: dict = {"own": [float], "tol": [str]}

        def __init__(
            self, n_components, own=2.5, *, max_iter=3, loss="log_loss", warm_start=True, tol=1e-4,
            learning_rate_init=0.1, early_stopping=False, net_params=None
        ):  # fmt: skip
            keep(self, locals())

    return Model


def test_parameters_are_filled_in_by_the_signature(made):
    found = entries(made)
    assert list(found) == list(inspect.signature(made).parameters)
    assert found["n_components"] == ("int", PARAMETERS["n_components"].text)
    assert found["own"] == ("float, default=2.5", "Of this model.  In two paragraphs.")
    assert found["max_iter"] == ("int, default=3", "Rounds.")
    assert found["loss"][0] == f'{PARAMETERS["loss"].type}, default="log_loss"'
    words = PARAMETERS["warm_start"].words["labels"]
    assert found["warm_start"] == ("bool, default=True", f"{words} It is quick.")
    assert found["tol"] == ("float, default=0.0001", "Says something else.")
    # The last kind that has words is heard.
    assert found["learning_rate_init"][1] == PARAMETERS["learning_rate_init"].words["adversarial"]
    assert found["early_stopping"][1] == PARAMETERS["early_stopping"].words["labels"]


def test_attributes_are_filled_in_by_the_table(made):
    found = entries(made, "Attributes")
    of_all = [name for name, attribute in ATTRIBUTES.items() if attribute.of == ("net_params",)]
    assert list(found) == ["height_", *of_all]
    assert found["n_iter_"] == ("int", "Rounds.")


def test_a_filled_docstring_is_laid_out_as_a_written_one(made):
    lines = made.__doc__.splitlines()
    assert lines[lines.index("net_params : dict, default=None") + 1].startswith("    Merged last")
    assert max(map(len, lines)) <= parameters.WIDTH
    assert made.__doc__.endswith("\n\nNotes\n-----\nNone.")


def test_constraints_are_those_of_the_class_and_then_of_the_table(made):
    assert made._parameter_constraints["tol"] == [str]
    assert made._parameter_constraints["loss"] is PARAMETERS["loss"].constraint
    with pytest.raises(InvalidParameterError, match="'loss' parameter"):
        made(2, loss="cosine", tol="small")._validate_params()


def make(public, written, *, attributes="n_iter_ : int\n    Rounds.", **members):
    sections = (
        f"Model.\n\nParameters\n----------\n{written}\n\nAttributes\n----------\n{attributes}"
    )
    return public(type("Model", (BaseEstimator,), {"__doc__": sections, **members}))


def constructor(self, own=1, tol=0.1):
    keep(self, locals())


OWN, TOL = "own : int, default=1\n    Own.", "tol : float, default=0.1\n    Small."
CONSTRAINTS = {"own": [int]}


@pytest.mark.parametrize(
    ("written", "constraints", "message"),
    [
        (MARK, CONSTRAINTS, r"Model takes \['own'\], of which there is nothing in its docstring"),
        (OWN, CONSTRAINTS, r"Model takes \['tol'\], of which"),  # there is no mark
        (f"{OWN}\n{MARK}", {}, r"Model takes \['own'\], .* in its _parameter_constraints"),
        (f"{OWN}\n{TOL}\nold : int\n    Gone.", CONSTRAINTS, r"has \['old'\] in its docstring"),
        (f"{OWN}\n{MARK}", {"old": [int], "own": [int]}, r"\['old'\] in its _parameter"),
        (f"own\n    Own.\n{MARK}", CONSTRAINTS, "leaves 'own' to the table"),
        (f"own : int\n    {MARK}\n{MARK}", CONSTRAINTS, "leaves 'own' to the table"),
        (f"{OWN}\n{MARK} lables", CONSTRAINTS, "has '.. shared:: lables', but"),
    ],
)
def test_what_is_told_nowhere_or_of_nothing_is_refused(public, written, constraints, message):
    with pytest.raises(TypeError, match=message):
        make(public, written, __init__=constructor, _parameter_constraints=constraints)


def test_a_docstring_without_a_section_is_refused(public):
    with pytest.raises(TypeError, match="needs one section 'Parameters'"):
        public(type("Model", (BaseEstimator,), {"__doc__": "Model."}))


def test_what_has_no_mark_stays_as_it_is(public):
    written = f"{OWN}\n{TOL}"
    model = make(public, written, __init__=constructor, _parameter_constraints=CONSTRAINTS)
    assert model.__doc__.split("----------\n")[1] == f"{written}\n\nAttributes\n"
    assert list(entries(model, "Attributes")) == ["n_iter_"]
    assert list(entries(AutoencoderClassifier, "Attributes"))[-1] == "feature_names_in_"


def test_without_docstrings_parameters_are_checked_as_well(public):
    """As in ``python -OO``."""
    members = {"__init__": constructor, "_parameter_constraints": CONSTRAINTS}
    model = public(type("Model", (BaseEstimator,), members))
    assert model.__doc__ is None
    with pytest.raises(InvalidParameterError, match="'tol' parameter"):
        model(tol=-1)._validate_params()
    with pytest.raises(TypeError, match="in its _parameter_constraints"):
        public(type("Model", (BaseEstimator,), {"__init__": constructor}))
