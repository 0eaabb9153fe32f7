"""OBJ files as people's programs write them."""

import numpy as np
import pytest

from pcvae.data.reading.obj import NO_FACES
from pcvae.data.reading.shape import FEW_CORNERS

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
FACE = SQUARE + "f 1 2 3 4\n"

# What is written, and the area it has.
GOOD = {
    "plain": (FACE, 1),
    "old Mac line ends": (FACE.replace("\n", "\r"), 1),
    "Windows line ends": (FACE.replace("\n", "\r\n"), 1),
    "byte order mark": ("\ufeff" + FACE, 1),
    "UTF-16": (FACE.encode("utf-16"), 1),
    "Latin-1 names": (FACE.encode() + "g Stühle\n".encode("latin-1"), 1),
    "no last line end": (FACE.strip(), 1),
    "indented": (FACE.replace("\n", "\n \t"), 1),
    "tabs": (FACE.replace(" ", "\t"), 1),
    "many blanks": (FACE.replace(" ", "   "), 1),
    "comments": ("# v 9 9 9\n" + FACE.replace("\n", " # here\n"), 1),
    "a comment that ends in a backslash": ("# C:\\chairs\\\n" + FACE, 1),
    "continued lines": (SQUARE + "f 1 2 \\\n3 \\\r\n 4\n", 1),
    "a continued vertex": (FACE.replace("v 1 1 0", "v 1 \\\n1 0"), 1),
    "texture": (SQUARE + "vt 0 0\nf 1/1 2/1 3/1 4/1\n", 1),
    "normals": (SQUARE + "vn 0 0 1\nf 1//1 2//1 3//1 4//1\n", 1),
    "texture and normals": (SQUARE + "vt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 3/1/1 4/1/1\n", 1),
    "relative": (SQUARE + "f -4 -3 -2 -1\n", 1),
    "relative with normals": (SQUARE + "vn 0 0 1\nf -4//-1 -3//-1 -2//-1 -1//-1\n", 1),
    "relative and absolute": (SQUARE + "f 1 2 -2 -1\n", 1),
    "relative in two objects": ((SQUARE + "o a\nf -4 -3 -2\n") * 2, 1),
    "faces before vertices": ("f 1 2 3 4\n" + SQUARE, 1),
    "several objects": (FACE + "o b\ng c\ns off\nusemtl d\nmtllib e.mtl\nf 1 2 3\n", 1.5),
    "triangles and squares": (FACE + "f 1 2 3\n", 1.5),
    "weights": (FACE.replace(" 0\n", " 0 1.0\n"), 1),
    "colors": (FACE.replace(" 0\n", " 0 .5 .5 .5\n"), 1),
    "colors of some": (FACE.replace("v 0 0 0", "v 0 0 0 .5 .5 .5"), 1),
    "exponents": (FACE.replace("v 1 ", "v 1.0E+00 "), 1),
    "older faces": (FACE.replace("f ", "fo "), 1),
    "lines beside": (FACE + "l 1 2\n", 1),
    "points beside": (FACE + "p 1\n", 1),
    "lines and points beside": (FACE + "l 1 2\np 1\n", 1),
    "a parameter vertex": (FACE + "vp 0.5\n", 1),
}


@pytest.mark.parametrize("name", GOOD)
def test_legal_writings(read, area, name):
    content, wanted = GOOD[name]
    shape = read("a.obj", content)
    assert area(shape) == pytest.approx(wanted)
    assert np.ptp(shape.vertices, axis=0).tolist() == [1, 1, 0]
    assert shape.notes == ((FEW_CORNERS,) if "beside" in name else ())


@pytest.mark.parametrize(
    "face", ["f -4 -3 -2 -1\n", "f -4/1 -3/1 -2/1 -1/1\n", "f -4 -3 -2\nf -4 -2 -1\n"]
)
def test_relative_corners_count_from_their_own_line(read, area, face):
    shape = read("a.obj", SQUARE + face + SQUARE.replace(" 0\n", " 5\n") + face)
    assert area(shape) == pytest.approx(2)
    assert np.unique(shape.vertices[shape.faces][..., 2]).tolist() == [0, 5]


def test_vertices_alone_are_a_cloud_and_that_is_said(read, caplog):
    shape = read("a.obj", SQUARE)
    assert (shape.faces, shape.notes) == (None, (NO_FACES,))
    assert "a.obj: it has vertices and no faces" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            SQUARE + "cstype bezier\ndeg 3 3\nsurf 0 1 0 1 1 2 3 4\nend\n",
            "'cstype bezier'.*free-form",
        ),
        (FACE + "curv 0 1 1 2 3\n", "'curv 0 1 1 2 3'"),
        (FACE + "call other.obj\n", "'call other.obj'"),
        (FACE + "tetra 1 2 3 4\n", "'tetra 1 2 3 4'"),
        (SQUARE + "l 1 2 3\n", "neither faces nor points but l 1 2 3"),
        (SQUARE + "f 0 1 2\n", "vertex 0, but OBJ files count from 1"),
        (SQUARE + "f 1 2 5\n", "vertex 4, counted from 0, of 4"),
        (SQUARE + "f -5 -1 -2\n", "vertex -1"),
        ("v 0 0 0\nv 1 0 0\nf -1 -2 -3\nv 0 1 0\n", "vertex -1"),
        (SQUARE + "f 1 2 3.5\n", "an integer, got '3.5'"),
        (SQUARE + "f 1 2 x\n", "an integer, got 'x'"),
        (SQUARE + "f 1 2 1_0\n", "an integer, got '1_0'"),
        (SQUARE + "f 1 2\n", "lines or points in place"),
        (SQUARE + "v 1 2\nf 1 2 3\n", "column"),
        (SQUARE + "v\nf 1 2 3\n", "without numbers"),
        (SQUARE + "f\n", "without numbers"),
        (SQUARE + "v 0,5 0 0\nf 1 2 3\n", "0,5"),
        ("f 1 2 3\n", "neither faces nor points"),
        ("# nothing\n", "neither faces nor points"),
        ("<html><body>404</body></html>", "'<html><body>404"),
        (b"\x00\x01", "no text"),
    ],
)
def test_what_is_wrong_or_unknown_is_named(read, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read("a.obj", content)
    assert "\n" not in str(caught.value)
