"""Random things put together of plates, turned bodies and tubes: shapes to learn shape from.

A model that has seen 141 real things knows those by heart and no others. These have no factors and
are of no use by themselves; they are to show it that legs can stand in a ring, necks can bend and
bowls have handles. Lengths are relative, Y is up and the back is at -Z.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from pcvae.shapes.surface import Part, assemble, box, ellipse, loft, vec

SIDES, RINGS, STRETCH = 24, 12, 0.3
Drawn = np.random.Generator


def assembly(rng: Drawn, num_points: int) -> Float[np.ndarray, "N 3"]:
    """Return points of one random thing, in the unit sphere."""
    kind: Callable[[Drawn], list[Part]] = rng.choice(KINDS)
    scale = np.exp(rng.uniform(-STRETCH, STRETCH, 3))
    parts = [Part(0, scale * part.vertices, part.faces) for part in kind(rng)]
    return assemble(parts).sample(num_points, rng).points[0]


# Pieces


def _plate(rng: Drawn, x: float, z: float, low: float, high: float) -> Part:
    """A board whose outline is a rectangle, an ellipse, or between the two."""
    if rng.random() < 0.5:
        return box(0, (-x, x), (low, high), (-z, z))
    power = rng.choice([1.0, 1.0, 0.5])
    rings = [ellipse(vec(0, y, 0), vec(1, 0, 0), vec(0, 0, -1), 2 * SIDES) for y in (low, high)]
    bent = [np.sign(r) * np.abs(r) ** power * [x, 1, z] for r in rings]
    for ring, y in zip(bent, (low, high), strict=True):
        ring[..., 1] = y
    return loft(0, bent)


def _profile(rng: Drawn, smooth: bool) -> Float[np.ndarray, " R"]:
    """Radii from bottom to top, the largest 1."""
    knots = rng.integers(2, 7)
    radii = np.exp(np.cumsum(rng.normal(0, 0.45, knots)))
    places = np.sort(rng.random(knots))
    places[0], places[-1] = 0, 1
    ups = np.linspace(0, 1, RINGS)
    if smooth:
        found = np.exp(np.interp(ups, places, np.log(radii)))
        found = np.convolve(np.pad(found, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    else:
        found = radii[np.searchsorted(places, ups, side="right") - 1]
    return np.clip(found / found.max(), 0.08, 1)


def _turned(
    radii: np.ndarray, low: float, high: float, at: tuple[float, float] = (0, 0), squash: float = 1
) -> Part:
    """A body turned around an upright axis."""
    heights = np.linspace(low, high, len(radii))
    return loft(
        0,
        [
            ellipse(vec(at[0], y, at[1]), vec(r, 0, 0), vec(0, 0, -r * squash), SIDES)
            for r, y in zip(radii, heights, strict=True)
        ],
    )


def _tube(path: Float[np.ndarray, "P 3"], radius: float) -> Part:
    """A bent rod along a path."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    aside = np.cross(along, [0.31, 0.17, 0.94])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    other = np.cross(along, aside)
    return loft(
        0,
        [
            ellipse(p, radius * u, radius * v, 10)
            for p, u, v in zip(path, aside, other, strict=True)
        ],
    )


def _turn(part: Part, angle: float) -> Part:
    """Turn a part around the upright axis."""
    c, s = np.cos(angle), np.sin(angle)
    return Part(0, part.vertices @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]), part.faces)


def _arc(points: list[tuple[float, float]]) -> Float[np.ndarray, "P 3"]:
    """A smooth path in the plane x = 0 by way of points (z, y)."""
    knots = np.array(points)
    fine = np.linspace(0, len(knots) - 1, 3 * len(knots) + 4)
    z, y = (np.interp(fine, np.arange(len(knots)), column) for column in knots.T)
    return np.stack([np.zeros_like(y), y, z], axis=1)


