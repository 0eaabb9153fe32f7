"""How the house is laid out: no circles, arrows one way, few files a folder, doors to enter by."""

import ast
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from benchmarks.code_lines import lines_by_folder

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ROOT / "pcvae"
# What each room may import of the others; CONTRIBUTING.md says what each of them knows.
NOBODY = ("geometry", "randomness", "files", "shapes", "toys")
ARROWS = {
    **{room: set() for room in NOBODY},
    "models": {"randomness"},
    "metrics": {"files", "geometry"},
    "objective": {"models"},
    "checkpoints": {"files", "models"},
    "graphs": {"files", "models"},
    "data": {"files", "geometry", "models", "randomness", "shapes"},
    "sampling": {"models", "randomness"},
    "diagnostics": {"geometry", "metrics", "models", "objective"},
    "evaluation": {"files", "geometry", "metrics", "models", "randomness", "sampling"},
    "training": {
        "checkpoints",
        "data",
        "diagnostics",
        "files",
        "models",
        "objective",
        "randomness",
    },
    "editing": {"diagnostics", "models", "shapes"},
    "figures": {"diagnostics", "geometry", "toys"},
    "widgets": {"figures", "toys"},
    "explore": {
        "data",
        "diagnostics",
        "editing",
        "files",
        "models",
        "sampling",
        "shapes",
        "widgets",
    },
}
NOT_IMPORTED = {"commands", "exercises"}  # nor tests, benchmarks or scripts
FORBIDDEN = {"exercises": {"explore", "training"}}
DOORS = {
    *("pcvae", "pcvae.data", "pcvae.models", "pcvae.models.lion", "pcvae.editing"),
    *("pcvae.widgets", "pcvae.explore"),
    *("pcvae.training", "pcvae.metrics", "pcvae.shapes", "pcvae.exercises", "pcvae.figures"),
    *("pcvae.diagnostics", "pcvae.evaluation", "pcvae.objective", "pcvae.geometry", "pcvae.toys"),
    *("pcvae.randomness", "pcvae.sampling", "pcvae.checkpoints", "pcvae.commands"),
    "pcvae.graphs",
}
MOST_FILES = 12


def modules():
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(HOUSE.rglob("*.py"))
    }


@cache
def imported(path):
    """All modules of pcvae that a file names in an import, wherever it stands."""
    known, found = modules(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names}
    return {name for name in found if name in known}


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_no_circle():
    below = {name: imported(path) - {name} for name, path in modules().items()}
    while below:
        ground = {name for name, needs in below.items() if not needs & set(below)}
        assert ground, f"circle among {sorted(below)}"
        below = {name: needs for name, needs in below.items() if name not in ground}


@pytest.mark.parametrize("name", ARROWS)
def test_a_room_imports_what_it_may(name):
    allowed = ARROWS[name] | {name}
    for module, path in modules().items():
        if room(module) == name:
            assert {room(other) for other in imported(path)} <= allowed, module


def test_rooms_that_nobody_enters():
    for module, path in modules().items():
        here, others = room(module), {room(other) for other in imported(path)}
        entered = NOT_IMPORTED - ({"commands"} if here == "__main__" else set())
        assert not (others - {here}) & entered, module
        assert not others & FORBIDDEN.get(here, set()), module


def test_few_files_in_a_folder():
    for folder in {path.parent for path in HOUSE.rglob("*.py")}:
        assert len(list(folder.glob("*.py"))) <= MOST_FILES, folder


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_come_in_by_the_doors(path):
    """Or by what their own exercises are checked with."""
    own = f"pcvae.exercises.chapters.chapter{path.name[:2]}"
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "code":
            names = re.findall(r"^\s*(?:from|import) (pcvae[\w.]*)", cell.source, flags=re.M)
            assert set(names) <= DOORS | {own}


def test_contributing_names_every_room():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Tests")[0]
    named = set(re.findall(r"`pcvae/(\w+)(?:\.py|/)`", table)) | set(re.findall(r"`(\w+)`", table))
    rooms = {room(module) for module in modules()} - {"", "__main__"}
    assert rooms <= named
    for name in re.findall(r"^\| `pcvae/([\w./]+)`", table, flags=re.M):
        assert (HOUSE / name).exists(), name


def test_lines_are_counted_without_docstrings():
    counted = lines_by_folder(HOUSE)
    assert set(counted) >= {"data/", "models/", "checkpoints.py"}
    assert 0 < counted["checkpoints.py"] < len((HOUSE / "checkpoints.py").read_text().splitlines())
