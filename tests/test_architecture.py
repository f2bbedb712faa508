"""The house: imports go down, from room to room and from file to file."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import skae

PACKAGE = Path(skae.__file__).parent

# The floors, from the top. What stands on one may import from those below it and from its own room.
HOUSE = [
    ["_outlier_detector", "_autoencoder_classifier", "_imputer", "_tabular"],
    ["_adversarial_classifier", "_adversarial_clustering", "_vae_classifier"],
    ["_adversarial", "_autoencoder", "_contractive", "_denoising", "_hashing", "_ladder"],
    ["_mutual_information_clustering", "_sparse", "_stacked", "_vae", "_wasserstein"],
    ["export"],
    ["_base"],
    ["metrics", "model_selection", "persistence", "plotting"],
    ["modules"],
    ["architectures", "objectives"],
    ["losses", "penalties"],
    ["_training"],
    ["_rows"],
    ["_documented", "_files", "_priors"],
]
FLOOR = {room: -floor for floor, rooms in enumerate(HOUSE) for room in rooms}
FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path}"
            assert node.module != "skae", f"{path} imports from the top: name the file"
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    for name in imports(path):
        if name.split(".")[0] == "skae":
            assert name != "skae", "that is the roof"
            target = name.split(".")[1]
            assert target == room(path) or FLOOR[target] < FLOOR[room(path)], name


def test_no_file_imports_itself_through_others():
    """Within a room there may be no circle either."""
    modules = {".".join(["skae", *p.relative_to(PACKAGE).with_suffix("").parts]): p for p in FILES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {name: [i for i in imports(path) if i in modules] for name, path in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


ALGORITHM = {"estimator", "holes"}
TRAITS = {p.stem for p in PACKAGE.glob("_base/*.py")} - ALGORITHM - {"__init__", "autoencoder"}
# What traits use of the verbs without being built on them.
VERBS = {"_decode", "_draw_codes", "_draw_rows", "_mean_rows", "_sample"}
VERBS |= {"_n_features_out", "_tell", "_told_classes"}


def built_on(trait):
    """The files of the room that a trait is made of, itself included."""
    names = imports(PACKAGE / "_base" / f"{trait}.py")
    below = {name.split(".")[2] for name in names if name.startswith("skae._base.")}
    return {trait}.union(*map(built_on, below))


def members(file):
    """What the classes of a file declare, in their bodies and as attributes of `self`."""
    for node in ast.walk(ast.parse((PACKAGE / "_base" / f"{file}.py").read_text())):
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                targets = getattr(line, "targets", [getattr(line, "target", line)])
                yield from (getattr(t, "name", None) or getattr(t, "id", None) for t in targets)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield ast.unparse(node).removeprefix("self.")


@pytest.mark.parametrize("trait", sorted(TRAITS))
def test_a_trait_uses_declared_names_only(trait):
    """Those of the algorithm, of itself, of the traits that it is made of, and of the verbs."""
    declared = VERBS.union(*map(members, ALGORITHM | built_on(trait)))
    text = (PACKAGE / "_base" / f"{trait}.py").read_text()
    assert set(re.findall(r"(?:self|super\(\))\.(_[a-z]\w+)", text)) <= declared


def test_one_room_imports_skorch():
    users = {room(p) for p in FILES if any(n.split(".")[0] == "skorch" for n in imports(p))}
    assert users == {"_training"}


def test_only_public_classes_and_the_ground_are_private_files_of_the_root():
    private = {path.stem for path in PACKAGE.glob("_*.py")} - {"__init__"}
    models = {getattr(skae, n).__module__.removeprefix("skae.") for n in skae.__all__}
    assert private == (models - {"persistence"}) | {"_documented", "_files", "_priors"}
