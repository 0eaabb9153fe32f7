"""Colors of points: a number for each, and a scale that color-blind readers can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

# Viridis. Its yellow end is left out: it is lost on white.
COLORS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151")
# The palette of Okabe and Ito (2008), its yellow, which is lost on white, replaced by gray.
PARTS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000", "#888888")


# The same scale for black paper, where its dark end is lost instead.
ON_DARK = ("#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")


@dataclass(frozen=True)
class Coloring:
    """How points are colored.

    Attributes:
        values: one number for each point, float32.
        low, high: the numbers that the scale's ends stand for.
        colors: the scale: evenly spaced colors, or one for each label.
        stepped: whether the scale jumps from color to color instead of fading.
        names: what the labels of a stepped scale mean.
    """

    values: Float[np.ndarray, " N"]
    low: float
    high: float
    colors: tuple[str, ...] = COLORS
    stepped: bool = False
    names: tuple[str, ...] = ()

    @property
    def colorscale(self) -> list[tuple[float, str]]:
        """Return plotly's form of the scale: places from 0 to 1 and their colors."""
        if not self.stepped:
            return [(i / (len(self.colors) - 1), color) for i, color in enumerate(self.colors)]
        count = len(self.colors)
        return [((i + end) / count, c) for i, c in enumerate(self.colors) for end in (0, 1)]

    def on_dark(self) -> Coloring:
        """Return the same for a dark page."""
        if self.stepped:
            colors = tuple("#ffffff" if color == "#000000" else color for color in self.colors)
            return replace(self, colors=colors)
        return replace(self, colors=ON_DARK)

    def rgb(self) -> UInt8[np.ndarray, "N 3"]:
        """Return red, green and blue of each point, from 0 to 255."""
        table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in self.colors], float)
        span = max(self.high - self.low, 1e-12)
        place = np.clip((self.values.astype(float) - self.low) / span, 0, 1)
        if self.stepped:
            index = np.minimum((place * len(table)).astype(int), len(table) - 1)
            return table[index].astype(np.uint8)
        stops = np.linspace(0, 1, len(table))
        columns = [np.interp(place, stops, column) for column in table.T]
        return np.stack(columns, axis=1).round().astype(np.uint8)


def by_value(
    values: np.ndarray, low: float | int | None = None, high: float | int | None = None
) -> Coloring:
    """Return colors from dark (low) to light (high); by default the values' own range."""
    values = np.ascontiguousarray(values, dtype=np.float32)
    low = float(values.min(initial=np.inf)) if low is None else float(low)
    high = float(values.max(initial=-np.inf)) if high is None else float(high)
    if not low < high:  # nothing to tell apart: plotly would make up a range
        low, high = (low - 1, low + 1) if np.isfinite(low) else (0.0, 1.0)
    return Coloring(values, low, high)


def by_height(points: Float[np.ndarray, "N 3"]) -> Coloring:
    """Return colors by the height of each point."""
    return by_value(points[:, 1])


def by_label(labels: np.ndarray, names: Sequence[str] = ()) -> Coloring:
    """Return one color for each label; labels that do not occur take none."""
    labels = np.asarray(labels)
    present = np.unique(labels)
    values = np.searchsorted(present, labels).astype(np.float32)
    count = max(len(present), 2)  # a scale has two ends
    colors = tuple(PARTS[i % len(PARTS)] for i in range(count))
    named = tuple(names[int(label)] for label in present) if len(names) else ()
    return Coloring(values, -0.5, count - 0.5, colors, stepped=True, names=named)


def coloring_of(colors: Coloring | np.ndarray | Sequence[float | int]) -> Coloring:
    """Return a coloring for numbers: whole numbers are labels, any others lie on a scale.

    Raises:
        ValueError: if there is more than one number for a point, or one is not finite.
    """
    if isinstance(colors, Coloring):
        return colors
    values = np.asarray(colors)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"Expected one finite number for each point, got shape {values.shape}.")
    return by_label(values) if values.dtype.kind in "iub" else by_value(values)
