"""What a file holds, its polygons as triangles, and what every shape is held to."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

# Steps between neighboring numbers above this part of the shape's size show.
COARSE = 1e-3
# What stands beside points, one for each, in files or arrays of its own that look like points.
BESIDE = ("normal", "normals", "color", "colors", "colour", "colours", "rgb", "labels", "faces")
# So many equal points of a cloud, and this part of all, are padding or worse.
EQUAL_POINTS, EQUAL_SHARE = 10, 0.02

EQUAL = "many of its points are one and the same, as if filled up with zeros"
ROUNDED = "it lies so far from the origin that its coordinates are rounded to steps that show"
FEW_CORNERS = "lines and points beside its faces are left out"
WHOLE = "all its coordinates are whole numbers"
CROSSING = "some of its faces cross themselves, so that their areas are not certain"


class Shape(NamedTuple):
    """What a file holds.

    Attributes:
        vertices: corners of the mesh, or the points.
        faces: triangles; None if the file holds points only.
        notes: what is doubtful about it or left out, in words that fit many files.
    """

    vertices: Shaped[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"] | None = None
    notes: tuple[str, ...] = ()


def check_shape(shape: Shape) -> Shape:
    """Return a shape in float64, with notes on what is doubtful.

    Raises:
        ValueError: It is empty, has coordinates that are not finite, faces that name vertices
            which are not there, or no area.
    """
    vertices, faces, notes = shape
    if len(vertices) == 0:
        raise ValueError("it holds neither faces nor points")
    if not np.isfinite(vertices).all():
        raise ValueError("it holds NaN or infinite coordinates")
    notes += (ROUNDED,) * is_rounded(vertices)
    vertices = vertices.astype(np.float64)
    if faces is None:
        notes += (EQUAL,) * _repeats(vertices)
    else:
        check_corners(faces, len(vertices))
        first, second, third = vertices[faces.T]  # (F, 3) each
        if not np.cross(second - first, third - first).any():
            raise ValueError(f"it has no surface to sample: {len(faces)} faces without area")
    return Shape(vertices, faces, tuple(dict.fromkeys(notes)))


def check_name(name: str) -> None:
    """Raise a ValueError if a file or an array is named after what is no points: a_normals."""
    last = re.split(r"[\W_]+", name.lower())[-1]
    if last in BESIDE:
        raise ValueError(f"it holds {last} by its name {name!r}, not points")


def check_corners(corners: Int[np.ndarray, ...], count: int) -> None:
    """Raise a ValueError unless all corners are numbers of the `count` vertices, from 0."""
    wrong = corners[(corners < 0) | (corners >= count)]
    if wrong.size:
        raise ValueError(f"a face names vertex {wrong[0]}, counted from 0, of {count} vertices")


def is_rounded(vertices: Shaped[np.ndarray, "V 3"]) -> bool:
    """Tell whether a shape is so far from the origin that its type of number is too coarse."""
    if vertices.dtype.kind != "f" or len(vertices) == 0:
        return False
    step = np.spacing(np.abs(vertices).max())
    return bool(step > COARSE * np.ptp(vertices.T.copy(), axis=1).max() > 0)


def _repeats(points: Float[np.ndarray, "N 3"]) -> bool:
    """Tell whether one point makes up much of a cloud, by a few thousand of its points."""
    some = points[:: len(points) // 2048 + 1]
    # Seen along a direction that no one would choose, different points hardly ever coincide.
    _, counts = np.unique(some @ np.array([0.5377, 0.6123, 0.5797]), return_counts=True)
    return bool(counts.max() >= max(EQUAL_POINTS, EQUAL_SHARE * len(some)))


def mesh_of_polygons(
    vertices: Shaped[np.ndarray, "V 3"],
    corners: Int[np.ndarray, " C"],
    sizes: Int[np.ndarray, " P"],
    notes: tuple[str, ...] = (),
) -> Shape:
    """Return polygons as triangles that cover the same area, concave ones too.

    Args:
        vertices: Points in space.
        corners: The corners of all polygons, one polygon after the other.
        sizes: How many corners each polygon has.
        notes: What else is to be noted of the shape.

    Raises:
        ValueError: Corners name vertices that are not there, or no polygon has three corners.
    """
    check_corners(corners, len(vertices))
    if not (sizes >= 3).any():
        raise ValueError("it holds lines or points in place of faces")
    starts = np.cumsum(sizes) - sizes
    cut = [
        _triangles(vertices, corners[starts[sizes == size, None] + np.arange(size)])
        for size in np.unique(sizes[sizes >= 3])
    ]
    notes += (FEW_CORNERS,) * bool((sizes < 3).any())
    notes += (CROSSING,) * any(crossed for _, crossed in cut)
    return Shape(vertices, np.concatenate([faces for faces, _ in cut]), notes)


def _triangles(
    vertices: Shaped[np.ndarray, "V 3"], polygons: Int[np.ndarray, "P K"]
) -> tuple[Int[np.ndarray, "F 3"], bool]:
    """Cut polygons of K corners, and tell whether some cross themselves."""
    if polygons.shape[1] == 3:
        return polygons, False
    points = vertices[polygons].astype(np.float64)  # (P, K, 3)
    points -= points[:, :1].copy()
    areas = np.cross(points[:, 1:-1], points[:, 2:])  # (P, K - 2, 3): of fans, doubled
    normals = areas.sum(axis=1)  # (P, 3)
    # A fan covers its polygon if all its triangles turn the same way.
    turns = (areas * normals[:, None]).sum(axis=-1)  # (P, K - 2)
    fits = (turns >= -1e-9 * (normals**2).sum(axis=-1, keepdims=True)).all(axis=1)
    faces, crossed = [fan_triangles(polygons[fits])], False
    import mapbox_earcut

    for row in np.flatnonzero(~fits):
        axis = int(np.abs(normals[row]).argmax())  # the polygon is seen along the axis it faces
        flat = np.delete(points[row], axis, axis=1)  # (K, 2)
        ears = mapbox_earcut.triangulate_float64(flat, np.array([len(flat)], dtype=np.uint32))
        ears = ears.reshape(-1, 3).astype(np.int64)
        one, two, three = flat[ears.T]  # (F, 2) each
        covered = np.abs(np.linalg.det(np.stack([two - one, three - one], axis=1))).sum()
        crossed |= bool(abs(covered - abs(normals[row, axis])) > 1e-6 * covered)
        faces.append(polygons[row][ears])
    return np.concatenate(faces), crossed


def fan_triangles(fans: Int[np.ndarray, "P K"]) -> Int[np.ndarray, "F 3"]:
    """Return the triangles of fans around their first corners."""
    first = np.broadcast_to(fans[:, :1], fans[:, 2:].shape)
    return np.stack([first, fans[:, 1:-1], fans[:, 2:]], axis=-1).reshape(-1, 3)


def strip_triangles(strip: Int[np.ndarray, " K"]) -> Int[np.ndarray, "F 3"]:
    """Return the triangles of a strip, every other one turned to face as the first does."""
    faces = np.stack([strip[:-2], strip[1:-1], strip[2:]], axis=1)
    faces[1::2] = faces[1::2, [1, 0, 2]]
    return faces
