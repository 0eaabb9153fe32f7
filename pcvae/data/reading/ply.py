"""PLY, Stanford's polygon format, in text and binary.

Source: Greg Turk, "The PLY Polygon File Format", 1994.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from pcvae.data.reading.shape import FEW_CORNERS, Shape, mesh_of_polygons, strip_triangles
from pcvae.data.reading.text import numbers, read_lines, to_integer

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8", "float32": "f4", "float64": "f8",
}  # fmt: skip
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
FACES = ("face", "tristrips")
CUT = "it is cut short or damaged"
INDICES = ("vertex_indices", "vertex_index")


class _Property(NamedTuple):
    name: str
    type: str
    length: str = ""  # the type of a list's length


class _Element(NamedTuple):
    count: int
    properties: list[_Property]


# The values of a property in all rows, one after the other, and how many each row has.
_Column = tuple[np.ndarray, np.ndarray]


def read_ply(path: Path) -> Shape:
    """Read vertices with polygons, triangle strips, or neither.

    Raises:
        ValueError: It is damaged or cut short, or holds geometry of another kind.
    """
    order, elements, body = _read_header(path.read_bytes())
    _check_elements(elements)
    found = _read_binary(body, elements) if order else _read_text(body, elements)
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


def _read_header(content: bytes) -> tuple[str, dict[str, _Element], bytes]:
    """Return the order of bytes, nothing for text, the elements, and what follows the header."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    first = re.match(rb"ply[ \t]*(\r\n|\n|\r)", content, re.IGNORECASE)
    last = first and re.search(rb"[\r\n][ \t]*end_header[ \t]*" + first[1], content)
    if not (first and last):
        raise ValueError("it cannot be read: it has no whole PLY header")
    order, elements, properties = None, {}, []
    for line in content[first.end() : last.start()].decode("latin-1").lower().splitlines():
        match line.split():
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["format", name, "1.0"] if name in ORDERS:
                order = ORDERS[name]
            case ["element", name, count] if order is not None and name not in elements:
                properties = []
                elements[name] = _Element(to_integer(count), properties)
            case ["property", "list", length, kind, name] if elements and {length, kind} <= {
                *TYPES
            }:
                properties.append(_Property(name, order + TYPES[kind], order + TYPES[length]))
            case ["property", kind, name] if elements and kind in TYPES:
                properties.append(_Property(name, order + TYPES[kind]))
            case _:
                raise ValueError(f"it cannot be read: its header says {line.strip()[:60]!r}")
    return order, elements, content[last.end() :]


def _check_elements(elements: dict[str, _Element]) -> None:
    """Raise a ValueError if there are no coordinates, or geometry that is not read."""
    single = [p.name for p in elements.get("vertex", _Element(0, [])).properties if not p.length]
    if not {"x", "y", "z"} <= {*single}:
        raise ValueError(f"it has no vertices with x, y and z (found: {', '.join(single)[:60]})")
    if elements["vertex"].count == 0:
        raise ValueError("it holds neither faces nor points")
    for name, (count, properties) in elements.items():
        lists = [p.name for p in properties if p.length and p.name in INDICES]
        if count < 0 or (count and not properties):
            raise ValueError(f"it cannot be read: its header says {count} of {name!r}")
        if lists and name not in FACES:
            raise ValueError(f"it holds geometry of a kind that is not read: {name!r}")
        if count and len(lists) != 1 and name in FACES:
            found = ", ".join(p.name for p in properties)
            raise ValueError(f"expected a list vertex_indices of {name!r}, found {found[:60]}")
    there = {name for name, element in elements.items() if element.count}
    if "edge" in there and not there & {*FACES}:
        raise ValueError("it holds edges in place of faces")


def _read_binary(content: bytes, elements: dict[str, _Element]) -> dict[str, dict[str, _Column]]:
    """Return the columns of all elements."""
    found, start = {}, 0
    for name, element in elements.items():
        if element.count:
            found[name], start = _read_element(content, start, element)
    if content[start:].strip(b"\0 \t\r\n"):
        raise ValueError(f"{len(content) - start} bytes follow what its header promises")
    return found


