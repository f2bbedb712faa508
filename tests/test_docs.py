"""The documentation: its code runs, its links lead somewhere, its docstrings match the code."""

import ast
import importlib
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
from skae._base.holes import Holes
from skae._base.shared_attributes import ATTRIBUTES

from .test_architecture import HOUSE

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
page = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)


def blocks_of(text, fence):
    return re.findall(rf"^{fence}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@page
def test_code_of_a_page_runs_and_prints_what_it_says(path, capsys):
    """Of printed tables the first column, as figures of other machines differ in some digit."""
    text = path.read_text()
    code = "\n".join(blocks_of(text, "```python"))
    exec(compile(code, path.name, "exec"), {"__name__": "page"})
    printed = [line.partition("  ")[0] for line in capsys.readouterr().out.splitlines()]
    for table in blocks_of(text, "<!-- printed -->\n```text"):
        for line in table.splitlines():
            assert line.partition("  ")[0] in printed


@page
def test_no_figure_of_a_page_is_left_to_fill_in(path):
    text = re.sub(
        r"```.*?```|`[^`]*`|:::+\{[\w-]+\}|\{doc\}", "", path.read_text(), flags=re.DOTALL
    )
    assert not re.findall(r"\{\w+\}|TODO|XXX|FIGURE|after merge|Figures of `", text)


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
            written = parameter.type.split("default=")[1]
            if written == "np.nan":
                assert np.isnan(default)
            else:
                assert ast.literal_eval(written) == default, parameter


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


# The page for contributors names files, tests, classes and holes: all of them are there.

GUIDE = (ROOT / "docs" / "contributing.md").read_text()
BLOCKS = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
NAMED = sorted(set(re.findall(r"(?<!`)`([^`]+)`(?!`)", BLOCKS.sub("", GUIDE))))
FILES = [path for room in ("skae", "tests") for path in ROOT.glob(f"{room}/**/*.py")]
TREES = [ast.parse(path.read_text()) for path in FILES]
NODES = [node for tree in TREES for node in ast.walk(tree)]
CLASSES = {node.name: node for node in NODES if isinstance(node, ast.ClassDef)}


def names_in(tree):
    """What a tree defines: functions, classes, their attributes and parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.attr if isinstance(node, ast.Attribute) else node.id
        elif isinstance(node, ast.arg):
            yield node.arg


KNOWN = {name for tree in TREES for name in names_in(tree)} | ATTRIBUTES.keys()


@pytest.mark.parametrize("name", [n for n in NAMED if re.fullmatch(r"[\w./]+(::\w+)?", n)])
def test_what_the_page_for_contributors_names_is_there(name):
    if "/" in name or name.endswith((".md", ".toml")):
        path, _, test = name.partition("::")
        assert (ROOT / path).exists()
        assert not test or test in names_in(ast.parse((ROOT / path).read_text()))
        return
    owner, _, last = name.rpartition(".")
    if owner in CLASSES:
        assert last in names_in(CLASSES[owner])
    elif owner not in ("", "self"):
        assert hasattr(importlib.import_module(owner), last)
    else:
        assert last in KNOWN


def test_the_page_for_contributors_names_all_holes():
    assert {name for name in vars(Holes) if re.match("_[a-z]", name)} <= {*NAMED, "_abc_impl"}


def test_the_picture_of_the_house_is_that_of_the_imports():
    (picture,) = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    package = Path(skae.__file__).parent
    rooms = {path.stem for path in package.iterdir()}
    floors = [[word for word in line.split() if word in rooms] for line in picture.splitlines()]
    assert [floor for floor in floors if floor] == HOUSE


def test_examples_beside_other_tools_are_on_their_page_and_held_to_it():
    folder = ROOT / "examples" / "beside"
    text = (ROOT / "docs" / "beside.md").read_text()
    shown = re.findall(r"literalinclude\} \.\./examples/beside/(\w+)\.py", text)
    assert sorted(shown) == sorted(path.stem for path in folder.glob("*.py"))
    assert text.count('\n:end-before: "# What the page says."\n') == len(shown)
    weekly = ROOT / ".ci" / "beside"
    run = shown if not weekly.exists() else re.findall(r"^(\w+) [\w -]+$", weekly.read_text(), re.M)
    assert set(shown) <= set(run)
    for name in shown:
        code = (folder / f"{name}.py").read_text()
        before, promised = code.split("# What the page says.\n")
        assert "assert" in promised, name
        assert "skae" in before, name
