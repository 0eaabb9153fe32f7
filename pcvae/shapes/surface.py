"""Surfaces as triangles: rings of points are lofted into parts, parts make a surface.

Everything here works on a batch of S shapes at once. All shapes of a batch have the same triangles
and differ in where the corners are, so that three thousand chairs are a few array operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

Number = float | int | np.ndarray | np.number  # the same for all shapes, or one value a shape: (S,)
Span = tuple[Number, Number]  # lower and upper end along an axis


class Samples(NamedTuple):
    """Points drawn from surfaces, with the part each belongs to and its outward normal."""

    points: Float[np.ndarray, "S N 3"]
    labels: UInt8[np.ndarray, "S N"]
    normals: Float[np.ndarray, "S N 3"]


@dataclass(frozen=True)
class Part:
    """One solid or sheet of every shape in the batch; `shown` tells which shapes have it."""

    label: int
    vertices: Float[np.ndarray, "S V 3"]
    faces: Int[np.ndarray, "F 3"]
    shown: Bool[np.ndarray, " S"] | None = None

    def mirrored(self) -> Part:
        """Mirror left and right; the corners' order is turned, so normals keep pointing out."""
        flipped = self.vertices * np.array([-1.0, 1.0, 1.0])
        return Part(self.label, flipped, self.faces[:, ::-1], self.shown)


@dataclass(frozen=True)
class Surface:
    """The surfaces of S shapes, inside the unit sphere.

    Attributes:
        vertices: Corners. The bounding box is centered at 0, the farthest corner has norm 1.
        faces: Corners of each triangle, counter-clockwise seen from outside.
        labels: Part of each triangle.
        scale: Cloud units per unit of the factors: 0.012 means that 1 cm became 0.012.
    """

    vertices: Float[np.ndarray, "S V 3"]
    faces: Int[np.ndarray, "F 3"]
    labels: UInt8[np.ndarray, " F"]
    scale: Float[np.ndarray, " S"]

    def __len__(self) -> int:
        return len(self.vertices)

    def sample(self, count: int, rng: np.random.Generator) -> Samples:
        """Draw `count` points of each shape, uniformly over its area.

        A triangle is drawn with a probability proportional to its area, then a point uniformly
        within it (Osada et al., "Shape distributions", 2002, section 4.1).
        """
        a, b, c = (self.vertices[:, self.faces[:, i]] for i in range(3))
        cross = np.cross(b - a, c - a)  # (S, F, 3) normals, as long as twice the areas
        doubled = np.linalg.norm(cross, axis=-1)  # (S, F) twice the areas
        shape, face = _draw_faces(doubled, count, rng)
        corners = self.vertices[shape, self.faces[face].transpose(2, 0, 1)]  # (3, S, N, 3)
        points = _draw_within(corners, rng)
        normals = (cross / np.maximum(doubled, 1e-20)[..., None])[shape, face]
        return Samples(points, self.labels[face], normals)


def _draw_faces(
    areas: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw triangles by area; returns shape (S, 1) and triangle (S, N)."""
    num_shapes, num_faces = areas.shape
    shape = np.arange(num_shapes)[:, None]
    steps = np.cumsum(areas, axis=1, dtype=np.float64)
    # Shape s owns the interval [s, s + 1), so one sorted search serves the whole batch.
    ladder = shape + steps / steps[:, -1:]
    target = shape + rng.random((num_shapes, count))
    rung = np.searchsorted(ladder.ravel(), target.ravel(), side="right").reshape(target.shape)
    return shape, np.minimum(rung - shape * num_faces, num_faces - 1)


def _draw_within(corners: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a point uniformly in each triangle: corners (3, S, N, 3) -> points (S, N, 3)."""
    a, b, c = corners
    s, t = rng.random((2, *a.shape[:-1], 1), dtype=np.float32)
    s = np.sqrt(s)  # the root makes strips of equal area equally likely
    return (1 - s) * a + s * ((1 - t) * b + t * c)


def assemble(parts: Sequence[Part]) -> Surface:
    """Join parts (in any unit) into surfaces, and move and scale each into the unit sphere.

    A part that a shape does not show is shrunk to a corner of one that it shows, so that it has no
    area and does not enlarge the bounding box.
    """
    vertices = _shown_vertices(parts)
    offsets = np.cumsum([0] + [p.vertices.shape[1] for p in parts[:-1]])
    faces = np.concatenate([p.faces + o for p, o in zip(parts, offsets, strict=True)])
    labels = np.concatenate([np.full(len(p.faces), p.label, np.uint8) for p in parts])
    center = (vertices.min(axis=1) + vertices.max(axis=1)) / 2
    vertices = vertices - center[:, None]
    scale = 1 / np.linalg.norm(vertices, axis=-1).max(axis=1)
    vertices = vertices * scale[:, None, None]
    return Surface(vertices.astype(np.float32), faces, labels, scale.astype(np.float32))


def _shown_vertices(parts: Sequence[Part]) -> np.ndarray:
    """Corners of all parts, (S, V, 3), those of hidden parts moved to the last shown part."""
    anchor = np.full(3, np.nan)
    shown = [np.ones((1, 1)) if p.shown is None else p.shown[:, None] for p in parts]
    for part, here in zip(parts, shown, strict=True):
        anchor = np.where(here, part.vertices[:, 0], anchor)  # (S, 3)
    moved = [
        np.where(here[..., None], part.vertices, anchor[:, None])
        for part, here in zip(parts, shown, strict=True)
    ]
    return np.concatenate(moved, axis=1)


def vec(x: Number, y: Number, z: Number) -> Float[np.ndarray, "*S 3"]:
    """Join three coordinates, each a number or one value a shape."""
    return np.stack(np.broadcast_arrays(*(np.asarray(c, float) for c in (x, y, z))), axis=-1)


def ellipse(
    center: np.ndarray, u: np.ndarray, v: np.ndarray, sides: int = 24
) -> Float[np.ndarray, "*S K 3"]:
    """Ring around `center` with half axes u and v, counter-clockwise around u x v."""
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)[:, None]  # (K, 1)
    return center[..., None, :] + np.cos(turn) * u[..., None, :] + np.sin(turn) * v[..., None, :]


