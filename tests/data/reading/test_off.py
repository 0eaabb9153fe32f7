"""OFF files as people's programs write them."""

import pytest

from pcvae.data.reading.shape import FEW_CORNERS

POINTS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
FACE = "4 0 1 2 3\n"
COLORED = POINTS.replace("0\n", "0 255 0 0 255\n")

GOOD = {
    "plain": ("OFF\n4 1 4\n" + POINTS + FACE, 1),
    "no edges": ("OFF\n4 1\n" + POINTS + FACE, 1),
    "counts on the line of the word": ("OFF 4 1 0\n" + POINTS + FACE, 1),
    "counts glued to the word": ("OFF4 1 0\n" + POINTS + FACE, 1),
    "no word": ("4 1 0\n" + POINTS + FACE, 1),
    "small letters": ("off\n4 1 0\n" + POINTS + FACE, 1),
    "byte order mark": ("\ufeffOFF\n4 1 0\n" + POINTS + FACE, 1),
    "comments and blank lines": ("# a\nOFF # b\n\n# c\n4 1 0\n" + POINTS + "# d\n\n" + FACE, 1),
    "comments before the word": ("# made by hand\n\nOFF\n4 1 0\n" + POINTS + FACE, 1),
    "Windows line ends": (("OFF\n4 1 0\n" + POINTS + FACE).replace("\n", "\r\n"), 1),
    "colors of vertices": ("COFF\n4 1 0\n" + COLORED + FACE, 1),
    "colors without a word": ("OFF\n4 1 0\n" + COLORED + FACE, 1),
    "normals": ("NOFF\n4 1 0\n" + POINTS.replace("0\n", "0 0 0 1\n") + FACE, 1),
    "normals and colors": ("CNOFF\n4 1 0\n" + POINTS.replace("0\n", "0 0 0 1 9 9 9 9\n") + FACE, 1),
    "normals and colors, Open3D's way": (
        "NCOFF\n4 1 0\n" + POINTS.replace("0\n", "0 0 0 1 9 9 9 9\n") + FACE,
        1,
    ),
    "all of them, MeshLab's way": (
        "NCSTOFF\n4 1 0\n" + POINTS.replace("0\n", "0 0 0 1 9 9 9 9 .5 .5\n") + FACE,
        1,
    ),
    "texture": ("STOFF\n4 1 0\n" + POINTS.replace("0\n", "0 .5 .5\n") + FACE, 1),
    "whole colors of faces": ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 3 255 0 0\n", 1),
    "fractions as colors of faces": ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 3 0.5 0.5 0.5\n", 1),
    "colors of some faces": ("OFF\n4 2 0\n" + POINTS + "3 0 1 2 9 9 9\n3 0 2 3\n", 1),
    "mixed faces": ("OFF\n4 2 0\n" + POINTS + FACE + "3 0 1 2\n", 1.5),
    "rows of one length, faces of two": ("OFF\n4 2 0\n" + POINTS + FACE + "3 0 1 2 9\n", 1.5),
    "lines beside": ("OFF\n4 2 0\n" + POINTS + FACE + "2 0 1\n", 1),
}


@pytest.mark.parametrize("name", GOOD)
def test_usual_writings(read, area, name):
    content, wanted = GOOD[name]
    shape = read("a.off", content)
    assert area(shape) == pytest.approx(wanted)
    assert shape.notes == ((FEW_CORNERS,) if "beside" in name else ())


@pytest.mark.parametrize("header", ["OFF\n4 0 0\n", "OFF 4 0\n", "COFF\n4 0 0\n"])
def test_points_alone(read, header):
    shape = read("a.off", header + POINTS)
    assert (shape.faces, len(shape.vertices)) == (None, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("OFF\n4 4 0\n" + POINTS + FACE, "says '4 4 0'.*5 lines follow: it is cut short"),
        ("OFF\n5 1 0\n" + POINTS + FACE, "5 lines follow"),
        ("OFF\n4 1 0\n" + POINTS + FACE * 2, "6 lines follow"),
        ("OFF\n3000000000 1 0\n" + POINTS + FACE, "5 lines follow"),
        ("OFF\n-4 1 0\n" + POINTS + FACE, "'-4 1 0'"),
        ("OFF\n4 1 0\n" + POINTS + "4 0 1 2\n", "a face says '4 0 1 2'"),
        ("OFF\n4 1 0\n" + POINTS + "0\n", "a face says '0'"),
        ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 4\n", "vertex 4"),
        ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 -1\n", "vertex -1"),
        ("OFF\n4 1 0\n" + POINTS + "4 0 1 2 2.5\n", "got '2.5'"),
        ("4OFF\n4 1 0\n" + POINTS + FACE, "an integer|4OFF"),
        ("nOFF\n3\n4 1 0\n" + POINTS + FACE, "'nOFF', not OFF"),
        ("OFF BINARY\n" + POINTS, "BINARY"),
        ("OFF\n", "no|integer|says"),
        ("OFF\n0 0 0\n", "neither faces nor points"),
        ("solid a\n", "'solid a', not OFF"),
    ],
)
def test_what_does_not_hold_is_named(read, content, message):
    with pytest.raises(ValueError, match=message):
        read("a.off", content)