def _legs(rng: Drawn, x: float, z: float, high: float) -> list[Part]:
    """Three to six legs in a ring, or four at corners; they may lean outward and taper."""
    count, thick = rng.choice([3, 4, 4, 5, 6]), rng.uniform(0.01, 0.06)
    ring, splay = count != 4 or rng.random() < 0.4, rng.choice([0.0, rng.uniform(0, 0.25)])
    turns = 2 * np.pi * (np.arange(count) + rng.choice([0.0, 0.5])) / count
    places = [(np.cos(t), np.sin(t)) for t in turns]
    if not ring:
        places = [(a, b) for a in (-1, 1) for b in (-1, 1)]
    inset = rng.uniform(0.6, 0.97)
    made = []
    for a, b in places:
        foot = np.array([a * x * (inset + splay), 0, b * z * (inset + splay)])
        top = np.array([a * x * inset, high, b * z * inset])
        ends = [foot + (top - foot) * share for share in (0, 0.5, 1)]
        made.append(_tube(np.array(ends), thick))
    return made


def _stand(rng: Drawn, x: float, z: float, high: float) -> list[Part]:
    """What carries a seat or a top."""
    kind = rng.integers(5)
    if kind <= 1:
        return _legs(rng, x, z, high)
    if kind == 2:  # a column on a foot, or on spokes
        foot, thick = rng.uniform(0.4, 0.9) * min(x, z), rng.uniform(0.03, 0.15)
        column = _turned(thick * _profile(rng, True), 0.05 * high, high)
        if rng.random() < 0.5:
            return [column, _turned(np.array([1.0, 1.0, 0.3]) * foot, 0, 0.08 * high)]
        count = rng.integers(3, 7)
        spoke = _tube(_arc([(0, 0.12 * high), (foot, 0.03)]), 0.03)
        return [column, *(_turn(spoke, 2 * np.pi * i / count) for i in range(count))]
    if kind == 3:  # two panels or trestles
        thick, inset = rng.uniform(0.02, 0.1), rng.uniform(0.6, 1)
        panel = box(0, (inset * x - thick, inset * x), (0, high), (-0.9 * z, 0.9 * z))
        return [panel, panel.mirrored()]
    inset = rng.uniform(0.7, 1)  # a block
    return [box(0, (-inset * x, inset * x), (rng.choice([0, 0.3]) * high, high), (-z, z))]


# Things


def _table(rng: Drawn) -> list[Part]:
    """A top on a stand, perhaps with a shelf, a frame or a block of drawers below."""
    x, z, high = rng.uniform(0.4, 1.6), rng.uniform(0.35, 0.8), rng.uniform(0.3, 1.2)
    if rng.random() < 0.3:
        x = z
    thick = rng.uniform(0.02, 0.12)
    parts = [_plate(rng, x, z, high - thick, high), *_stand(rng, x, z, high - thick)]
    if rng.random() < 0.3:
        low = rng.uniform(0.1, 0.7) * high
        parts.append(box(0, (-0.85 * x, 0.85 * x), (low, low + 0.03), (-0.85 * z, 0.85 * z)))
    if rng.random() < 0.2:
        side = np.sort(rng.uniform(-0.95, 0.95, 2)) * x
        low = rng.uniform(0, 0.6) * high
        parts.append(box(0, tuple(side), (low, high - thick), (-0.9 * z, 0.9 * z)))
    return parts


def _seat(rng: Drawn) -> list[Part]:
    """Stools, chairs, benches and sofas."""
    x, z = np.exp(rng.uniform(np.log(0.3), np.log(1.5))), rng.uniform(0.3, 0.6)
    low, thick = rng.uniform(0.1, 0.9), np.exp(rng.uniform(np.log(0.03), np.log(0.4)))
    top = low + thick
    parts = [_plate(rng, x, z, low, top), *_stand(rng, x, z, low)]
    if rng.random() < 0.9:
        parts += _back(rng, x, z, top)
    if rng.random() < 0.6:
        parts += _arms(rng, x, z, top)
    for i in range(rng.choice([0, 0, 1, 2, 3])):  # cushions
        width, gap = 2 * x / 3, rng.uniform(0, 0.05)
        left = -x + i * width + gap
        parts.append(box(0, (left, left + width - gap), (top, top + 0.12), (-0.8 * z, 0.9 * z)))
    return parts


