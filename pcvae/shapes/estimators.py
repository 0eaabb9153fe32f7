"""Robust statistics from which the families read factors off noisy clouds.

Values are (B, N), one row a cloud; a mask of the same shape says which points count. Rows without
points that count give NaN.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

Values = Float[np.ndarray, "B N"]
Mask = Bool[np.ndarray, "B N"]
Column = Float[np.ndarray, "B 1"]


def quantile(values: Values, mask: Mask, level: float) -> Column:
    """Quantile of the values that count, interpolated linearly."""
    ranked = np.sort(np.where(mask, values, np.inf), axis=1)
    count = mask.sum(axis=1, keepdims=True)
    place = level * np.maximum(count - 1, 0)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    below, above = (np.take_along_axis(ranked, i, axis=1) for i in (low, high))
    with np.errstate(invalid="ignore"):  # inf - inf in rows without points
        result = below + (place - low) * (above - below)
    return np.where(count > 0, result, np.nan)


def median(values: Values, mask: Mask) -> Column:
    """Middle of the values that count."""
    return quantile(values, mask, 0.5)


def share(mask: Mask, among: Mask) -> Column:
    """Fraction of the points in `among` that are in `mask` too."""
    return (mask & among).sum(axis=1, keepdims=True) / np.maximum(
        among.sum(axis=1, keepdims=True), 1
    )


def upper_end(values: Values, mask: Mask, inner: float = 0.96, outer: float = 0.98) -> Column:
    """Where the values end, upward, without trusting the most extreme ones.

    Two high quantiles are extended in a straight line to level 1, but not beyond the 0.997
    quantile: right for values spread evenly up to the end, and for values that pile up there.
    """
    a, b = quantile(values, mask, inner), quantile(values, mask, outer)
    return np.minimum(b + (b - a) * (1 - outer) / (outer - inner), quantile(values, mask, 0.997))


def lower_end(values: Values, mask: Mask, inner: float = 0.96, outer: float = 0.98) -> Column:
    """Where the values end, downward: `upper_end` of the negative values."""
    return -upper_end(-values, mask, inner, outer)


def slope(x: Values, y: Values, mask: Mask) -> Column:
    """Slope of the least-squares line through the points that count."""
    weight = mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)
    dx = x - (weight * x).sum(axis=1, keepdims=True)
    dy = y - (weight * y).sum(axis=1, keepdims=True)
    spread = (weight * dx * dx).sum(axis=1, keepdims=True)
    return (weight * dx * dy).sum(axis=1, keepdims=True) / np.where(spread > 0, spread, np.nan)
