"""Imports go one way."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import skae

PACKAGE = Path(skae.__file__).parent

# Each room may import from the rooms above it, and from its own.
ORDER = [
    [
        "losses",
        "penalties",
        "_device",
        "_documented",
        "_files",
        "_optimizer",
        "_validation",
        "_labels",
        "_meta",
        "_net_state",
        "_priors",
        "_progress",
        "_tensors",
    ],
    ["metrics", "model_selection", "plotting"],
    ["_batches"],
    ["_checkpoint", "_floor", "_shared_net"],
    ["_scaling", "_net", "architectures", "objectives"],
    ["_pickling", "modules"],
    ["_estimator"],
    ["_base"],
    ["_columns", "_conditional", "_corruption", "_missing", "_reconstruction", "_semi_supervised"],
    [
        "_adversarial",
        "_autoencoder",
        "_contractive",
        "_denoising",
        "_fine_tuning",
        "_hashing",
        "_ladder",
        "_sparse",
        "_stacked",
        "_vae",
    ],
    [
        "_adversarial_classifier",
        "_adversarial_clustering",
        "_autoencoder_classifier",
        "_outlier_detector",
        "_vae_classifier",
        "export",
        "persistence",
    ],
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            assert node.module != "skae", f"{path} imports from the top: name the file"
            yield node.module


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    for name in imports(path):
        if name.startswith("skae."):
            target = name.split(".")[1]
            assert target == room(path) or LEVEL[target] < LEVEL[room(path)], name


def test_no_file_imports_itself_through_others():
    """Within a room there may be no circle either."""
    modules = {".".join(["skae", *p.relative_to(PACKAGE).with_suffix("").parts]): p for p in FILES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {name: [i for i in imports(path) if i in modules] for name, path in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_one_file_imports_skorch():
    users = [p.name for p in FILES if any(n.split(".")[0] == "skorch" for n in imports(p))]
    assert users == ["_net.py"]