def _back(rng: Drawn, x: float, z: float, low: float) -> list[Part]:
    """A board, upright slats or rungs; it may lean."""
    high, thick = low + rng.uniform(0.2, 1.0), rng.uniform(0.03, 0.3)
    lean, wide = -rng.uniform(0, 0.4) * (high - low), rng.uniform(0.7, 1) * x
    rear = (-z, -z + thick)
    kind = rng.integers(3)
    if kind == 0:
        return [box(0, (-wide, wide), (low, high), rear, lean)]
    count = rng.integers(2, 7)
    if kind == 1:
        half = wide * rng.uniform(0.1, 0.45) / count
        middles = np.linspace(-wide + half, wide - half, count)
        return [box(0, (m - half, m + half), (low, high), (-z, -z + 0.05), lean) for m in middles]
    post = box(0, (wide - 0.06, wide), (low, high), (-z, -z + 0.06), lean)
    rungs = []
    for share in np.linspace(0.15, 0.9, count):
        y, back = low + share * (high - low), -z + share * lean
        rungs.append(
            box(0, (-wide, wide), (y, y + 0.5 / count * (high - low)), (back, back + 0.05))
        )
    return [post, post.mirrored(), *rungs]


def _arms(rng: Drawn, x: float, z: float, low: float) -> list[Part]:
    """Blocks, boards on posts, or bent rods."""
    high, thick = low + rng.uniform(0.1, 0.4), rng.uniform(0.04, 0.3)
    kind, front = rng.integers(3), rng.uniform(0.5, 1) * z
    if kind == 0:
        made = [box(0, (x - thick, x), (rng.uniform(0, low), high), (-z, front))]
        if rng.random() < 0.5:
            rolled = _tube(
                np.array(
                    [
                        [x - thick / 2, high, -z],
                        [x - thick / 2, high, 0],
                        [x - thick / 2, high, front],
                    ]
                ),
                0.7 * thick,
            )
            made.append(rolled)
    elif kind == 1:
        made = [box(0, (x - 0.08, x), (high - 0.05, high), (-z, front))]
        made.append(box(0, (x - 0.08, x), (low, high), (front - 0.08, front)))
    else:
        path = _arc([(-z, high), (front, high), (1.05 * front, low), (0.8 * front, low)])
        made = [_tube(path + np.array([x, 0, 0]), rng.uniform(0.015, 0.05))]
    return made + [part.mirrored() for part in made]


def _lamp(rng: Drawn) -> list[Part]:
    """A foot, a stem that may bend, one shade or several; standing or hanging."""
    foot, thick = rng.uniform(0.08, 0.5), rng.uniform(0.01, 0.06)
    tall = rng.uniform(0.5, 2)
    parts = [_turned(foot * _profile(rng, True), 0, rng.uniform(0.03, 0.4))]
    if rng.random() < 0.4:  # a turned stem
        parts.append(_turned(rng.uniform(0.04, 0.3) * _profile(rng, rng.random() < 0.7), 0, tall))
    count = rng.choice([1, 1, 1, 2, 3, 4, 5, 6, 8])
    reach = rng.choice([0.0, rng.uniform(0.1, 0.9)]) if count == 1 else rng.uniform(0.2, 0.8)
    start = rng.uniform(-0.5, 0.2) * reach if count == 1 else 0.0
    bend = tall * rng.uniform(0.3, 1.0)
    path = _arc(
        [(start, 0), (start, 0.2 * tall), (rng.uniform(-0.3, 0.5) * reach, bend), (reach, tall)]
    )
    arm = [_tube(path, thick)]
    size, down = rng.uniform(0.08, 0.5) / count**0.5, rng.uniform(0.1, 0.5)
    shade = np.array([rng.uniform(0.5, 1), rng.uniform(0.2, 1)])
    if rng.random() < 0.4:
        shade = np.sqrt(np.linspace(1, 0.02, 8))  # a dome
    low = tall - rng.uniform(0, 1) * down
    arm.append(_turned(size * shade, low, low + down, at=(0, reach)))
    yaw = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else 0.0
    parts += [_turn(p, yaw + 2 * np.pi * i / count) for i in range(count) for p in arm]
    if rng.random() < 0.3:
        parts = [Part(0, part.vertices * [1, -1, 1], part.faces) for part in parts]
    return parts


