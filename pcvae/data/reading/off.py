"""OFF, Geomview's object file format, and what ModelNet and others made of it.

Source: http://www.geomview.org/docs/html/OFF.html
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Int

from pcvae.data.reading.shape import Shape, mesh_of_polygons
from pcvae.data.reading.text import integer_table, numbers, read_lines, to_integer

# ST, C and N announce texture, color and normal behind the coordinates; programs differ in their
# order (NCOFF of Open3D and MeshLab).
_HEADER = re.compile(r"\s*(?:(?:ST|C|N)*OFF|[cn]*off)?(?![A-Za-z])", re.ASCII)


def read_off(path: Path) -> Shape:
    """Read an OFF file, with or without colors, normals and faces.

    Raises:
        ValueError: It is damaged, cut short, binary, or of other than three dimensions.
    """
    lines = read_lines(path.read_bytes(), comment="#")
    header = _HEADER.match(lines[0]) if lines else None
    if header is None:
        raise ValueError(f"it cannot be read: it begins with {''.join(lines[:1])[:40]!r}, not OFF")
    first, *lines = [lines[0][header.end() :], *lines[1:]]
    if not first.strip() and lines:
        first, *lines = lines
    counts = [to_integer(word) for word in first.split()]
    vertices, faces = (*counts, 0, 0)[:2]  # the number of edges, which may follow, is not used
    if len(counts) not in (2, 3) or min(counts) < 0 or len(lines) != vertices + faces:
        raise ValueError(
            f"it says {first.strip()[:40]!r}, its numbers of vertices, faces and edges, but "
            f"{len(lines)} lines follow: it is cut short or damaged"
        )
    if vertices == 0:
        raise ValueError("it holds neither faces nor points")
    points = numbers(lines[:vertices], (0, 1, 2))
    return mesh_of_polygons(points, *_read_faces(lines[vertices:])) if faces else Shape(points)


def _read_faces(rows: list[str]) -> tuple[Int[np.ndarray, " C"], Int[np.ndarray, " P"]]:
    """Return the corners of all faces, and how many each has; colors behind them are dropped."""
    table = integer_table(rows)
    size = 0 if table is None else int(table[0, 0])
    if table is not None and 0 < size < table.shape[1] and (table[:, 0] == size).all():
        return table[:, 1 : size + 1].reshape(-1), np.full(len(table), size)
    corners, sizes = [], []
    for row in rows:
        size, *rest = row.split()
        sizes.append(to_integer(size))
        if not 0 < sizes[-1] <= len(rest):
            raise ValueError(f"a face says {row.strip()[:40]!r}: it is cut short or damaged")
        corners += [to_integer(word) for word in rest[: sizes[-1]]]
    return np.array(corners), np.array(sizes)
