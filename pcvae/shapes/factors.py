"""Factors: the named numbers that a shape is made from, with units and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Factor:
    """One number a family builds its shapes from.

    Attributes:
        name: Key under which the factor is passed to ``Family.build``.
        unit: ``"cm"``, ``"m"``, ``"deg"``, ``"1"`` (a ratio or a count) or ``"choice"``.
        bounds: Smallest and largest value allowed, both included.
        description: One sentence.
        kind: Continuous, integer, or a choice between named options.
        choices: The options of a choice; its values are their positions, 0, 1, ...
        needs: ``(factor, option)``: this factor has an effect only where that choice takes that
            option. None means always.
    """

    name: str
    unit: str
    bounds: tuple[float | int, float | int]
    description: str
    kind: Literal["continuous", "integer", "choice"] = "continuous"
    choices: tuple[str, ...] = ()
    needs: tuple[str, str] | None = None

    @property
    def is_length(self) -> bool:
        """Whether the factor shrinks with the shape when it is scaled into the unit sphere."""
        return self.unit in ("cm", "m")

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw ``(count,)`` values uniformly from all that the bounds allow."""
        low, high = self.bounds
        if self.kind == "continuous":
            return rng.uniform(low, high, count)
        return rng.integers(int(low), int(high), count, endpoint=True).astype(float)

    def parse(self, value: Any) -> np.ndarray:
        """Turn numbers, or the names of options, into a float array.

        Raises:
            ValueError: If an option is unknown, or the value is neither number nor option.
        """
        try:
            values = np.asarray(value)
            if values.dtype.kind in "US":
                values = np.vectorize(self._code, otypes=[float])(values)
            return values.astype(float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name} = {value!r}: expected {self.expected()}.") from error

    def _code(self, option: str) -> float:
        return float(self.choices.index(str(option)))

    def check(self, values: np.ndarray) -> None:
        """Raise a ValueError naming value, bounds and unit unless all values are allowed."""
        low, high = self.bounds
        good = (values >= low) & (values <= high)  # False for NaN too
        if self.kind != "continuous":
            good &= values == np.round(values)
        if not good.all():
            worst = values[~good][0]
            raise ValueError(f"{self.name} = {worst:g}: expected {self.expected()}.")

    def expected(self) -> str:
        """Say in words which values are allowed."""
        if self.kind == "choice":
            return "one of " + ", ".join(f"{c!r} ({i})" for i, c in enumerate(self.choices))
        low, high = self.bounds
        what = "a whole number" if self.kind == "integer" else "a value"
        return f"{what} from {low:g} to {high:g} (unit: {self.unit})"


def continuous(
    name: str,
    unit: str,
    low: float | int,
    high: float | int,
    description: str,
    needs: tuple[str, str] | None = None,
) -> Factor:
    """Declare a factor that takes any value from `low` to `high`."""
    return Factor(name, unit, (low, high), description, needs=needs)


def integer(
    name: str, low: int, high: int, description: str, needs: tuple[str, str] | None = None
) -> Factor:
    """Declare a count, from `low` to `high`, both included."""
    return Factor(name, "1", (low, high), description, kind="integer", needs=needs)


def choice(name: str, choices: tuple[str, ...], description: str) -> Factor:
    """Declare a choice between named options, stored as their positions 0, 1, ..."""
    bounds = (0, len(choices) - 1)
    return Factor(name, "choice", bounds, description, kind="choice", choices=choices)
