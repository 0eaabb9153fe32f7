"""Tables: a rectangular or oval top on four legs, a pedestal, or two side panels."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from pcvae.shapes.estimators import Column, Values, lower_end, quantile, share, upper_end
from pcvae.shapes.factors import choice, continuous
from pcvae.shapes.family import Family
from pcvae.shapes.surface import Part, box, ellipse, lathe, loft, vec

TOP, LEG = range(2)
REACH = 0.68  # of the half width and half depth: as far as legs go under an oval top


class Table(Family):
    """Dining tables, desks, coffee tables."""

    name = "table"
    part_names = ("top", "leg")
    factors = (
        continuous("width", "cm", 60, 200, "From the left to the right edge of the top."),
        continuous("depth", "cm", 50, 120, "From the front to the rear edge of the top."),
        continuous("height", "cm", 40, 105, "From the floor to the upper face of the top."),
        continuous("top_thickness", "cm", 2, 8, "From the lower to the upper face of the top."),
        continuous("leg_thickness", "cm", 4, 9, "Width of a leg, radius of a pedestal."),
        continuous(
            "leg_inset", "cm", 0, 8, "From the edge of the top to the legs.", ("base", "legs")
        ),
        choice("top_shape", ("rectangular", "oval"), "Outline of the top."),
        choice("base", ("legs", "pedestal", "panels"), "What carries the top."),
    )
    measured = ("width", "depth", "height", "top_thickness", "top_shape")

    def parts(self, f: SimpleNamespace) -> list[Part]:
        """Build both tops and all bases; each shape shows one of each."""
        f.under = f.height - f.top_thickness
        f.reach = np.where(f.top_shape == 1, REACH, 1.0)
        return [*_legs(f), *_tops(f), *_pedestal(f), *_panels(f)]

    def estimate(self, x: Values, y: Values, z: Values) -> dict[str, Column]:
        """Find the two faces of the top, then its outline."""
        floor = lower_end(y, np.ones(y.shape, bool))
        under, upper = _top_faces(x, y, z)
        top = y > under - 0.04
        # Near the middle line even an oval ends abruptly.
        depth = 2 * upper_end(np.abs(z), top & (np.abs(x) < 0.15), 0.9, 0.95)
        width = 2 * upper_end(np.abs(x), top & (np.abs(z) < 0.15 * depth), 0.9, 0.95)
        corner = (np.abs(x) > 0.375 * width) & (np.abs(z) > 0.375 * depth)
        return {
            "width": width,
            "depth": depth,
            "height": upper - floor,
            "top_thickness": upper - under,
            "top_shape": (share(corner, top) < 0.03).astype(np.float32),
        }


def _tops(f: SimpleNamespace) -> list[Part]:
    w, d, oval = f.width / 2, f.depth / 2, f.top_shape == 1
    rings = [
        ellipse(vec(0, y, 0), vec(w, 0, 0), vec(0, 0, -d), sides=48) for y in (f.under, f.height)
    ]
    board = box(TOP, (-w, w), (f.under, f.height), (-d, d), shown=~oval)
    return [board, loft(TOP, rings, shown=oval)]


def _legs(f: SimpleNamespace) -> list[Part]:
    t = f.leg_thickness
    x = f.reach * f.width / 2 - f.leg_inset
    z = f.reach * f.depth / 2 - f.leg_inset
    shown, height = f.base == 0, (0.0, f.under)
    right = [box(LEG, (x - t, x), height, span, shown=shown) for span in ((-z, t - z), (z - t, z))]
    return right + [leg.mirrored() for leg in right]


def _pedestal(f: SimpleNamespace) -> list[Part]:
    shown, column = f.base == 1, f.leg_thickness
    foot = 0.32 * np.minimum(f.width, f.depth)
    profile = [(foot, 0.0), (foot, 2.0), (column, 5.0), (column, f.under)]
    return [lathe(LEG, profile, shown=shown)]


def _panels(f: SimpleNamespace) -> list[Part]:
    x, z = f.reach * f.width / 2, 0.9 * f.reach * f.depth / 2
    inner = x - f.leg_thickness / 2
    panel = box(LEG, (inner, x), (0.0, f.under), (-z, z), shown=f.base == 2)
    return [panel, panel.mirrored()]


def _top_faces(x: Values, y: Values, z: Values) -> tuple[Column, Column]:
    """Levels of the lower and the upper face of the top.

    Beside a pedestal and between legs there is nothing but the top, high up. Its two faces have
    the same area there: they are the lower and the upper quartile.
    """
    highest = upper_end(y, np.ones(y.shape, bool))
    across = upper_end(np.abs(x), np.ones(y.shape, bool))
    clear = (np.hypot(x, z) > 0.18) & (np.abs(x) < 0.6 * across) & (y > highest - 0.2)
    return quantile(y, clear, 0.25), quantile(y, clear, 0.75)