def _read_text(content: bytes, elements: dict[str, _Element]) -> dict[str, dict[str, _Column]]:
    """Return the columns of all elements: each line is read as a binary row of doubles."""
    lines = read_lines(content)
    promised = sum(element.count for element in elements.values())
    if promised != len(lines):
        raise ValueError(f"its header promises {promised} lines, but {len(lines)} follow: {CUT}")
    found, start = {}, 0
    for name, (count, properties) in elements.items():
        if count:
            rows, start = lines[start : start + count], start + count
            try:
                values = numbers(rows)
            except ValueError:  # rows of different lengths are read as one
                values = numbers([" ".join(rows)])
            wide = [p._replace(type="<f8", length=p.length and "<f8") for p in properties]
            found[name], end = _read_element(values.tobytes(), 0, _Element(count, wide))
            if end != values.nbytes:
                raise ValueError(f"lines of {name!r} are longer than its header promises: {CUT}")
    return found


def _read_element(content: bytes, start: int, element: _Element) -> tuple[dict[str, _Column], int]:
    """Return the columns of an element, and where it ends."""
    count, properties = element
    least = count * sum(np.dtype(p.length or p.type).itemsize for p in properties)
    if least > len(content) - start:  # before anything of that size is made
        raise ValueError(f"its header promises {least} bytes or more, which are not there: {CUT}")
    row, _ = _read_row(content, start, properties)
    fields = []
    for p, values in zip(properties, row, strict=True):
        fields += [(f"{p.name} length", p.length)] * bool(p.length)
        fields.append((p.name, p.type, values.shape))
    kind = np.dtype(fields)
    end = start + count * kind.itemsize
    if end <= len(content):  # most often all rows are as long as the first
        table = np.frombuffer(content, kind, count, start)
        lengths = [table[name] for name in kind.names if name.endswith(" length")]
        if all((length == length[0]).all() for length in lengths):
            sizes = [np.full(count, len(values)) for values in row]
            columns = [table[p.name].reshape(-1) for p in properties]
            return _by_name(properties, columns, sizes), end
    rows, end = [], start
    for _ in range(count):
        row, end = _read_row(content, end, properties)
        rows.append(row)
    parts = list(zip(*rows, strict=True))
    sizes = [np.array([*map(len, part)]) for part in parts]
    return _by_name(properties, [*map(np.concatenate, parts)], sizes), end


def _by_name(
    properties: list[_Property], columns: list[np.ndarray], sizes: list[np.ndarray]
) -> dict[str, _Column]:
    names = [p.name for p in properties]
    return dict(zip(names, zip(columns, sizes, strict=True), strict=True))


def _read_row(
    content: bytes, start: int, properties: list[_Property]
) -> tuple[list[Shaped[np.ndarray, " K"]], int]:
    """Return the values of each property in one row, and where it ends."""
    row = []
    for p in properties:
        try:
            count = 1
            if p.length:
                (length,) = np.frombuffer(content, p.length, 1, start)
                count, start = int(length), start + length.itemsize
                if not 0 <= count == length:
                    raise ValueError(f"a list of {length}")
            row.append(
                np.frombuffer(content, p.type, count, start) if count else np.empty(0, p.type)
            )
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{p.name!r} cannot be read: {CUT}") from error
        start += row[-1].nbytes
    return row, start


def _integers(corners: np.ndarray, sizes: np.ndarray) -> _Column:
    """Return corners as the integers that they are, if they were not read as such."""
    if not ((corners % 1 == 0) & (np.abs(corners.astype(float)) < 2**53)).all():
        raise ValueError("a face names vertices by numbers that are not whole")
    return corners.astype(np.int64), sizes


def _split_strips(corners: np.ndarray, sizes: np.ndarray) -> _Column:
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
