"""The public classes are known by their names, and each knows its page."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import skae
import skae.architectures
from skae import _documented
from skae._documented import PUBLIC, SITE, VERSION, Documented, public

CLASSES = [
    getattr(module, name)
    for module in (skae, skae.architectures)
    for name in module.__all__
    if isinstance(getattr(module, name), type)
]
WITH_A_PAGE = [cls for cls in CLASSES if issubclass(cls, Documented)]


def test_all_public_classes_are_known_and_no_other():
    assert {cls.__name__: cls for cls in CLASSES} == PUBLIC


def test_a_class_is_noted_as_it_is(monkeypatch):
    monkeypatch.setattr(_documented, "PUBLIC", {})
    thing = type("Thing", (), {})
    assert public(thing) is thing
    assert {"Thing": thing} == _documented.PUBLIC


@pytest.mark.parametrize("cls", WITH_A_PAGE, ids=lambda cls: cls.__name__)
def test_the_representation_of_a_class_leads_to_its_page(cls):
    page = cls.__new__(cls)._get_doc_link()
    assert page.startswith(f"{SITE}generated/skae.")
    assert page.endswith(f".{cls.__name__}.html")


def test_who_is_derived_from_one_elsewhere_has_no_page():
    class Derived(skae.AutoencoderTransformer):
        pass

    assert Derived()._get_doc_link() == ""


def test_there_is_one_version():
    assert skae.__version__ == VERSION
    project = Path(__file__).parents[1] / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["version"] == VERSION
    if Path(skae.__file__).parent.parent != project.parent:  # it is installed, not only here
        assert metadata.version("skae") == VERSION
