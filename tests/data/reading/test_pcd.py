"""PCD files of the Point Cloud Library."""

import numpy as np
import pytest

POINTS = np.random.default_rng(0).normal(size=(6, 3)).astype("f4")
HEADER = """# .PCD v0.7 - Point Cloud Data file format
VERSION 0.7
FIELDS x y z rgb
SIZE 4 4 4 4
TYPE F F F U
COUNT 1 1 1 1
WIDTH 6
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS 6
DATA ascii
"""
LINES = "\n".join(" ".join([*(f"{value:.9g}" for value in row), "255"]) for row in POINTS) + "\n"
TEXT = HEADER + LINES


def binary(header=HEADER, points=POINTS, behind=b""):
    content = header.replace("ascii", "binary").encode()
    return content + b"".join(row.tobytes() + bytes([1, 2, 3, 4]) for row in points) + behind


def padded():
    """Fields that stand between, several of one name, one of three numbers, in doubles."""
    kinds = [("p", "u1", 2), ("z", "f8"), ("q", "u1", 3), ("y", "f8"), ("x", "f8"), ("n", "f4", 3)]
    table = np.zeros(6, np.dtype(kinds))
    for axis, values in zip("xyz", POINTS.T, strict=True):
        table[axis] = values
    header = HEADER.replace("x y z rgb", "_ z _ y x normal").replace("4 4 4 4", "1 8 1 8 8 4")
    header = header.replace("F F F U", "U F U F F F").replace("1 1 1 1", "2 1 3 1 1 3")
    return header.replace("ascii", "binary").encode() + table.tobytes()


GOOD = {
    "text": TEXT,
    "Windows line ends": TEXT.replace("\n", "\r\n"),
    "no counts": TEXT.replace("COUNT 1 1 1 1\n", "").replace("POINTS 6\n", ""),
    "small letters": TEXT.replace("FIELDS x y z", "fields X Y Z").replace("DATA", "data"),
    "rows and columns": TEXT.replace("WIDTH 6\nHEIGHT 1", "WIDTH 2\nHEIGHT 3"),
    "binary": binary(),
    "zeros behind": binary(behind=bytes(20)),
    "padded": padded(),
}


@pytest.mark.parametrize("name", GOOD)
def test_usual_writings(read, name):
    shape = read("a.pcd", GOOD[name])
    assert shape.faces is None
    assert np.allclose(shape.vertices, POINTS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            TEXT.replace("DATA ascii", "DATA binary_compressed"),
            "binary_compressed, which is not read",
        ),
        (TEXT.replace("POINTS 6", "POINTS 7"), "7 points, and 6 times 1"),
        (TEXT.replace(" 6\n", " 7\n"), "promises 7 lines, but 6 follow"),
        (TEXT + LINES, "promises 6 lines, but 12 follow"),
        (TEXT.replace(" 255", ""), "promises 192 bytes or more"),
        (binary()[:-1], "promises 96 bytes or more, which are not there"),
        (binary(behind=b"\1"), "1 bytes follow"),
        (binary(HEADER.replace(" 6\n", " 900000000\n")), "promises 14400000000 bytes or more"),
        (TEXT.replace("x y z", "east north up"), "expected x, y and z"),
        (TEXT.replace("x y z", "x x z"), "expected x, y and z"),
        (TEXT.replace("SIZE 4 4 4 4", "SIZE 4 4 4"), "for each field"),
        (TEXT.replace("SIZE 4 4 4 4", "SIZE 3 4 4 4"), "type"),
        (TEXT.replace("TYPE F F F U", "TYPE F F F O"), "types or counts that are not read"),
        (TEXT.replace("COUNT 1", "COUNT 0"), "types or counts"),
        (TEXT.replace("COUNT 1", "COUNT 2"), "types or counts"),
        (TEXT.replace("COUNT 1 1 1 1", "COUNT 1 1 1 1000000000"), "types or counts"),
        (TEXT.replace("WIDTH 6\n", ""), "width"),
        (TEXT.replace("VERSION", "COLOR"), "color"),
        (TEXT.replace("FIELDS x y z rgb", "FIELDS"), "header"),
        (TEXT.replace("255", "nan", 1), None),
        (HEADER.replace(" 6\n", " 0\n"), "neither faces nor points"),
        ("# .PCD v0.7\n", "no whole PCD header|lacks"),
    ],
)
def test_what_does_not_hold_is_named(read, content, message):
    if message is None:
        assert len(read("a.pcd", content).vertices) == 6
        return
    with pytest.raises(ValueError, match=message):
        read("a.pcd", content)
