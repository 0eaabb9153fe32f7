"""PLY files, in text and binary, with elements of all kinds."""

import struct

import numpy as np
import pytest

from pcvae.data.reading.shape import CROSSING, FEW_CORNERS

XYZ = "property float x\nproperty float y\nproperty float z\n"
LIST = "property list uchar int vertex_indices\n"
CORNERS = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
POINTS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
VERTICES = "element vertex 4\n" + XYZ


def text(header, body, first="ply\n", format="ascii"):
    return f"{first}format {format} 1.0\n{header}end_header\n{body}"


def faces(count, name="face", properties=LIST):
    return f"element {name} {count}\n{properties}"


def binary(order, vertex="f", index="i", polygons=((0, 1, 2, 3),), behind=b"", tail=b""):
    """A binary file: `behind` stands behind the coordinates of each vertex."""
    kind = {"<": "little", ">": "big"}[order]
    names = {"f": "float", "d": "double", "i": "int", "H": "ushort", "B": "uchar"}
    vertices = VERTICES.replace("float", names[vertex]) + "".join(
        f"property uchar c{n}\n" for n in range(len(behind))
    )
    list_ = f"property list uchar {names[index]} vertex_index\n"
    header = text(
        vertices + faces(len(polygons), "face", list_), "", format=f"binary_{kind}_endian"
    )
    body = b"".join(struct.pack(f"{order}3{vertex}", *corner) + behind for corner in CORNERS)
    for polygon in polygons:
        body += struct.pack(f"{order}B{len(polygon)}{index}", len(polygon), *polygon)
    return header.encode() + body + tail


