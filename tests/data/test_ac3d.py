"""AC3D files."""

import numpy as np
import pytest

from pcvae.data.ac3d import read_ac3d

SQUARE = """OBJECT poly
name "{name}"
data 14
kids 3
OBJECT
{place}texture "skin.rgb"
numvert 4
0 0 0
1 0 0

1 1 0
0 1 0
numsurf {surfaces}
kids {kids}"""
POLYGON = "1\nSURF 0x20\nmat 0\nrefs 4\n0 0 0\n1 1 0\n2 1 1\n3 0 1"
STRIP = "1\nSURF 0x34\nmat 0\nrefs 4\n0 0 0\n1 1 0\n3 0 1\n2 1 1"
LINE = "1\nSURF 0x02\nmat 0\nrefs 2\n0 0 0\n1 1 0"


def square(name="square", place="", surfaces=POLYGON, kids=0):
    return SQUARE.format(name=name, place=place, surfaces=surfaces, kids=kids)


def world(*objects):
    header = 'AC3Db\nMATERIAL "white" rgb 1 1 1 amb 1 1 1 emis 0 0 0 spec 1 1 1 shi 10 trans 0'
    return "\n".join([header, "OBJECT world", f"kids {len(objects)}", *objects]) + "\n"


def areas(mesh):
    corners = mesh.vertices[mesh.faces]
    return np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )


@pytest.mark.parametrize("surfaces", [POLYGON, STRIP])
def test_surfaces_become_triangles_that_face_one_way(surfaces):
    mesh = read_ac3d(world(square(surfaces=surfaces)))
    assert np.allclose(mesh.vertices, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    assert areas(mesh).tolist() == [1, 1]  # doubled
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.allclose(normals, [0, 0, 1])


def test_lines_are_no_surfaces():
    mesh = read_ac3d(world(square(surfaces=LINE), square()))
    assert mesh.faces.tolist() == [[4, 5, 6], [4, 6, 7]]


def test_objects_are_moved_with_their_parents():
    quarter = "rot 0 1 0 -1 0 0 0 0 1\n"  # x to y, y to -x
    child = square("child", "loc 2 0 0\n")
    parent = square("parent", f"{quarter}loc 10 0 0\n", kids=1) + "\n" + child
    vertices = read_ac3d(world(parent)).vertices
    assert np.allclose(vertices[:3], [[10, 0, 0], [10, 1, 0], [9, 1, 0]])
    assert np.allclose(vertices[4:7], [[10, 2, 0], [10, 3, 0], [9, 3, 0]])


def test_unwanted_objects_go_with_all_below_them():
    parent = square("lights", kids=1) + "\n" + square("lamp")
    text = world(parent, square("wing"))
    assert len(read_ac3d(text).faces) == 6
    assert len(read_ac3d(text, lambda name: name != "lights").faces) == 2
    with pytest.raises(ValueError, match="none that are wanted"):
        read_ac3d(text, lambda name: False)


def test_missing_children_are_no_damage():
    text = world(square(), square()).replace("kids 2", "kids 5", 1)
    assert len(read_ac3d(text).faces) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin"),
        ("ply\n", "does not begin"),
        ("AC3Db\n", "no objects"),
        (world(square())[:-30], "cut short"),
        (world(square()).replace("2 1 1", "9 1 1"), "too high"),
        (world(square()).replace("1 1 0\n0 1 0", "1 x 0\n0 1 0"), "convert"),
    ],
)
def test_damage_is_told(text, message):
    with pytest.raises(ValueError, match=message):
        read_ac3d(text)
