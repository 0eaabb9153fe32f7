"""Airplanes: a fuselage, swept wings, a tail, and engines under the wings."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from pcvae.shapes.estimators import Column, Values, lower_end, median, quantile, slope, upper_end
from pcvae.shapes.factors import choice, continuous
from pcvae.shapes.family import Family
from pcvae.shapes.surface import Number, Part, ellipse, loft, vec

FUSELAGE, WING, TAIL, ENGINE = range(4)
# Radius along the fuselage, from the tail (0) to the nose (1), as a share of the full radius.
OUTLINE = (
    (0.0, 0.15),
    (0.12, 0.6),
    (0.3, 1.0),
    (0.86, 1.0),
    (0.94, 0.75),
    (0.98, 0.42),
    (1.0, 0.1),
)
WING_PLACE = 0.52  # middle of the wing's root, from the tail (0) to the nose (1)
THICKNESS = 0.12  # of wings and tail, relative to their chord
TIPS = (0.985, 0.995)  # quantiles from which pointed ends are extended
ENGINE_PLACES = (0.3, 0.48)  # from the middle (0) to the wing tip (1)


class Airplane(Family):
    """Airliners and their smaller relatives; the nose points to +Z."""

    name = "airplane"
    part_names = ("fuselage", "wing", "tail", "engine")
    factors = (
        continuous("fuselage_length", "m", 28, 48, "From the tip of the nose to the tail end."),
        continuous("fuselage_radius", "m", 1.3, 2.4, "Radius of the fuselage in its middle."),
        continuous("wing_span", "m", 28, 52, "From wing tip to wing tip."),
        continuous("wing_chord", "m", 2.5, 5, "Width of a wing, halfway to its tip."),
        continuous("wing_taper", "1", 0.25, 0.9, "Width of a wing at its tip divided by the root."),
        continuous("wing_sweep", "deg", 0, 35, "How far the wings point backward."),
        choice("wing_height", ("low", "high"), "Wings at the bottom or on top of the fuselage."),
        continuous("tail_height", "m", 3, 8, "From the top of the fuselage to the top of the fin."),
        continuous("tail_span", "1", 0.28, 0.42, "Span of the tail plane divided by the wings'."),
        choice("tail_plane", ("low", "high"), "Tail plane at the fuselage or on top of the fin."),
        choice("engines", ("none", "two", "four"), "Engines under the wings."),
    )
    measured = (
        "fuselage_length",
        "fuselage_radius",
        "wing_span",
        "wing_chord",
        "wing_sweep",
        "tail_height",
    )

    def parts(self, f: SimpleNamespace) -> list[Part]:
        """Build the fuselage along z around the origin, then everything on it."""
        f.root_z = (WING_PLACE - 0.5) * f.fuselage_length
        f.root_y = np.where(f.wing_height == 1, 0.75, -0.6) * f.fuselage_radius
        f.root_chord = 2 * f.wing_chord / (1 + f.wing_taper)
        f.swept = np.tan(np.radians(f.wing_sweep))  # z lost per unit of x
        right = [_wing(f), _tail_plane(f), *_engines(f)]
        return [_fuselage(f), *right, *(part.mirrored() for part in right), _fin(f)]

    def estimate(self, x: Values, y: Values, z: Values) -> dict[str, Column]:
        """Measure the whole, then the front of the fuselage, then the outer wings."""
        half_span = upper_end(np.abs(x), np.ones(x.shape, bool), *TIPS)
        radius, middle = _measure_fuselage(x, y, z)
        body = np.abs(x) < 1.3 * radius
        chord, sweep = _measure_wings(np.abs(x) / half_span, np.abs(x), z)
        return {
            "fuselage_length": upper_end(z, body, *TIPS) - lower_end(z, body, *TIPS),
            "fuselage_radius": radius,
            "wing_span": 2 * half_span,
            "wing_chord": chord,
            "wing_sweep": sweep,
            "tail_height": _fin_top(x, y, z) - middle - radius,
        }


def _fuselage(f: SimpleNamespace) -> Part:
    rings = []
    for place, share in OUTLINE:
        radius = share * f.fuselage_radius
        # The tail is drawn up, as it has to clear the runway.
        center = vec(
            0, f.fuselage_radius * max(0.0, 0.3 - place), (place - 0.5) * f.fuselage_length
        )
        rings.append(ellipse(center, vec(radius, 0, 0), vec(0, radius, 0)))
    return loft(FUSELAGE, rings)


def _section(x: Number, y: Number, z: Number, chord: Number) -> np.ndarray:
    """Outline of a wing cut across, with its middle at (x, y, z)."""
    return ellipse(vec(x, y, z), vec(0, THICKNESS * chord / 2, 0), vec(0, 0, chord / 2), sides=10)


def _wing(f: SimpleNamespace) -> Part:
    """Right wing, from within the fuselage; its middle line has the sweep."""
    half = f.wing_span / 2
    tip_chord = f.wing_taper * f.root_chord
    root = _section(0, f.root_y, f.root_z, f.root_chord)
    tip = _section(half, f.root_y + 0.05 * half, f.root_z - f.swept * half, tip_chord)
    return loft(WING, [root, tip])


def _tail_plane(f: SimpleNamespace) -> Part:
    half = f.tail_span * f.wing_span / 2
    chord = 0.09 * f.fuselage_length
    on_fin = f.tail_plane == 1
    y = np.where(on_fin, f.fuselage_radius + 0.95 * f.tail_height, 0.4 * f.fuselage_radius)
    z = np.where(on_fin, -0.44, -0.4) * f.fuselage_length
    reach = np.minimum(0.3 * half, 0.06 * f.fuselage_length)  # how far the tips lie behind
    return loft(TAIL, [_section(0, y, z, chord), _section(half, y, z - reach, 0.55 * chord)])


def _fin(f: SimpleNamespace) -> Part:
    """Upright, thin in x; it ends where the fuselage ends."""
    top = f.fuselage_radius + f.tail_height
    rings = []
    for y, chord in ((0.2 * f.fuselage_radius, 0.17), (top, 0.09)):
        half = chord * f.fuselage_length / 2
        z = half - 0.49 * f.fuselage_length
        rings.append(ellipse(vec(0, y, z), vec(0, 0, half), vec(0.1 * half, 0, 0), sides=10))
    return loft(TAIL, rings)


def _engines(f: SimpleNamespace) -> list[Part]:
    """Engines of the right wing: a pod below the leading edge."""
    radius, length = 0.42 * f.fuselage_radius, 2.2 * f.fuselage_radius
    pods = []
    for number, place in enumerate(ENGINE_PLACES):
        x = place * f.wing_span / 2
        y = f.root_y + 0.05 * x - 1.3 * radius
        front = f.root_z - f.swept * x + f.root_chord * (1 - place * (1 - f.wing_taper)) / 2
        rings = [
            ellipse(vec(x, y, front + (part - 0.5) * length), vec(r, 0, 0), vec(0, r, 0), sides=16)
            for part, r in ((0.0, 0.6 * radius), (0.5, radius), (1.0, 0.9 * radius))
        ]
        pods.append(loft(ENGINE, rings, shown=f.engines > number))
    return pods


def _measure_fuselage(x: Values, y: Values, z: Values) -> tuple[Column, Column]:
    """Radius and height of the fuselage, from the part between nose and wings."""
    everything = np.ones(x.shape, bool)
    rear, front = lower_end(z, everything), upper_end(z, everything)
    place = (z - rear) / (front - rear)
    tube = (place > 0.7) & (place < 0.86) & (np.abs(x) < 0.2)
    middle = median(y, tube & (np.abs(x) < 0.2))
    return median(np.hypot(x, y - middle), tube), middle


def _measure_wings(place: Values, x: Values, z: Values) -> tuple[Column, Column]:
    """Chord and sweep of the wings, outside of tail plane and engines.

    A chord is the standard deviation of points spread evenly over it, times the root of 12.
    """
    sweep = slope(x, z, (place > 0.52) & (place < 0.96))
    ahead = z - sweep * x
    outer = (place > 0.55) & (place < 0.65)
    width = quantile(ahead, outer, 0.9) - quantile(ahead, outer, 0.1)
    return width / 0.8, np.degrees(np.arctan(-sweep))


def _fin_top(x: Values, y: Values, z: Values) -> Column:
    rear = lower_end(z, np.ones(z.shape, bool))
    fin = (np.abs(x) < 0.06) & (z < 0.5 * rear)
    return upper_end(y, fin)
