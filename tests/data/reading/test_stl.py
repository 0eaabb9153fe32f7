"""STL files, in text and binary."""

import struct

import pytest

from pcvae.data.reading.stl import BEHIND

TRIANGLE = struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
FACET = """facet normal 0 0 1
  outer loop
    vertex 0 0 0
    vertex 1 0 0
    vertex 0 1e0 0
  endloop
endfacet
"""


def binary(count, triangles, tail=b"", header=b""):
    return header.ljust(80, b"\0") + struct.pack("<I", count) + TRIANGLE * triangles + tail


def text(facets, name="a"):
    return f"solid {name}\n{FACET * facets}endsolid {name}\n"


GOOD = {
    "binary": (binary(2, 2), 1),
    "binary that begins as text": (binary(2, 2, header=b"solid by an exporter"), 1),
    "binary with blanks before its count": (b"solid".ljust(80) + binary(2, 2)[80:], 1),
    "bytes behind": (binary(1, 1, bytes(10)), 0.5),
    "zeros behind": (binary(1, 1, bytes(7)), 0.5),
    "a text behind": (binary(1, 1, b"COLOR=red"), 0.5),
    "text": (text(2), 1),
    "text without a name": (text(1, "").replace("solid ", "solid"), 0.5),
    "a name of many words": (text(1, "left leg (2) of facet chair"), 0.5),
    "capitals": (text(1).upper(), 0.5),
    "several solids": (text(1) + text(2, "b"), 1.5),
    "one line": ("solid a\n" + FACET.replace("\n", " ") + "\nendsolid\n", 0.5),
    "Windows line ends": (text(1).replace("\n", "\r\n"), 0.5),
    "byte order mark": ("\ufeff" + text(1), 0.5),
}


@pytest.mark.parametrize("name", GOOD)
def test_usual_writings(read, area, name):
    content, wanted = GOOD[name]
    shape = read("a.stl", content)
    assert area(shape) == pytest.approx(wanted)
    assert shape.notes == ((BEHIND,) if "behind" in name else ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (binary(3, 1), "says 3 triangles, but holds 1.0: it is cut short"),
        (binary(1, 1)[:-1], "says 1 triangles, but holds 1.0"),
        (binary(1, 3), "says 1 triangles, but holds 3.0"),
        (binary(0, 2), "says 0 triangles"),
        (binary(0, 0), "says 0 triangles"),
        (binary(2**32 - 1, 1), "says 4294967295 triangles"),
        (b"short", "no STL in text"),
        (text(2)[:-30], "cut short"),
        (text(0), "no triangles"),
        (text(1).replace("endsolid a", ""), "between `solid` and `endsolid`"),
        (text(1).replace("    vertex 1 0 0\n", ""), "expected `facet normal"),
        (text(1).replace("endloop", "vertex 1 1 1\nendloop"), "expected `facet normal"),
        (text(1).replace("1e0", "1,0"), "1,0"),
        (text(1).replace("1e0", "nan"), "NaN"),
        (text(1).replace("1e0", "0"), "without area"),
    ],
)
def test_what_does_not_hold_is_named(read, content, message):
    with pytest.raises(ValueError, match=message):
        read("a.stl", content)
