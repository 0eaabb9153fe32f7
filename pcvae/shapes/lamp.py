"""Lamps: a foot, a pole and a shade, standing; or a ceiling rose, a cord and a shade, hanging."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from jaxtyping import Bool

from pcvae.shapes.estimators import Column, Values, lower_end, median, quantile, upper_end
from pcvae.shapes.factors import choice, continuous
from pcvae.shapes.family import Family
from pcvae.shapes.surface import Part, lathe

BASE, POLE, SHADE = range(3)
BASE_HEIGHT = 3.0  # cm
DOME_RINGS = 8


class Lamp(Family):
    """Table lamps, floor lamps, hanging lamps."""

    name = "lamp"
    part_names = ("base", "pole", "shade")
    factors = (
        choice("mount", ("standing", "hanging"), "Whether it stands on a foot or hangs."),
        continuous("base_radius", "cm", 7, 16, "Radius of the foot or of the ceiling rose."),
        continuous(
            "pole_height", "cm", 23, 100, "From floor or ceiling to the near end of the shade."
        ),
        continuous("pole_radius", "cm", 0.8, 2.5, "Radius of the pole or cord."),
        choice("shade_style", ("cone", "dome"), "Straight or rounded shade."),
        continuous("shade_radius", "cm", 10, 30, "Radius of the shade's lower, wider end."),
        continuous("shade_height", "cm", 16, 36, "From the lower to the upper end of the shade."),
        continuous(
            "shade_taper",
            "1",
            0.3,
            1.0,
            "Radius of the shade's upper end divided by the lower one.",
            needs=("shade_style", "cone"),
        ),
    )
    measured = (
        "mount",
        "base_radius",
        "pole_height",
        "shade_radius",
        "shade_height",
        "shade_taper",
    )

    def parts(self, f: SimpleNamespace) -> list[Part]:
        """Stack base, pole and shade; in a hanging lamp the base is on top."""
        hanging = f.mount == 1
        low = np.where(hanging, 0.0, f.pole_height)  # lower end of the shade
        total = f.pole_height + f.shade_height
        base = np.where(hanging, total - BASE_HEIGHT, 0.0)
        pole_from = np.where(hanging, 0.6 * f.shade_height, BASE_HEIGHT)
        pole_to = np.where(hanging, base, low + 0.8 * f.shade_height)
        pole = [(f.pole_radius, pole_from), (f.pole_radius, pole_to)]
        return [_base(f, base), lathe(POLE, pole), _cone(f, low), _dome(f, low)]

    def estimate(self, x: Values, y: Values, z: Values) -> dict[str, Column]:
        """Turn the base down, find the shade beyond the pole, and measure both ends."""
        r, everything = np.hypot(x, z), np.ones(y.shape, bool)
        low, high = lower_end(y, everything), upper_end(y, everything)
        hanging = _hangs(r, (y - low) / (high - low))
        along, length = np.where(hanging, high - y, y - low), high - low  # along: 0 at the base
        wide = r > 0.03 + 1.3 * _pole_radius(r, along / length)
        begin = lower_end(along, wide & (along > 0.12 * length), 0.92, 0.96)
        base = quantile(r, along < 0.03 + 0.02 * length, 0.93)
        # How far up the shade each point is: 0 at its wide end.
        up = np.where(hanging, length - along, along - begin) / (length - begin)
        wide_end, narrow_end = median(r, wide & (abs(up) < 0.08)), median(r, abs(up - 0.9) < 0.1)
        narrow_end = wide_end + (narrow_end - wide_end) / 0.9
        return {
            "mount": hanging.astype(np.float32),
            "base_radius": base,
            "pole_height": begin,
            "shade_radius": wide_end,
            "shade_height": length - begin,
            "shade_taper": narrow_end / wide_end,
        }


def _base(f: SimpleNamespace, low: np.ndarray) -> Part:
    hanging = f.mount == 1
    lower = np.where(hanging, 0.7, 1.0) * f.base_radius
    upper = np.where(hanging, 1.0, 0.7) * f.base_radius
    middle = low + BASE_HEIGHT / 2
    return lathe(BASE, [(lower, low), (f.base_radius, middle), (upper, low + BASE_HEIGHT)])


def _cone(f: SimpleNamespace, low: np.ndarray) -> Part:
    """Open at both ends, so that it is a sheet and has no caps."""
    profile = [(f.shade_radius, low), (f.shade_taper * f.shade_radius, low + f.shade_height)]
    return lathe(SHADE, profile, shown=f.shade_style == 0, caps=False)


def _dome(f: SimpleNamespace, low: np.ndarray) -> Part:
    """Half an ellipsoid, open below."""
    turn = np.linspace(0, np.pi / 2, DOME_RINGS, endpoint=False)
    turn = [*turn, 0.98 * np.pi / 2]  # a ring without radius would have no direction
    profile = [
        (f.shade_radius * np.cos(t), low + f.shade_height * np.sin(t) / np.sin(turn[-1]))
        for t in turn
    ]
    return lathe(SHADE, profile, shown=f.shade_style == 1, caps=False)


def _hangs(r: Values, level: Values) -> Bool[np.ndarray, "B 1"]:
    """Whether the shade, wide from near its end on, is the lower of both ends.

    `level` runs from 0 at the lower to 1 at the upper end. A base is too flat to reach this far.
    """
    wide = r > 0.1
    below = wide & (level > 0.1) & (level < 0.18)
    above = wide & (level > 0.82) & (level < 0.9)
    return below.sum(axis=1, keepdims=True) > above.sum(axis=1, keepdims=True)


def _pole_radius(r: Values, level: Values) -> Column:
    """Distance from the axis of most points where there is nothing but the pole."""
    return quantile(r, (level > 0.15) & (level < 0.33), 0.75)
