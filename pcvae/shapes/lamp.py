"""Lamps: a foot, a pole and a shade, standing; or a ceiling rose, a cord and a shade, hanging."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from jaxtyping import Float

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
        continuous("pole_height", "cm", 20, 110, "From the base to the nearer end of the shade."),
        continuous("pole_radius", "cm", 0.8, 2.5, "Radius of the pole or cord."),
        choice("shade_style", ("cone", "dome"), "Straight or rounded shade."),
        continuous("shade_radius", "cm", 10, 30, "Radius of the shade's lower, wider end."),
        continuous("shade_height", "cm", 12, 36, "From the lower to the upper end of the shade."),
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
        below = np.where(hanging, 0.0, BASE_HEIGHT + f.pole_height)  # lower end of the shade
        above = below + f.shade_height
        pole_from = np.where(hanging, 0.6 * f.shade_height, BASE_HEIGHT)
        pole_to = np.where(hanging, above + f.pole_height, below + 0.8 * f.shade_height)
        base_from = np.where(hanging, pole_to, 0.0)
        pole = [(f.pole_radius, pole_from), (f.pole_radius, pole_to)]
        return [_base(f, base_from), lathe(POLE, pole), _cone(f, below), _dome(f, below)]

    def estimate(self, points: Float[np.ndarray, "B N 3"]) -> dict[str, np.ndarray]:
        """Split the cloud at the pole and measure what is wide on either side."""
        raise NotImplementedError


def _base(f: SimpleNamespace, low: np.ndarray) -> Part:
    hanging = f.mount == 1
    lower = np.where(hanging, 0.7, 1.0) * f.base_radius
    upper = np.where(hanging, 1.0, 0.7) * f.base_radius
    middle = low + BASE_HEIGHT / 2
    return lathe(
        BASE,
        [(lower, low), (f.base_radius, middle), (upper, low + BASE_HEIGHT)],
    )


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
