"""Sliders on the factors of a procedural family: in real units, and measured."""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np

from pcvae import editing
from pcvae.editing.factors import allowed
from pcvae.explore.controls import WRAP, Group
from pcvae.explore.settings import MOVE_FACTORS, Settings
from pcvae.explore.steps import FACTORS, STATE, Step
from pcvae.shapes import Factor, Family
from pcvae.widgets import slider

UNITS = {"deg": "°", "1": "", "choice": ""}
FACTOR = {"description_width": "130px"}


class FactorSliders(Group):
    """Sliders on the factors of a procedural family: asked in real units, and measured.

    Attributes:
        sliders: by the factor's name, if the shape has any.
        measured: what stands beside each, by the factor's name.
    """

    name = "Sliders on factors"

    def _rows(self) -> list[widgets.Widget]:
        self.sliders: dict[str, widgets.FloatSlider] = {}
        self.measured: dict[str, widgets.HTML] = {}
        self.note, self.table = widgets.HTML(), widgets.Box(layout={**WRAP, "overflow": "visible"})
        self._shown: tuple[Any, ...] | None = None
        return [self.note, self.table]

    def drawn(self) -> None:
        """Say what is measured on the decoded cloud; for another shape, make its own sliders."""
        settings = self.session.settings
        try:
            self._fit(settings)
        except ValueError as error:  # these shapes have none, or too few of them are known
            self._shown, self.sliders, self.measured, self.table.children = None, {}, {}, ()
            self.note.value = html.escape(str(error))
        else:
            self._measure(settings)

    def follow(self, settings: Settings) -> None:
        """Stand at settings."""
        if self.sliders and self._shown == self._shape(settings):
            self._stand(settings)

    @staticmethod
    def _shape(settings: Settings) -> tuple[Any, ...]:
        return settings.shape, settings.num_points

    def _fit(self, settings: Settings) -> None:
        """Make sliders that stand at the shape's own factors, unless they are there."""
        if self._shown == self._shape(settings):
            return
        directions = self.session.editor.factors_of(settings)
        self._family: Family = directions.family
        known = list(directions.names)
        own = self.session.editor.own_factors(settings)
        self._own = {name: _on_grid(self._family.factor(name), own[name]) for name in known}
        self.sliders = {
            name: _factor_slider(self._family.factor(name), self._own[name]) for name in known
        }
        self._stand(settings)
        self.measured = {name: widgets.HTML(layout={"width": "76px"}) for name in known}
        for name, made in self.sliders.items():
            made.observe(self._changing(name), names="value")
        self._shown = self._shape(settings)
        self.table.children = [
            widgets.HBox([self.sliders[name], self.measured[name]], layout={"width": "50%"})
            for name in known
        ]
        self.note.value = (
            f"<b>Factors of a {self._family.name}</b>: asked, and beside it <i>measured</i> on the "
            f"decoded cloud. All {len(known)} together explain {directions.explained:.0%} of the "
            "variance of z."
        )

    def _stand(self, settings: Settings) -> None:
        """Let each slider stand at the shape's own factor and what settings add to it."""
        edit = settings.edit(MOVE_FACTORS)
        changes = {} if edit is None else edit.arguments[2]
        for name, made in self.sliders.items():
            made.value = self._own[name] + changes.get(name, 0.0)

    def _changing(self, name: str) -> Callable[[Any], None]:
        def change(_: Any) -> None:
            moves = {n: made.value - self._own[n] for n, made in self.sliders.items()}
            moves = {n: round(by, 6) for n, by in moves.items() if abs(by) > 1e-6}
            edit = Step(editing.move_factors, (STATE, FACTORS, moves)) if moves else None
            self.session.edit(MOVE_FACTORS, edit, f"factor {name}")

        return change

    def asked(self) -> dict[str, float]:
        """Return all factors that are asked for, as a shape of the family could have them."""
        return allowed(self._family, {n: made.value for n, made in self.sliders.items()})

    def _measure(self, settings: Settings) -> None:
        directions = self.session.editor.factors_of(settings)
        found = editing.measure(directions, self.session.cloud, self.asked())
        for name, text in self.measured.items():
            text.value = _measured_text(self._family.factor(name), found.get(name))


def _step(factor: Factor) -> float:
    """Return a round step, of which a factor's bounds are some hundreds apart."""
    low, high = factor.bounds
    return 10.0 ** math.floor(math.log10((high - low) / 100)) if _smooth(factor) else 0.1


def _smooth(factor: Factor) -> bool:
    return factor.kind == "continuous"


def _on_grid(factor: Factor, value: float) -> float:
    """Return the nearest place at which a slider can stand.

    The page rounds a slider to its step and reports that, which would look like a change.
    """
    low, high = factor.bounds
    step = _step(factor)
    return round(low + round((np.clip(value, low, high) - low) / step) * step, 6)


def _factor_slider(factor: Factor, value: float) -> widgets.FloatSlider:
    """Return a slider over a factor's bounds; beyond them, no shape has been seen."""
    low, high = factor.bounds
    unit = UNITS.get(factor.unit, factor.unit)
    label = factor.name.replace("_", " ") + (f" ({unit})" if unit else "")
    tip = f"{factor.description} {factor.name}: {factor.expected()}."
    value = float(np.clip(value, low, high))
    made = slider(label, low, high, value, tip=tip, step=_step(factor), style=FACTOR)
    made.description_allow_html = False
    made.readout_format = ".1f" if high - low > 2 else ".2f"
    return made


def _measured_text(factor: Factor, value: float | None) -> str:
    """Return what stands beside a slider."""
    if value is None:
        return '<span title="This factor cannot be measured on a cloud.">–</span>'
    if np.isnan(value):
        return '<span title="Nothing was found to measure.">none</span>'
    unit = UNITS.get(factor.unit, factor.unit)
    return f'<i title="Measured on the decoded cloud.">{value:.1f} {unit}</i>'
