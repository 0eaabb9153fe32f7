"""Meshes out of AC3D files (.ac), the text format of FlightGear's models.

Source: the description of the format on the pages of AC3D, "The AC3D file format".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

HEADER = "AC3D"
POLYGON, STRIP = 0, 4  # kinds of surfaces; the others are lines
KIND = 0xF  # bits of a surface's flags that tell its kind


@dataclass
class _Object:
    kind: str
    name: str = ""
    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))
    location: np.ndarray = field(default_factory=lambda: np.zeros(3))
    vertices: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    triangles: list[tuple[int, int, int]] = field(default_factory=list)
    children: list[_Object] = field(default_factory=list)


class Mesh(NamedTuple):
    """A triangle mesh.

    Attributes:
        vertices: corners, in the file's unit and axes (Y up).
        faces: triangles.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]


def read_ac3d(text: str, wanted: Callable[[str], bool] = lambda name: True) -> Mesh:
    """Read the triangles of all objects, each moved to its place.

    Polygons are cut into fans, which is right for convex ones.

    Args:
        text: What the file holds.
        wanted: Says by an object's name whether to take it and what hangs below it.

    Raises:
        ValueError: The text is no AC3D file, or is damaged.
    """
    lines = iter(text.splitlines())
    if not next(lines, "").startswith(HEADER):
        raise ValueError(f"it does not begin with {HEADER}, as AC3D files do")
    try:
        root = _read_object(lines)
        parts = list(_placed(root, np.eye(3), np.zeros(3), wanted)) if root else []
    except (StopIteration, IndexError) as error:
        raise ValueError("it is cut short, or numbers in it are too high") from error
    if not parts:
        raise ValueError("it holds no objects, or none that are wanted")
    return _joined(parts)


def _read_object(lines: Iterator[str]) -> _Object | None:
    """Read lines up to the `kids` of an object, and these; None at the end of the file."""
    found = None
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "OBJECT":
            found = _Object(rest.strip())
        elif found and word == "kids":
            # Files trimmed by hand may announce more children than they hold.
            found.children = [kid for _ in range(int(rest)) if (kid := _read_object(lines))]
            return found
        elif found and word in _READERS:
            _READERS[word](found, rest, lines)
    if found:
        raise StopIteration
    return None


def _read_name(found: _Object, rest: str, lines: Iterator[str]) -> None:
    found.name = rest.strip().strip('"')


def _read_data(found: _Object, rest: str, lines: Iterator[str]) -> None:
    """Skip text, which may hold words of the format and be several lines long."""
    left = int(rest)
    while left > 0:
        left -= len(next(lines)) + 1


def _read_rotation(found: _Object, rest: str, lines: Iterator[str]) -> None:
    # Rows are the images of the axes: a row vector is multiplied from the left.
    found.rotation = np.array(rest.split(), dtype=float).reshape(3, 3).T


def _read_location(found: _Object, rest: str, lines: Iterator[str]) -> None:
    found.location = np.array(rest.split(), dtype=float).reshape(3)


def _read_vertices(found: _Object, rest: str, lines: Iterator[str]) -> None:
    rows = [_next(lines)[:3] for _ in range(int(rest))]
    found.vertices = np.array(rows, dtype=float).reshape(-1, 3)


def _read_surfaces(found: _Object, rest: str, lines: Iterator[str]) -> None:
    for _ in range(int(rest)):
        kind, corners = POLYGON, []
        while True:
            word, _, value = next(lines).strip().partition(" ")
            if word == "SURF":
                kind = int(value, 16) & KIND
            elif word == "refs":
                corners = [int(_next(lines)[0]) for _ in range(int(value))]
                break
        found.triangles += _triangles(kind, corners)


def _next(lines: Iterator[str]) -> list[str]:
    """Return the words of the next line that has any."""
    while not (words := next(lines).split()):
        pass
    return words


def _triangles(kind: int, corners: list[int]) -> list[tuple[int, int, int]]:
    if kind == POLYGON:
        return [(corners[0], *pair) for pair in pairwise(corners[1:])]
    if kind == STRIP:
        triples = zip(corners, corners[1:], corners[2:], strict=False)
        return [(b, a, c) if turn % 2 else (a, b, c) for turn, (a, b, c) in enumerate(triples)]
    return []


_READERS: dict[str, Callable[[_Object, str, Iterator[str]], None]] = {
    "name": _read_name,
    "data": _read_data,
    "rot": _read_rotation,
    "loc": _read_location,
    "numvert": _read_vertices,
    "numsurf": _read_surfaces,
}


def _placed(
    item: _Object, rotation: np.ndarray, location: np.ndarray, wanted: Callable[[str], bool]
) -> Iterator[Mesh]:
    """Yield the mesh of an object and of all below it, in the axes of the file."""
    if not wanted(item.name):
        return
    location = rotation @ item.location + location
    rotation = rotation @ item.rotation
    faces = np.array(item.triangles, dtype=np.int64).reshape(-1, 3)
    if len(faces) and (faces.min() < 0 or faces.max() >= len(item.vertices)):
        raise IndexError(f"{item.name} has {len(item.vertices)} vertices, not {faces.max() + 1}")
    yield Mesh(item.vertices @ rotation.T + location, faces)
    for child in item.children:
        yield from _placed(child, rotation, location, wanted)


def _joined(parts: list[Mesh]) -> Mesh:
    first = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + start for part, start in zip(parts, first, strict=True)]),
    )
