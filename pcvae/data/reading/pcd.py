"""PCD, the format of the Point Cloud Library, in text and binary.

Source: https://pointclouds.org/documentation/tutorials/pcd_file_format.html
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from pcvae.data.reading.shape import Shape
from pcvae.data.reading.text import numbers, read_lines, to_integer

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
    if any(names.count(axis) != 1 for axis in "xyz"):
        raise ValueError(f"its fields are {', '.join(names)}: expected x, y and z among them")
    width, height = (to_integer(header[word][0]) for word in ("width", "height"))
    points = to_integer(header.get("points", [str(width * height)])[0])
    if not points == width * height >= 0:
        raise ValueError(f"it says that it holds {points} points, and {width} times {height}")
    kind, body = data[1].decode().lower(), content[data.end() :]
    if kind not in ("ascii", "binary"):
        raise ValueError(f"its data are {kind}, which is not read: save it as ascii or binary")
    table = (_read_text if kind == "ascii" else _read_binary)(body, points, _row_type(header))
    return Shape(np.stack([table[str(names.index(axis))][:, 0] for axis in "xyz"], axis=1))


def _row_type(header: dict[str, list[str]]) -> np.dtype:
    """Return the type of a point; its fields are numbered, since several may be named `_`."""
    counts = header.get("count", ["1"] * len(header["fields"]))
    rows = list(zip(header["type"], header["size"], counts, strict=False))
    if len(rows) != len(header["fields"]) or not {*header["type"]} <= {*"fiu"}:
        raise ValueError("its header has no type F, I or U, size and count for each field")
    try:
        fields = [
            (f"<{kind}{to_integer(size)}", (to_integer(count),)) for kind, size, count in rows
        ]
        return np.dtype([(str(place), *field) for place, field in enumerate(fields)])
    except TypeError as error:
        raise ValueError(f"its header names a type that there is not: {error}") from error


def _read_binary(body: bytes, points: int, row: np.dtype) -> Shaped[np.ndarray, " N"]:
    end = points * row.itemsize
    if end > len(body) or body[end:].strip(b"\0\r\n"):
        raise ValueError(f"it says {points} points, which are {end} bytes, but has {len(body)}")
    return np.frombuffer(body, row, points)


def _read_text(body: bytes, points: int, row: np.dtype) -> Shaped[np.ndarray, " N"]:
    """Read a line a point, as a binary row of doubles."""
    lines = read_lines(body)
    wide = np.dtype([(name, "<f8", row[name].shape) for name in row.names])
    values = numbers(lines) if lines else np.empty((0, 0))
    if len(lines) != points or (points and values.shape[1] * 8 != wide.itemsize):
        raise ValueError(
            f"it says {points} points of {wide.itemsize // 8} numbers, but has {values.shape}"
        )
    return np.frombuffer(values, wide, points)
