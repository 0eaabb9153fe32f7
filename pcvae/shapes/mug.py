"""Mugs: a hollow body, straight or narrowing downward, with or without a handle to the right."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from pcvae.shapes.estimators import Column, Mask, Values, lower_end, quantile, share, upper_end
from pcvae.shapes.factors import choice, continuous
from pcvae.shapes.family import Family
from pcvae.shapes.surface import Number, Part, ellipse, lathe, loft, vec

BODY, HANDLE = range(2)
HANDLE_RINGS = 13
GAP = 0.07  # from the wall to what is taken for the handle
HANDLE_NEEDS = ("handle", "loop")


class Mug(Family):
    """Mugs, cups, tumblers."""

    name = "mug"
    part_names = ("body", "handle")
    factors = (
        continuous("radius", "cm", 3, 6, "Outer radius at the rim."),
        continuous("height", "cm", 6, 15, "From the bottom to the rim."),
        continuous("taper", "1", 0.6, 1.0, "Radius at the bottom divided by the one at the rim."),
        continuous("wall", "cm", 0.25, 0.8, "Thickness of the wall and of the bottom."),
        choice("handle", ("none", "loop"), "Whether there is a handle."),
        continuous(
            "handle_reach", "cm", 2, 4, "How far the handle stands out from the rim.", HANDLE_NEEDS
        ),
        continuous(
            "handle_height", "1", 0.5, 0.75, "Height of the handle by the body's.", HANDLE_NEEDS
        ),
        continuous("handle_thickness", "cm", 0.8, 1.4, "Width of the handle.", HANDLE_NEEDS),
    )
    measured = ("radius", "height", "taper", "handle", "handle_reach", "handle_height")

    def parts(self, f: SimpleNamespace) -> list[Part]:
        """Build the body, which every mug has, first."""
        return [_body(f), _handle(f)]

    def estimate(self, x: Values, y: Values, z: Values) -> dict[str, Column]:
        """Find the axis from the left side, which no handle disturbs."""
        everything = np.ones(y.shape, bool)
        low, high = quantile(y, everything, 0.03), upper_end(y, everything)
        level = (y - low) / (high - low)
        rim, foot = _radii(z, level)
        axis = lower_end(x, level > 0.8, 0.9, 0.95) + rim + 0.1 * (foot - rim)
        beyond = x - axis - (foot + (rim - foot) * level)  # distance from the wall, to the right
        return {
            "radius": rim,
            "height": high - low,
            "taper": foot / rim,
            **_measure_handle(x - axis - rim, level, (beyond > GAP) & (np.abs(z) < 0.15)),
        }


def _body(f: SimpleNamespace) -> Part:
    """Turn a profile that goes up the outside and down again inside."""
    foot = f.taper * f.radius
    inner_foot = foot + (f.radius - foot) * f.wall / f.height - f.wall
    rim = [(f.radius, f.height), (f.radius - f.wall, f.height)]
    return lathe(BODY, [(foot, 0.0), *rim, (inner_foot, f.wall)], sides=40)


def _handle(f: SimpleNamespace) -> Part:
    """Tube along half an ellipse, from inside the wall and back into it."""
    rings = []
    for turn in np.linspace(-np.pi / 2, np.pi / 2, HANDLE_RINGS):
        rise = (f.handle_height * f.height - f.handle_thickness) / 2
        y = f.height / 2 + rise * np.sin(turn)
        start = f.radius * (f.taper + (1 - f.taper) * y / f.height) - f.wall / 2
        reach = f.radius + f.handle_reach - f.handle_thickness / 2 - start
        center = vec(start + reach * np.cos(turn), y, 0.0)
        rings.append(_tube_ring(center, -reach * np.sin(turn), rise * np.cos(turn), f))
    return loft(HANDLE, rings, shown=f.handle == 1)


def _tube_ring(
    center: np.ndarray, along_x: Number, along_y: Number, f: SimpleNamespace
) -> np.ndarray:
    """Circle around a path that runs in the direction (along_x, along_y)."""
    half = f.handle_thickness / 2
    size = half / np.hypot(along_x, along_y)
    return ellipse(center, vec(0, 0, half), vec(along_y * size, -along_x * size, 0), sides=12)


def _radii(z: Values, level: Values) -> tuple[Column, Column]:
    """Radius at the rim and at the bottom, from two bands of the wall seen from the side."""
    upper, lower = (upper_end(np.abs(z), abs(level - at) < 0.08, 0.9, 0.95) for at in (0.85, 0.25))
    growth = (upper - lower) / 0.6
    return upper + 0.15 * growth, lower - 0.25 * growth


def _measure_handle(out: Values, level: Values, handle: Mask) -> dict[str, Column]:
    """Whether anything stands out to the right, how far, and over how much of the height."""
    found = share(handle, np.ones(out.shape, bool)) > 0.008
    reach = upper_end(out, handle, 0.85, 0.93)
    height = quantile(level, handle, 0.97) - quantile(level, handle, 0.03)
    # The quantiles leave out 15%, as tried on clean clouds; and at the wall the loop is higher.
    height /= 0.85 * np.sqrt(np.maximum(1 - (GAP / reach) ** 2, 0.25))
    return {
        "handle": found.astype(np.float32),
        "handle_reach": np.where(found, reach, np.nan),
        "handle_height": np.where(found, height, np.nan),
    }
