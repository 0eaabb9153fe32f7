"""PCD, the format of the Point Cloud Library, in text and binary.

Source: https://pointclouds.org/documentation/tutorials/pcd_file_format.html
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pcvae.data.reading.rows import KINDS, Field, Table, read_binary, read_text
from pcvae.data.reading.shape import Shape
from pcvae.data.reading.text import read_lines, to_integer

AXES = ("x", "y", "z")
MOST_FIELDS = 10_000
NEEDED = ("fields", "size", "type", "width", "height")
KNOWN = (*NEEDED, "version", "count", "viewpoint", "points")
_DATA = re.compile(rb"^[ \t]*DATA[ \t]+(\w+)[ \t]*(?:\r?\n|$)", re.MULTILINE | re.IGNORECASE)


def read_pcd(path: Path) -> Shape:
    """Read the fields x, y and z.

    Raises:
        ValueError: It is damaged, cut short, compressed, or has no such fields.
    """
    content = path.read_bytes()
    data = _DATA.search(content)
    lines = read_lines(content[: data.start()], comment="#") if data else []
    header = {line.split()[0].lower(): line.lower().split()[1:] for line in lines}
    wrong = [word for word in NEEDED if word not in header] + [*(header.keys() - {*KNOWN})]
    if wrong or not all(header.values()):
        raise ValueError(f"it cannot be read: its header lacks or may not have {wrong[:5]}")
    names = header["fields"]
    if any(names.count(axis) != 1 for axis in AXES):
        raise ValueError(f"its fields are {', '.join(names)}: expected x, y and z among them")
    width, height = (to_integer(header[word][0]) for word in ("width", "height"))
    points = to_integer(header.get("points", [str(width * height)])[0])
    if not points == width * height >= 0:
        raise ValueError(f"it says that it holds {points} points, and {width} times {height}")
    kind, body = data[1].decode().lower(), content[data.end() :]
    if kind not in ("ascii", "binary"):
        raise ValueError(f"its data are {kind}, which is not read: save it as ascii or binary")
    tables = {"points": Table(points, _fields(header))}
    found = (read_text if kind == "ascii" else read_binary)(body, tables)
    axes = [found["points"][axis][0] for axis in AXES] if points else np.empty((3, 0))
    return Shape(np.stack(axes, axis=1))


def _fields(header: dict[str, list[str]]) -> list[Field]:
    """Return the numbers of a point; of those but x, y and z several may have one name."""
    names, sizes, types = header["fields"], header["size"], header["type"]
    counts = [to_integer(word) for word in header.get("count", ["1"] * len(names))]
    kinds = [kind + size for kind, size in zip(types, sizes, strict=False)]
    if not len(names) == len(kinds) == len(sizes) == len(types) == len(counts):
        raise ValueError("its header has no type, size and count for each field")
    single = all(counts[names.index(axis)] == 1 for axis in AXES)
    if not ({*kinds} <= {*KINDS} and single and sum(counts) <= MOST_FIELDS):
        raise ValueError(f"its header has types or counts that are not read: {kinds[:5]}")
    return [
        Field(name if name in AXES else f"{place} {repeat}", f"<{kind}")
        for place, (name, kind, count) in enumerate(zip(names, kinds, counts, strict=True))
        for repeat in range(count)
    ]
