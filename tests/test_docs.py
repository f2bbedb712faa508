"""The documentation: its code runs, its links lead somewhere, its docstrings match the code."""

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc

import skae
import skae.architectures
import skae.export
import skae.metrics
import skae.model_selection
import skae.plotting

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
page = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)


@page
def test_code_of_a_page_runs(path):
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    exec(compile("\n".join(blocks), path.name, "exec"), {"__name__": "page"})


@page
def test_no_figure_of_a_page_is_left_to_fill_in(path):
    text = re.sub(
        r"```.*?```|`[^`]*`|:::+\{[\w-]+\}|\{doc\}", "", path.read_text(), flags=re.DOTALL
    )
    assert not re.findall(r"\{\w+\}|TODO|XXX", text)


@page
def test_links_of_a_page_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@page
def test_commands_of_a_page_name_files_that_exist(path):
    for script in re.findall(r"python (\S+\.py)", path.read_text()):
        assert (ROOT / script).exists(), script


def public_objects():
    for module in (
        skae,
        skae.architectures,
        skae.export,
        skae.metrics,
        skae.model_selection,
        skae.plotting,
    ):
        for name in module.__all__:
            yield getattr(module, name)


def test_every_public_name_has_an_example():
    gallery = "\n".join(path.read_text() for path in (ROOT / "examples").glob("plot_*.py"))
    shown = set(re.findall(r"\w+", gallery))
    assert not [
        thing.__name__
        for thing in public_objects()
        if ">>> " not in thing.__doc__ and thing.__name__ not in shown
    ]


def is_method(member):
    return inspect.isfunction(member) or inspect.ismethod(member)


def public_methods():
    for thing in public_objects():
        if inspect.isclass(thing):
            for name, method in inspect.getmembers(thing, is_method):
                if not name.startswith("_") and method.__module__.startswith("skae."):
                    yield pytest.param(method, id=f"{thing.__name__}.{name}")


def documented(parameters):
    """Names of a numpydoc section; ``a, b : int`` documents both."""
    return [name.strip("*") for parameter in parameters for name in parameter.name.split(", ")]


def accepted(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize("thing", list(public_objects()), ids=lambda t: t.__name__)
def test_docstring_and_signature_agree(thing):
    doc = ClassDoc(thing) if inspect.isclass(thing) else FunctionDoc(thing)
    assert documented(doc["Parameters"]) == accepted(thing)
    assert doc["Examples"]
    for parameter in doc["Parameters"]:
        default = inspect.signature(thing).parameters[parameter.name.split(", ")[0]].default
        if default is not inspect.Parameter.empty:
            assert ast.literal_eval(parameter.type.split("default=")[1]) == default, parameter


@pytest.mark.parametrize(
    "cls",
    [thing for thing in public_objects() if hasattr(thing, "get_params")],
    ids=lambda t: t.__name__,
)
def test_html_representation_links_to_the_page_of_the_class(cls):
    page = cls.__new__(cls)._get_doc_link().rpartition("/")[2]
    name = page.removeprefix("skae.").removesuffix(".html")
    listed = (ROOT / "docs" / "api.rst").read_text()
    assert re.search(rf"^   {re.escape(name)}$", listed, re.MULTILINE)


def test_every_public_name_is_listed():
    listed = (ROOT / "docs" / "api.rst").read_text()
    for thing in public_objects():
        assert re.search(rf"^   (\w+\.)?{thing.__name__}$", listed, re.MULTILINE), thing


@pytest.mark.parametrize("method", list(public_methods()))
def test_method_docstring_and_signature_agree(method):
    doc = FunctionDoc(method)
    assert documented(doc["Parameters"]) == accepted(method)
    assert doc["Returns"] or doc["Yields"]


@pytest.mark.parametrize(
    "cls",
    [getattr(skae, name) for name in skae.__all__ if name[0].isupper()],
    ids=lambda cls: cls.__name__,
)
def test_fitted_attributes_are_documented(cls, digits):
    quick = {"hidden_layer_sizes": (4,), "max_iter": 1, "conditional": True}
    model = cls()
    model.set_params(**{name: quick[name] for name in quick.keys() & model.get_params().keys()})
    fitted = model.fit(digits, np.arange(len(digits)) % 3 - 1)
    has = set(vars(fitted))
    properties = inspect.getmembers(cls, lambda member: isinstance(member, property))
    has |= {name for name, _ in properties}
    public = {name for name in has if name.endswith("_") and not name.startswith("_")}
    assert set(documented(ClassDoc(cls)["Attributes"])) == public | {"feature_names_in_"}
