"""Chairs: legs or a pedestal, a seat, a solid or slatted back, with or without arms."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from pcvae.shapes.estimators import (
    Column,
    Values,
    lower_end,
    median,
    quantile,
    share,
    slope,
    upper_end,
)
from pcvae.shapes.factors import choice, continuous, integer
from pcvae.shapes.family import Family
from pcvae.shapes.surface import Part, box, lathe

LEG, SEAT, BACK, ARM = range(4)
BACK_THICKNESS = 3.0  # cm, front to back
ARMS = ("armrests", "arms")
ARM_THICKNESS = 3.0  # cm, top to bottom
MOST_SLATS = 6
SIDES = 0.97  # this quantile of the seat's points lies on its sides


class Chair(Family):
    """Chairs, stools with backs, armchairs."""

    name = "chair"
    part_names = ("leg", "seat", "back", "arm")
    factors = (
        continuous("leg_height", "cm", 20, 60, "From the floor to the underside of the seat."),
        continuous("leg_thickness", "cm", 3, 7, "Width of each square leg, and of the arms."),
        continuous("seat_width", "cm", 36, 90, "From the left to the right edge of the seat."),
        continuous("seat_depth", "cm", 36, 72, "From the front to the rear edge of the seat."),
        continuous("seat_thickness", "cm", 3, 10, "From the underside to the top of the seat."),
        continuous("back_height", "cm", 28, 65, "From the top of the seat to the top of the back."),
        continuous("back_tilt", "deg", 0, 25, "How far the back leans backward from upright."),
        choice("back_style", ("solid", "slats"), "One panel, or upright slats under a rail."),
        integer("num_slats", 3, MOST_SLATS, "Number of slats.", needs=("back_style", "slats")),
        choice("armrests", ("none", "arms"), "Whether there are armrests."),
        continuous(
            "arm_height", "cm", 14, 26, "From the top of the seat to the top of the armrests.", ARMS
        ),
        choice("base", ("legs", "pedestal"), "Four legs, or a column on a round foot."),
    )
    measured = (
        "leg_height",
        "seat_width",
        "seat_depth",
        "seat_thickness",
        "back_height",
        "back_tilt",
        "armrests",
        "arm_height",
    )

    def parts(self, f: SimpleNamespace) -> list[Part]:
        """Build the seat first: every chair has one."""
        f.seat_top = f.leg_height + f.seat_thickness
        f.lean = -np.tan(np.radians(f.back_tilt))  # z gained per unit of height
        return [_seat(f), *_legs(f), *_pedestal(f), *_back(f), *_arms(f)]

    def estimate(self, x: Values, y: Values, z: Values) -> dict[str, Column]:
        """Find the two faces of the seat, then measure around them."""
        everything = np.ones(x.shape, bool)
        floor, top = lower_end(y, everything), upper_end(y, everything)
        seat_bottom, seat_top = _seat_faces(x, y, z, floor, top)
        seat = (y > seat_bottom - 0.04) & (y < seat_top + 0.04)
        half_width = quantile(np.abs(x), seat, SIDES)
        rear, front = quantile(z, seat, 1 - SIDES), quantile(z, seat, SIDES)
        return {
            "leg_height": seat_bottom - floor,
            "seat_width": 2 * half_width,
            "seat_depth": front - rear,
            "seat_thickness": seat_top - seat_bottom,
            "back_height": top - seat_top,
            "back_tilt": _measure_tilt(x, y, z, seat_top, top, half_width),
            **_measure_arms(x, y, z, seat_top, rear, front, half_width),
        }


def _seat(f: SimpleNamespace) -> Part:
    w, d = f.seat_width / 2, f.seat_depth / 2
    return box(SEAT, (-w, w), (f.leg_height, f.seat_top), (-d, d))


def _legs(f: SimpleNamespace) -> list[Part]:
    w, d, t = f.seat_width / 2, f.seat_depth / 2, f.leg_thickness
    height = (0.0, f.leg_height)
    rear, front = (-d, t - d), (d - t, d)
    right = [box(LEG, (w - t, w), height, z, shown=f.base == 0) for z in (rear, front)]
    return right + [leg.mirrored() for leg in right]


def _pedestal(f: SimpleNamespace) -> list[Part]:
    radius = 0.4 * np.minimum(f.seat_width, f.seat_depth)
    column = 0.5 * f.leg_thickness + 1.0
    foot = lathe(LEG, [(radius, 0.0), (radius, 1.5), (column, 4.0)], shown=f.base == 1)
    return [foot, lathe(LEG, [(column, 4.0), (column, f.leg_height)], shown=f.base == 1)]


def _panel(f: SimpleNamespace, x: tuple, low: float, high: float, shown: np.ndarray) -> Part:
    """Leaning piece of the back, from `low` to `high` of its height."""
    rear = -f.seat_depth / 2 + f.lean * low * f.back_height
    y = (f.seat_top + low * f.back_height, f.seat_top + high * f.back_height)
    lean = f.lean * (high - low) * f.back_height
    return box(BACK, x, y, (rear, rear + BACK_THICKNESS), lean, shown)


def _back(f: SimpleNamespace) -> list[Part]:
    w, slatted = f.seat_width / 2, f.back_style == 1
    panels = [_panel(f, (-w, w), 0.0, 1.0, ~slatted), _panel(f, (-w, w), 0.82, 1.0, slatted)]
    slat = f.seat_width / (2 * f.num_slats - 1)  # slats and gaps are equally wide
    for i in range(MOST_SLATS):
        left = -w + 2 * i * slat
        panels.append(_panel(f, (left, left + slat), 0.0, 0.82, slatted & (i < f.num_slats)))
    return panels


def _arms(f: SimpleNamespace) -> list[Part]:
    w, d, t = f.seat_width / 2, f.seat_depth / 2, f.leg_thickness
    shown, front = f.armrests == 1, 0.8 * d
    top = f.seat_top + f.arm_height
    rear = -d + f.lean * f.arm_height  # where the back is at that height
    rest = box(ARM, (w - t, w), (top - ARM_THICKNESS, top), (rear, front), shown=shown)
    post = box(ARM, (w - t, w), (f.seat_top, top - ARM_THICKNESS), (front - t, front), shown=shown)
    return [rest, post, rest.mirrored(), post.mirrored()]


def _seat_faces(
    x: Values, y: Values, z: Values, floor: Column, top: Column
) -> tuple[Column, Column]:
    """Levels of the underside and of the top of the seat.

    Near the front, between the legs and beside a pedestal, there is nothing but the seat. Its two
    faces have the same area there: they are the lower and the upper quartile.
    """
    everything = np.ones(x.shape, bool)
    half_width = upper_end(np.abs(x), everything)
    rear, front = lower_end(z, everything), upper_end(z, everything)
    height = top - floor
    clear = (np.abs(x) > 0.08) & (np.abs(x) < 0.5 * half_width)
    clear &= z > front - 0.4 * (front - rear)
    clear &= (y > floor + 0.14 * height) & (y < floor + 0.85 * height)
    return quantile(y, clear, 0.25), quantile(y, clear, 0.75)


def _measure_tilt(
    x: Values, y: Values, z: Values, seat_top: Column, top: Column, half_width: Column
) -> Column:
    """Angle of the back, from the points above the seat and between the arms."""
    back = (np.abs(x) < 0.55 * half_width) & (y > seat_top + 0.15 * (top - seat_top))
    back &= np.abs(z - median(z, back)) < 0.4
    return np.degrees(np.arctan(-slope(y, z, back)))


def _measure_arms(
    x: Values,
    y: Values,
    z: Values,
    seat_top: Column,
    rear: Column,
    front: Column,
    half_width: Column,
) -> dict[str, Column]:
    """Whether something stands above the seat's front sides, and how high it reaches."""
    sides = (np.abs(x) > 0.6 * half_width) & (z > rear + 0.4 * (front - rear))
    above = sides & (y > seat_top + 0.1)
    found = share(above, np.ones(x.shape, bool)) > 0.015
    height = np.where(found, quantile(y, above, 0.85) - seat_top, np.nan)
    return {"armrests": found.astype(np.float32), "arm_height": height}
