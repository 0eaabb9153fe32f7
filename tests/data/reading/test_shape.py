"""Polygons cut into triangles, and what every shape is held to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcvae.data.reading.shape import (
    CROSSING,
    EQUAL,
    FEW_CORNERS,
    ROUNDED,
    Shape,
    check_shape,
    fan_triangles,
    mesh_of_polygons,
    strip_triangles,
)

L_SHAPED = np.array([[4, 0], [4, 1], [1, 1], [1, 4], [0, 4], [0, 0]], float)


def polygon(flat, turned=None, moved=(0, 0, 0)):
    """Put a polygon (K, 2) somewhere in space, as a mesh of one face."""
    points = np.column_stack([flat, np.zeros(len(flat))]) @ (
        np.eye(3) if turned is None else turned
    )
    return mesh_of_polygons(points + moved, np.arange(len(flat)), np.array([len(flat)]))


@settings(max_examples=60, deadline=None)
@given(
    radii=st.lists(st.floats(0.05, 1), min_size=3, max_size=40),
    seed=st.integers(0, 1000),
    far=st.sampled_from([0, 1e6]),
)
def test_stars_keep_their_area_wherever_they_stand(area_of, radii, seed, far):
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    flat = np.array(radii)[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    x, y = np.roll(flat, seed % len(flat), axis=0).T
    wanted = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    shape = polygon(np.column_stack([x, y]), turned, far)
    assert area_of(shape) == pytest.approx(wanted, rel=1e-5)
    assert CROSSING not in shape.notes


@pytest.fixture(scope="module")
def area_of():
    def measure(shape):
        first, second, third = shape.vertices[shape.faces.T]
        return np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2

    return measure


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("step", [1, -1])
def test_concave_faces_keep_their_area_from_any_corner_both_ways(area_of, start, step):
    assert area_of(polygon(np.roll(L_SHAPED, start, axis=0)[::step])) == pytest.approx(7)


def test_a_face_around_a_hole_joined_by_a_bridge_keeps_the_hole(area_of):
    outer, inner = [[0, 0], [3, 0], [3, 3], [0, 3]], [[1, 1], [1, 2], [2, 2], [2, 1]]
    face = np.array([*outer, outer[0], *inner, inner[0]], float)
    assert area_of(polygon(face)) == pytest.approx(8)


def test_nearly_flat_concave_faces_stay_near_their_area(area_of):
    points = np.column_stack([L_SHAPED, [0.01, 0, 0.01, 0, 0, 0.01]])
    shape = mesh_of_polygons(points, np.arange(6), np.array([6]))
    assert area_of(shape) == pytest.approx(7, rel=1e-3)


def test_faces_that_cross_themselves_are_noted():
    assert CROSSING in polygon(np.array([[0, 0], [4, 0], [0, 3], [5, 3]], float)).notes


def test_mixed_sizes_are_cut_and_lines_among_them_noted(area_of):
    flat = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    points = np.column_stack([flat, np.zeros(4)])
    corners = np.array([0, 1, 2, 3, 0, 1, 0, 1, 2])
    shape = mesh_of_polygons(points, corners, np.array([4, 2, 3]))
    assert (area_of(shape), len(shape.faces), shape.notes) == (1.5, 3, (FEW_CORNERS,))
    with pytest.raises(ValueError, match="lines or points in place of faces"):
        mesh_of_polygons(points, corners[:2], np.array([2]))


def test_strips_and_fans():
    assert strip_triangles(np.arange(5)).tolist() == [[0, 1, 2], [2, 1, 3], [2, 3, 4]]
    assert fan_triangles(np.arange(4)[None]).tolist() == [[0, 1, 2], [0, 2, 3]]


TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], float)
FACE = np.array([[0, 1, 2]])


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (TRIANGLE[:0], None, "neither faces nor points"),
        (TRIANGLE + np.inf, None, "NaN or infinite"),
        (TRIANGLE, FACE + 1, "names vertex 3, counted from 0, of 3 vertices"),
        (TRIANGLE, FACE - 1, "names vertex -1"),
        (TRIANGLE * [1, 0, 0], FACE, "without area"),
    ],
)
def test_shapes_that_are_none_are_refused(vertices, faces, message):
    with pytest.raises(ValueError, match=message):
        check_shape(Shape(vertices, faces))


@pytest.mark.parametrize(
    ("kind", "offset", "noted"),
    [("f4", 5.4e6, True), ("f4", 10, False), ("f8", 5.4e6, False), ("f2", 300, True)],
)
def test_places_too_far_for_a_files_numbers_are_noted(kind, offset, noted):
    points = (np.random.default_rng(0).normal(size=(99, 3)) + offset).astype(kind)
    assert (ROUNDED in check_shape(Shape(points)).notes) == noted


@pytest.mark.parametrize("value", [0.0, 7.5])
def test_many_equal_points_are_noted(value):
    points = np.random.default_rng(0).normal(size=(500, 3))
    assert EQUAL not in check_shape(Shape(points)).notes
    points[400:] = value
    assert EQUAL in check_shape(Shape(points)).notes