def _vessel(rng: Drawn) -> list[Part]:
    """Jars, bottles, bowls, goblets, cups and pots, with handles, lids and saucers."""
    tall, squash = np.exp(rng.uniform(-0.9, 1.2)), rng.choice([1.0, 1.0, rng.uniform(0.4, 1)])
    radii = 0.5 * _profile(rng, rng.random() < 0.8)
    if rng.random() < 0.2:  # a stem between foot and bowl
        bowl = np.linspace(0.05, 0.5, RINGS) ** rng.uniform(0.3, 1)
        radii = np.concatenate(
            [[0.35, 0.3, 0.05, 0.05, 0.05, 0.05, 0.05], bowl * rng.uniform(0.6, 1)]
        )
    parts = [_turned(radii, 0, tall, squash=squash)]
    if rng.random() < 0.5:
        parts.append(_turned(0.92 * radii[1:], 0.05 * tall, tall, squash=squash))
    if rng.random() < 0.5:
        parts += _handles(rng, radii, tall)
    if rng.random() < 0.25:
        parts.append(_turned(np.array([0.4, 0.9, 1.0]) * rng.uniform(0.6, 1.1), -0.05, 0.1))
    if rng.random() < 0.25:
        lid = np.array([radii[-1], 0.6 * radii[-1], 0.08, 0.12, 0.05])
        parts.append(_turned(lid, tall, tall * rng.uniform(1.1, 1.4)))
    return parts


def _handles(rng: Drawn, radii: np.ndarray, tall: float) -> list[Part]:
    """One loop at a side, or one at either; or a spout."""
    low, high = np.sort(rng.uniform(0.15, 0.95, 2)) * tall
    at = np.interp([low, high], np.linspace(0, tall, len(radii)), radii)
    out = at.max() + rng.uniform(0.1, 0.35)
    path = _arc([(0.9 * at[0], low), (out, low), (out, high), (0.9 * at[1], high)])
    first = _turn(_tube(path, rng.uniform(0.02, 0.06)), np.pi / 2)
    turned = rng.choice([0.0, np.pi / 2, np.pi, -np.pi / 2])
    both = [first, _turn(first, np.pi)] if rng.random() < 0.35 else [first]
    return [_turn(part, turned) for part in both]


def _car(rng: Drawn) -> list[Part]:
    """A body whose height changes along its length, on four wheels."""
    half, wide = rng.uniform(0.8, 1.4), rng.uniform(0.3, 0.6)
    along = np.linspace(-half, half, 10)
    hood, cabin = rng.uniform(0.25, 0.5), rng.uniform(0.5, 0.9)
    edges = np.sort(rng.uniform(-1, 1, 2)) * half
    tops = np.where((along > edges[0]) & (along < edges[1]), cabin, hood)
    tops = np.convolve(np.pad(tops, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    rings = []
    for z, top in zip(along, tops, strict=True):
        ring = ellipse(vec(0, 0, 0), vec(1, 0, 0), vec(0, 1, 0), SIDES)
        ring = np.sign(ring) * np.abs(ring) ** 0.5 * [wide, (top - 0.1) / 2, 0]
        rings.append(ring + np.array([0, (top + 0.1) / 2, z]))
    wheel = _turned(np.ones(2) * rng.uniform(0.12, 0.22), -0.06, 0.06)
    upright = wheel.vertices[..., [1, 0, 2]]
    wheels = [
        Part(0, upright + np.array([side * wide, 0.12, end * 0.65 * half]), wheel.faces)
        for side in (-1, 1)
        for end in (-1, 1)
    ]
    return [loft(0, rings), *wheels]


def _heap(rng: Drawn) -> list[Part]:
    """Boxes and turned bodies anywhere, left and right alike."""
    made = []
    for _ in range(rng.integers(2, 7)):
        x, z, y = rng.uniform(0, 0.8), rng.uniform(-0.6, 0.6), rng.uniform(0, 1.2)
        size = np.exp(rng.uniform(np.log(0.03), np.log(0.6), 3))
        if rng.random() < 0.5:
            piece = box(0, (x - size[0], x + size[0]), (y, y + size[1]), (z - size[2], z + size[2]))
        else:
            piece = _turned(size[0] * _profile(rng, True), y, y + 2 * size[1], at=(x, z))
        made += [piece, piece.mirrored()]
    return made


KINDS = (_table, _table, _seat, _seat, _seat, _lamp, _lamp, _vessel, _vessel, _car, _heap)
