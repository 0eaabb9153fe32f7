"""Points on surfaces: sampling them, thinning them evenly, and bringing them into one frame.

The frame of every shape in this package is Y up, back to -Z (the front faces +Z), centered on the
middle of the bounding box, with the farthest point at distance 1 (see `to_unit_sphere`).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def sample_surface(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    count: int,
    rng: np.random.Generator,
) -> tuple[
    Float[np.ndarray, "{count} 3"], Float[np.ndarray, "{count} 3"], Int[np.ndarray, " {count}"]
]:
    """Draw points uniformly by area from a triangle mesh.

    Args:
        vertices: Corners, in any unit.
        faces: Three indices into `vertices` a triangle; the normal follows the right-hand rule.
        count: How many points to draw.
        rng: Source of randomness; equal generators give equal points.

    Returns:
        Points (count, 3) float32 in the unit of `vertices`, unit normals of their triangles
        (count, 3) float32, and the index of each point's triangle (count,).

    Raises:
        ValueError: The mesh has no area (no faces, or all of them degenerate), has coordinates
            that are not finite, or `count` is below 1.

    Source: Osada et al., "Shape Distributions", 2002, section 4.1 (the square root makes the
    barycentric coordinates uniform over the triangle).
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}.")
    corners = vertices.astype(np.float64)[faces]  # (F, 3, 3)
    origin, edges = corners[:, 0], corners[:, 1:] - corners[:, :1]
    cross = np.cross(edges[:, 0], edges[:, 1])
    doubled_area = np.linalg.norm(cross, axis=1)
    cumulative = np.cumsum(doubled_area)
    if len(cumulative) == 0 or not 0 < cumulative[-1] < np.inf:
        raise ValueError(
            f"The mesh has no surface to sample: {len(vertices)} vertices and {len(faces)} faces "
            "with a total area that is zero or not finite. Check that the file holds triangles."
        )
    # side="right" never lands on a triangle without area, whose step in the sum is empty.
    face_index = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    root, along = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    first, second = edges[face_index, 0], edges[face_index, 1]
    points = origin[face_index] + root * ((1 - along) * first + along * second)
    normals = cross[face_index] / doubled_area[face_index, None]
    return points.astype(np.float32), normals.astype(np.float32), face_index


def farthest_points(
    points: Float[np.ndarray, "N 3"], count: int, start: int = 0
) -> Int[np.ndarray, " {count}"]:
    """Thin a cloud evenly: each next point is the one farthest from all points chosen so far.

    Costs `count` passes over the cloud. Distances are compared in float32, ties go to the lowest
    index, so the answer is the same on every machine.

    Args:
        points: The cloud, in any unit.
        count: How many points to keep, at most N.
        start: Index of the first point kept.

    Returns:
        Indices into `points` (count,), all different unless the cloud holds equal points, in the
        order of choice: the first k of them are the answer for `count=k`.

    Raises:
        ValueError: `count` is not within 1..N, or `start` is not within 0..N-1.

    Source: Eldar et al., "The Farthest Point Strategy for Progressive Image Sampling", 1997.
    """
    total = len(points)
    if not 1 <= count <= total:
        raise ValueError(f"count must lie within 1..{total}, the size of the cloud; got {count}.")
    if not 0 <= start < total:
        raise ValueError(f"start must be an index within 0..{total - 1}, got {start}.")
    # Rows of coordinates, and buffers kept from step to step: no allocation within the loop.
    rows = np.ascontiguousarray(points.T, dtype=np.float32)  # (3, N)
    offset, distance = np.empty_like(rows), np.empty_like(rows[0])
    nearest = np.full(total, np.inf, dtype=np.float32)  # squared, to the points chosen so far
    chosen = np.empty(count, dtype=np.int64)
    index = start
    for step in range(count):
        chosen[step] = index
        np.subtract(rows, rows[:, index, None], out=offset)
        np.multiply(offset, offset, out=offset)
        np.add(offset[0], offset[1], out=distance)
        np.add(distance, offset[2], out=distance)
        np.minimum(nearest, distance, out=nearest)
        index = int(nearest.argmax())
    return chosen


def to_unit_sphere(
    points: Float[np.ndarray, "N 3"],
) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, " 3"], float]:
    """Center a cloud on its bounding box and scale its farthest point to distance 1.

    Args:
        points: The cloud, in any unit.

    Returns:
        The cloud (N, 3) float32 in the unit sphere, its center (3,) float32 and its radius, both in
        the unit given: `points == cloud * radius + center` to rounding.

    Raises:
        ValueError: The cloud is empty, not finite, or all its points are one and the same.
    """
    if len(points) == 0 or not np.isfinite(points).all():
        raise ValueError(
            f"Expected one finite point or more, got {len(points)} points, some of "
            "them perhaps NaN or infinite."
        )
    center, radius = (found.squeeze() for found in bounding_spheres(points))
    if radius == 0:
        raise ValueError(
            f"All {len(points)} points lie at {points[0].tolist()}: a cloud without size cannot "
            "be scaled to the unit sphere."
        )
    cloud = ((points - center) / radius).astype(np.float32)
    return cloud, center.astype(np.float32), float(radius)


def bounding_spheres(
    clouds: Float[np.ndarray, "*S N 3"],
) -> tuple[Float[np.ndarray, "*S 1 3"], Float[np.ndarray, "*S 1 1"]]:
    """Return the middle of each cloud's bounding box, and the distance of its farthest point.

    Args:
        clouds: one or more, in any unit.

    Returns:
        Centers and radii in that unit, in double precision.
    """
    wide = clouds.astype(np.float64)
    center = (wide.min(axis=-2, keepdims=True) + wide.max(axis=-2, keepdims=True)) / 2
    radius = np.linalg.norm(wide - center, axis=-1, keepdims=True).max(axis=-2, keepdims=True)
    return center, radius


def z_up_to_y_up(points: Float[np.ndarray, "*S 3"]) -> Float[np.ndarray, "*S 3"]:
    """Turn points about the X axis: what points up along Z comes to Y, what faces -Y faces +Z."""
    return points[..., [0, 2, 1]] * np.array([1, 1, -1], dtype=points.dtype)
