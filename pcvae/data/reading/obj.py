"""Wavefront OBJ: vertices and polygons; what else is geometry is refused by name.

Source: the appendix "Object Files (.obj)" of Wavefront's Advanced Visualizer manual, version 4.
"""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Int

from pcvae.data.reading.shape import FEW_CORNERS, Shape, check_corners, mesh_of_polygons
from pcvae.data.reading.text import integer_table, numbers, read_lines, to_integer

NO_FACES = "it has vertices and no faces: they are taken as a cloud"

# What says nothing of the shape: normals, textures, names, groups, and how to show it.
NO_GEOMETRY = {
    "", "vn", "vt", "vp", "g", "s", "o", "mg", "usemtl", "mtllib", "usemap", "maplib", "bevel",
    "c_interp", "d_interp", "lod", "shadow_obj", "trace_obj",
}  # fmt: skip
_CONTINUED = re.compile(r"\\[ \t]*\n")
_TEXTURE_AND_NORMAL = re.compile(r"(?<=\S)/\S*")


def read_obj(path: Path) -> Shape:
    """Read vertices and faces of an OBJ file; no other file that it names is opened.

    Raises:
        ValueError: It is damaged, or holds geometry of other kinds, such as free-form surfaces.
    """
    text = "\n".join(read_lines(path.read_bytes(), comment="#"))
    vertices, faces, before, others = [], [], [], {}
    for line in _CONTINUED.sub(" ", text).split("\n"):
        keyword, rest = (*line.split(None, 1), "", "")[:2]
        if keyword == "v":
            vertices.append(rest)
        elif keyword in ("f", "fo"):  # fo: a face in older files
            faces.append(rest)
            before.append(len(vertices))
        else:
            others[keyword] = line
    lines, single = others.pop("l", ""), others.pop("p", "")
    few = lines or single
    unknown = [line for keyword, line in others.items() if keyword not in NO_GEOMETRY]
    if unknown:
        raise ValueError(
            f"it holds {unknown[0].strip()[:40]!r}, and is read as polygons only: no free-form "
            "curves or surfaces, and nothing unknown"
        )
    if "" in vertices or "" in faces:
        raise ValueError("it has a line `v` or `f` without numbers")
    if not vertices or (few and not faces):
        raise ValueError(f"it holds neither faces nor points{' but ' * bool(few)}{few[:40]}")
    points = numbers(vertices, (0, 1, 2))
    if not faces:
        return Shape(points, None, (NO_FACES,))
    corners, sizes = _corners(faces, before)
    return mesh_of_polygons(points, corners, sizes, (FEW_CORNERS,) * bool(few))


def _corners(
    faces: list[str], before: list[int]
) -> tuple[Int[np.ndarray, " C"], Int[np.ndarray, " P"]]:
    """Return the corners of all faces, counted from 0, and how many each face has.

    Args:
        faces: Their lines.
        before: How many vertices stand before each; -1 is the last of them.
    """
    if any("/" in face for face in faces):
        faces = _TEXTURE_AND_NORMAL.sub("", "\n".join(faces)).split("\n")
    table = integer_table(faces)
    if table is None:
        rows = [[to_integer(word) for word in face.split()] for face in faces]
        corners, sizes = np.array([*chain.from_iterable(rows)]), np.array([*map(len, rows)])
    else:
        corners, sizes = table.reshape(-1), np.full(len(table), table.shape[1])
    if not corners.all():
        raise ValueError("a face names vertex 0, but OBJ files count from 1")
    relative = corners < 0
    corners = np.where(relative, corners + np.repeat(before, sizes), corners - 1)
    check_corners(corners[relative], before[-1])
    return corners, sizes
