"""Exercises as their readers meet them: stubs and solutions are taken out of the notebooks."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from pcvae.exercises import check
from pcvae.exercises.cards import Card

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@dataclass(frozen=True)
class Posed:
    """An exercise in its notebook.

    Attributes:
        id: the exercise.
        name: what the reader has to define.
        stub: source of the code cell, without the check.
        solution: source of the block in <details>.
        setup: source that both may use: the first code cell, and those tagged "setup".
        prose: all markdown of the notebook.
        outputs: what the code cell shows, as stored.
    """

    id: str
    name: str
    stub: str
    solution: str
    setup: str
    prose: str
    outputs: list

    def answer(self, source: str) -> Any:
        """Run some source after the setup, and return what it defines under the name asked for."""
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(self.setup, "<setup>", "exec"), namespace)
        exec(compile(source, "<answer>", "exec"), namespace)
        return namespace[self.name]


def pose(id: str) -> Posed:
    """Find an exercise in the notebook of its chapter."""
    (path,) = NOTEBOOKS.glob(f"{id[:2]}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    call = re.compile(rf'^check\("{re.escape(id)}", (\w+)\)$', re.MULTILINE)
    found = [cell for cell in code if call.search(cell.source)]
    assert len(found) == 1, f'{path.name} has {len(found)} cells with a line check("{id}", name)'
    (cell,) = found
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    details = re.search(
        rf"<details><summary>Solution of exercise {re.escape(id)}</summary>\n\n(.*?)</details>",
        prose,
        re.DOTALL,
    )
    assert details, f"{path.name} has no solution of {id}"
    (solution,) = re.findall(r"```python\n(.*?)```", details[1], re.DOTALL)
    setup = [code[0], *(c for c in code[1:] if "setup" in c.metadata.get("tags", []))]
    return Posed(
        id=id,
        name=call.search(cell.source)[1],
        stub=call.sub("", cell.source),
        solution=solution,
        setup="\n\n".join(plain(cell.source) for cell in setup),
        prose=prose,
        outputs=cell.outputs,
    )


def plain(source: str) -> str:
    """Drop an expression at the end of a cell: it would only be shown."""
    tree = ast.parse(source)
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        tree.body.pop()
    return ast.unparse(tree)


@pytest.fixture(scope="session")
def posed() -> Callable[[str], Posed]:
    """A function from an exercise's id to the exercise in its notebook."""
    return pose


@pytest.fixture
def rejects() -> Callable[[str, Any, str], Card]:
    """A function that fails unless an answer is wrong, and the message has these words."""

    def rejected(id: str, answer: Any, words: str) -> Card:
        card = check(id, answer)
        assert card.status == "not right yet", card
        assert words in card.message
        return card

    return rejected