SQUARE = text(VERTICES + faces(1), POINTS + "4 0 1 2 3\n")
BOTH = ((0, 1, 2, 3), (0, 1, 2))
GOOD = {
    "plain": (SQUARE, 1),
    "vertex_index": (SQUARE.replace("vertex_indices", "vertex_index"), 1),
    "capitals": (
        SQUARE.replace("float x", "float X").replace("vertex_indices", "Vertex_Indices"),
        1,
    ),
    "Windows line ends": (SQUARE.replace("\n", "\r\n"), 1),
    "old Mac line ends": (SQUARE.replace("\n", "\r"), 1),
    "byte order mark": ("\ufeff" + SQUARE, 1),
    "comments": (SQUARE.replace("element v", "comment end_header of a\nobj_info b\nelement v"), 1),
    "names of sizes": (SQUARE.replace("float", "float32").replace("uchar int", "uint8 int32"), 1),
    "mixed polygons": (text(VERTICES + faces(2), POINTS + "4 0 1 2 3\n3 0 1 2\n"), 1.5),
    "colors": (
        text(
            VERTICES + "property uchar red\n" + faces(1), POINTS.replace("0\n", "0 9\n") + "3 0 1 2"
        ),
        0.5,
    ),
    "texture of faces": (
        text(
            VERTICES + faces(1, "face", LIST + "property list uchar float texcoord\n"),
            POINTS + "4 0 1 2 3 8 0 0 1 0 1 1 0 1\n",
        ),
        1,
    ),
    "mixed polygons with texture": (
        text(
            VERTICES
            + faces(2, "face", "property int flags\n" + LIST + "property list uchar float t\n"),
            POINTS + "7 4 0 1 2 3 2 .5 .5\n7 3 0 1 2 0\n",
        ),
        1.5,
    ),
    "elements of other kinds": (
        text(
            "element camera 1\nproperty float view\n"
            + VERTICES
            + "element material 2\nproperty int a\n"
            + faces(1),
            "5\n" + POINTS + "1\n2\n4 0 1 2 3\n",
        ),
        1,
    ),
    "edges beside": (
        text(
            VERTICES + faces(1) + "element edge 1\nproperty int vertex1\nproperty int vertex2\n",
            POINTS + "4 0 1 2 3\n0 1\n",
        ),
        1,
    ),
    "strips": (text(VERTICES + faces(1, "tristrips"), POINTS + "4 0 1 3 2\n"), 1),
    "strips that begin anew": (
        text(VERTICES + faces(1, "tristrips"), POINTS + "7 0 1 2 -1 0 2 3\n"),
        1,
    ),
    "several strips": (
        text(VERTICES + faces(2, "tristrips"), POINTS + "3 0 1 2\n5 0 2 3 -1 0\n"),
        1,
    ),
    "strips and faces": (
        text(VERTICES + faces(1) + faces(1, "tristrips"), POINTS + "3 0 1 2\n3 0 2 3\n"),
        1,
    ),
    "little endian": (binary("<"), 1),
    "big endian": (binary(">"), 1),
    "doubles": (binary("<", "d"), 1),
    "short indices": (binary(">", "f", "H"), 1),
    "colors in binary": (binary("<", behind=b"\1\2\3"), 1),
    "mixed polygons in binary": (binary("<", polygons=BOTH), 1.5),
    "mixed polygons, big endian": (binary(">", polygons=BOTH[::-1]), 1.5),
    "a line end behind": (binary("<", tail=b"\n"), 1),
    "Windows line ends before binary": (
        binary("<").replace(b"\n", b"\r\n", binary("<").split(b"end_header")[0].count(b"\n") + 1),
        1,
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_legal_writings(read, area, name):
    content, wanted = GOOD[name]
    shape = read("a.ply", content)
    assert area(shape) == pytest.approx(wanted)
    assert np.ptp(shape.vertices, axis=0).tolist() == [1, 1, 0]
    assert shape.notes == ((FEW_CORNERS,) if "edges" in name else ())
    assert CROSSING not in shape.notes


@pytest.mark.parametrize("more", ["", faces(0), "element edge 0\nproperty int vertex1\n"])
def test_points_alone(read, more):
    shape = read("a.ply", text(VERTICES + more, POINTS))
    assert (shape.faces, len(shape.vertices)) == (None, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (text("element vertex 400\n" + XYZ, POINTS), "promises 400 lines, but 4 follow"),
        (text("element vertex 3\n" + XYZ, POINTS), "promises 3 lines, but 4 follow"),
        (text("element vertex 4000000000\n" + XYZ, POINTS), "promises 4000000000 lines"),
        (text(VERTICES, POINTS.replace("0 0 0", "0 0")), "longer|cut short|columns"),
        (text(VERTICES, POINTS.replace("\n", " 0\n")), "'vertex' are longer"),
        (SQUARE.replace("4 0 1 2 3", "5 0 1 2 3"), "'vertex_indices' cannot be read: it is cut"),
        (SQUARE.replace("4 0 1 2 3", "3 0 1 2 3"), "'face' are longer"),
        (SQUARE.replace("4 0 1 2 3", "-1 0 1 2 3"), "cannot be read"),
        (SQUARE.replace("4 0 1 2 3", "4 0 1 2 4"), "vertex 4"),
        (SQUARE.replace("4 0 1 2 3", "4 0 1 2 2.5"), "not whole"),
        (SQUARE.replace("4 0 1 2 3", "4 0 1 2 x"), "'x'"),
        (SQUARE.replace("4 0 1 2 3", "2 0 1"), "lines or points in place"),
        (binary("<")[:-1], "cut short"),
        (binary("<", tail=b"\1" * 9), "9 bytes follow"),
        (binary("<").replace(b"vertex 4", b"vertex 4000000000"), "which are not there"),
        (binary("<").replace(b"face 1", b"face 4000000000"), "which are not there"),
        (SQUARE.replace("element face", "element polygon"), "not read: 'polygon'"),
        (SQUARE.replace("element face", "element range_grid"), "not read: 'range_grid'"),
        (
            SQUARE.replace("vertex_indices", "corners"),
            "list vertex_indices of 'face', found corners",
        ),
        (SQUARE.replace("float x", "float east"), "x, y and z .found: east, y, z"),
        (
            text(
                VERTICES + "element edge 1\nproperty int vertex1\nproperty int vertex2\n",
                POINTS + "0 1\n",
            ),
            "edges in place of faces",
        ),
        (text(VERTICES.replace("float z", "real z"), POINTS), "header says 'property real z'"),
        (SQUARE.replace("element face", "element vertex"), "header says 'element vertex 1'"),
        (SQUARE.replace("ascii", "binary_middle_endian"), "header says 'format binary_middle"),
        (SQUARE.replace("ascii 1.0", "ascii 2.0"), "header says"),
        (SQUARE[:60], "no whole PLY header"),
        ("obj\n", "no whole PLY header"),
        (text("element vertex 0\n" + XYZ, ""), "neither faces nor points"),
        (text("element vertex -4\n" + XYZ, POINTS), "-4"),
        (text("element vertex 4\n", POINTS), "no vertices with x, y and z"),
    ],
)
def test_what_does_not_hold_or_is_unknown_is_named(read, content, message):
    with pytest.raises(ValueError, match=message):
        read("a.ply", content)
