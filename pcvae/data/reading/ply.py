"""PLY, Stanford's polygon format, in text and binary.

Source: Greg Turk, "The PLY Polygon File Format", 1994.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pcvae.data.reading.rows import Column, Field, Table, read_binary, read_text
from pcvae.data.reading.shape import FEW_CORNERS, Shape, mesh_of_polygons, strip_triangles
from pcvae.data.reading.text import to_integer

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8", "float32": "f4", "float64": "f8",
}  # fmt: skip
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
FACES = ("face", "tristrips")
INDICES = ("vertex_indices", "vertex_index")


def read_ply(path: Path) -> Shape:
    """Read vertices with polygons, triangle strips, or neither.

    Raises:
        ValueError: It is damaged or cut short, or holds geometry of another kind.
    """
    order, tables, body = _read_header(path.read_bytes())
    _check_tables(tables)
    found = read_binary(body, tables) if order else read_text(body, tables)
    vertices = np.stack([found["vertex"][axis][0] for axis in "xyz"], axis=1)  # (V, 3)
    faces = [
        (_split_strips if name == "tristrips" else _integers)(*found[name][index])
        for name in FACES
        for index in INDICES
        if index in found.get(name, ())
    ]
    if not faces:
        return Shape(vertices)
    corners, sizes = map(np.concatenate, zip(*faces, strict=True))
    return mesh_of_polygons(vertices, corners, sizes, (FEW_CORNERS,) * ("edge" in found))


def _read_header(content: bytes) -> tuple[str, dict[str, Table], bytes]:
    """Return the order of bytes, nothing for text, the tables, and what follows the header."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    first = re.match(rb"ply[ \t]*(\r\n|\n|\r)", content, re.IGNORECASE)
    last = first and re.search(rb"[\r\n][ \t]*end_header[ \t]*" + first[1], content)
    if not (first and last):
        raise ValueError("it cannot be read: it has no whole PLY header")
    order, tables, fields = None, {}, []
    for line in content[first.end() : last.start()].decode("latin-1").lower().splitlines():
        match line.split():
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["format", name, "1.0"] if name in ORDERS:
                order = ORDERS[name]
            case ["element", name, count] if order is not None and name not in tables:
                fields = []
                tables[name] = Table(to_integer(count), fields)
            case ["property", "list", length, kind, name] if tables and {length, kind} <= {*TYPES}:
                fields.append(Field(name, order + TYPES[kind], order + TYPES[length]))
            case ["property", kind, name] if tables and kind in TYPES:
                fields.append(Field(name, order + TYPES[kind]))
            case _:
                raise ValueError(f"it cannot be read: its header says {line.strip()[:60]!r}")
    return order, tables, content[last.end() :]


def _check_tables(tables: dict[str, Table]) -> None:
    """Raise a ValueError if there are no coordinates, or geometry that is not read."""
    single = [p.name for p in tables.get("vertex", Table(0, [])).fields if not p.length]
    if not {"x", "y", "z"} <= {*single}:
        raise ValueError(f"it has no vertices with x, y and z (found: {', '.join(single)[:60]})")
    if tables["vertex"].count == 0:
        raise ValueError("it holds neither faces nor points")
    for name, (count, fields) in tables.items():
        lists = [p.name for p in fields if p.length and p.name in INDICES]
        if count < 0 or (count and not fields):
            raise ValueError(f"it cannot be read: its header says {count} of {name!r}")
        if lists and name not in FACES:
            raise ValueError(f"it holds geometry of a kind that is not read: {name!r}")
        if count and len(lists) != 1 and name in FACES:
            found = ", ".join(p.name for p in fields)
            raise ValueError(f"expected a list vertex_indices of {name!r}, found {found[:60]}")
    there = {name for name, table in tables.items() if table.count}
    if "edge" in there and not there & {*FACES}:
        raise ValueError("it holds edges in place of faces")


def _integers(corners: np.ndarray, sizes: np.ndarray) -> Column:
    """Return corners as the integers that they are, if they were not read as such."""
    if not ((corners % 1 == 0) & (np.abs(corners.astype(float)) < 2**53)).all():
        raise ValueError("a face names vertices by numbers that are not whole")
    return corners.astype(np.int64), sizes


def _split_strips(corners: np.ndarray, sizes: np.ndarray) -> Column:
    """Return the triangles of strips; a corner of -1 begins another strip."""
    corners, _ = _integers(corners, sizes)
    strips = [
        part[part != -1]
        for strip in np.split(corners, np.cumsum(sizes)[:-1])
        for part in np.split(strip, np.flatnonzero(strip == -1))
    ]
    faces = [strip_triangles(strip).reshape(-1) for strip in strips if len(strip) > 2]
    flat = np.concatenate([corners[:0], *faces])
    return flat, np.full(len(flat) // 3, 3)