def rectangle(center: np.ndarray, u: np.ndarray, v: np.ndarray) -> Float[np.ndarray, "*S 4 3"]:
    """Four corners at center +- u +- v, counter-clockwise around u x v."""
    return np.stack(
        np.broadcast_arrays(center + u + v, center - u + v, center - u - v, center + u - v), axis=-2
    )


def circle(radius: Number, y: Number, sides: int = 24) -> np.ndarray:
    """Level circle around the vertical axis, counter-clockwise seen from above."""
    return ellipse(vec(0, y, 0), vec(radius, 0, 0), vec(0, 0, -np.asarray(radius)), sides)


def loft(
    label: int, rings: Sequence[np.ndarray], shown: np.ndarray | None = None, caps: bool = True
) -> Part:
    """Stretch a skin over rings of K points each, and close both ends if `caps`.

    Each ring must run counter-clockwise around the direction in which the rings follow each other;
    then normals point out of the solid.
    """
    stacked = np.stack(np.broadcast_arrays(*rings), axis=-3)  # (S, R, K, 3)
    num_rings, sides = stacked.shape[-3:-1]
    grid = np.arange(num_rings * sides).reshape(num_rings, sides)
    faces = [_skin(grid)] + ([_fan(grid[0, ::-1]), _fan(grid[-1])] if caps else [])
    vertices = stacked.reshape(-1, num_rings * sides, 3)
    return Part(label, vertices, np.concatenate(faces), shown)


def _skin(grid: np.ndarray) -> np.ndarray:
    """Two triangles for each cell between neighboring rings."""
    a, b = grid[:-1], grid[1:]
    a_next, b_next = np.roll(a, -1, axis=1), np.roll(b, -1, axis=1)
    cells = np.stack([[a, a_next, b_next], [a, b_next, b]])  # (2, 3, R - 1, K)
    return cells.transpose(0, 2, 3, 1).reshape(-1, 3)


def _fan(ring: np.ndarray) -> np.ndarray:
    """Triangles that fill a convex ring."""
    return np.stack([np.full(len(ring) - 2, ring[0]), ring[1:-1], ring[2:]], axis=-1)


def box(
    label: int, x: Span, y: Span, z: Span, lean: Number = 0.0, shown: np.ndarray | None = None
) -> Part:
    """Box between two values of each coordinate; its top is moved by `lean` along z."""
    middle_x, middle_z = (x[0] + x[1]) / 2, (z[0] + z[1]) / 2
    u, v = vec((x[1] - x[0]) / 2, 0, 0), vec(0, 0, (z[0] - z[1]) / 2)
    bottom = rectangle(vec(middle_x, y[0], middle_z), u, v)
    top = rectangle(vec(middle_x, y[1], middle_z + lean), u, v)
    return loft(label, [bottom, top], shown)


def lathe(
    label: int,
    profile: Sequence[tuple[Number, Number]],
    shown: np.ndarray | None = None,
    caps: bool = True,
    sides: int = 24,
) -> Part:
    """Turn a profile of (radius, height) pairs, outside upward, around the vertical axis."""
    return loft(label, [circle(radius, y, sides) for radius, y in profile], shown, caps)
