"""STL, in text and binary.

Source: 3D Systems' StereoLithography Interface Specification, 1989.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pcvae.data.reading.shape import Shape
from pcvae.data.reading.text import numbers, read_lines

BEHIND = "bytes behind its triangles are left out"

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_START = 84  # 80 bytes of any content, and the number of triangles
_SOLID = re.compile(r"\s*solid\b")
_END = re.compile(r"\s*end\s*solid\b")
_FACET = "facet normal . . . outer loop vertex . . . vertex . . . vertex . . . endloop endfacet"


def read_stl(path: Path) -> Shape:
    """Read triangles; equal corners are not merged.

    Raises:
        ValueError: It is damaged, cut short, or holds no triangles.
    """
    content = path.read_bytes()
    count = int.from_bytes(content[_START - 4 : _START], "little")
    behind = len(content) - _START - count * _TRIANGLE.itemsize
    # Binary files may begin with "solid" too: they have zeros, or the length that they promise.
    text = b"solid" in content[:200].lower() and behind and b"\0" not in content
    corners = _read_text(content) if text else _read_binary(content, count, behind)
    vertices = corners.reshape(-1, 3)
    notes = (BEHIND,) * bool(behind and not text)
    return Shape(vertices, np.arange(len(vertices)).reshape(-1, 3), notes)


def _read_binary(content: bytes, count: int, behind: int) -> Float[np.ndarray, "F 3 3"]:
    # Whole triangles behind those promised would be lost; other bytes are a program's own.
    if count == 0 or behind < 0 or (behind and behind % _TRIANGLE.itemsize == 0):
        there = max(len(content) - _START, 0) / _TRIANGLE.itemsize
        raise ValueError(
            f"it cannot be read: it is no STL in text, and as a binary one it says {count} "
            f"triangles, but holds {there:.1f}: it is cut short or damaged"
        )
    return np.frombuffer(content, _TRIANGLE, count, _START)["corners"]


def _read_text(content: bytes) -> Float[np.ndarray, "F 3 3"]:
    lines = [line.lower() for line in read_lines(content)]
    inner = [line for line in lines if not (_SOLID.match(line) or _END.match(line))]
    ends = sum(bool(_END.match(line)) for line in lines)
    pattern, words = _FACET.split(), " ".join(inner).split()
    step = len(pattern)
    fits = all(
        expected == "." or set(words[place::step]) == {expected}
        for place, expected in enumerate(pattern)
    )
    if not fits or len(words) % step or len(lines) - len(inner) != 2 * ends:
        raise ValueError(
            f"it holds no triangles, or is cut short or damaged: expected `{_FACET}`, with numbers "
            "in place of points, between `solid` and `endsolid`"
        )
    places = [place for place, word in enumerate(pattern) if word == "."][3:]
    return numbers([" ".join(words[place::step]) for place in places]).T.reshape(-1, 3, 3)
