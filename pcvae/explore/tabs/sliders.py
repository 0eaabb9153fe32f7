"""Sliders on z: along principal directions, number by number, and along factors in real units."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np

from pcvae.editing.factors import allowed, measure
from pcvae.explore.controls import LIMIT, NARROW, STEP, WRAP, Group
from pcvae.explore.recipe import Recipe
from pcvae.shapes import Factor, Family
from pcvae.widgets import slider

UNITS = {"deg": "°", "1": "", "choice": ""}


class StyleSliders(Group):
    """Sliders along the principal directions of z."""

    name = "Sliders along principal directions of z"

    def _rows(self) -> list[widgets.Widget]:
        shares = self.session.workshop.directions.variance_share.tolist()
        self.sliders = tuple(
            slider(
                f"direction {index + 1} ({share:.0%})",
                -LIMIT,
                LIMIT,
                step=STEP,
                tip=f"Moves z along its principal direction {index + 1}, in standard deviations. "
                f"The shapes to choose from vary along it by {share:.0%} of their whole variance.",
            )
            for index, share in enumerate(shares)
        )
        for index, made in enumerate(self.sliders):
            made.observe(self._changing(index), names="value")
        title = "<b>z</b>, one for the shape: principal directions (share of variance)"
        return [widgets.HTML(title), *self.sliders]

    def _changing(self, index: int) -> Callable[[Any], None]:
        def change(_: Any) -> None:
            amounts = tuple(made.value for made in self.sliders)
            self.session.change(key=f"direction {index}", directions=amounts)

        return change

    def follow(self, recipe: Recipe) -> None:
        """Stand at a recipe."""
        for made, amount in zip(self.sliders, recipe.directions, strict=True):
            made.value = amount


class DimensionSliders(Group):
    """A slider on one number of z at a time, whichever is chosen; the others keep their moves."""

    name = "A slider on single numbers of z"

    def _rows(self) -> list[widgets.Widget]:
        size = len(self.session.state.z)
        self.index = widgets.BoundedIntText(
            value=0,
            max=size - 1,
            description="number of z",
            tooltip=f"Which of the {size} numbers of z the slider moves.",
            style=NARROW,
            layout={"width": "220px"},
        )
        self.amount = slider(
            "move it by",
            -LIMIT,
            LIMIT,
            tip="Added to this number of z. Where many carry one property, one moves little.",
            style=NARROW,
        )
        self.list = widgets.HTML()
        self.index.observe(lambda _: self._show(self.session.recipe), names="value")
        self.amount.observe(self._change, names="value")
        title = widgets.HTML("<b>z</b>, number by number")
        return [title, self.index, self.amount, self.list]

    def _change(self, change: Any) -> None:
        moves = {**dict(self.session.recipe.dimensions), self.index.value: change["new"]}
        kept = tuple(sorted((index, by) for index, by in moves.items() if by))
        self.session.change(key=f"number {self.index.value}", dimensions=kept)

    def follow(self, recipe: Recipe) -> None:
        """Stand at a recipe."""
        self._show(recipe)

    def drawn(self) -> None:
        """List what is moved."""
        moves = ", ".join(f"z[{i}] {by:+.2f}" for i, by in self.session.recipe.dimensions)
        self.list.value = f"Moved: {moves}" if moves else "No number is moved."

    def _show(self, recipe: Recipe) -> None:
        with self.session.hold():
            self.amount.value = dict(recipe.dimensions).get(self.index.value, 0.0)


class FactorSliders(Group):
    """Sliders on the factors of a procedural family: asked in real units, and measured.

    The directions are found when the group is looked at first; that takes a second or two.

    Attributes:
        sliders: by the factor's name, once opened.
        measured: what stands beside each, by the factor's name.
    """

    name = "Sliders on factors"

    def _rows(self) -> list[widgets.Widget]:
        self.sliders: dict[str, widgets.FloatSlider] = {}
        self.measured: dict[str, widgets.HTML] = {}
        self.note, self.table = widgets.HTML(), widgets.Box(layout={**WRAP, "overflow": "visible"})
        self._opened, self._shown = False, None
        return [self.note, self.table]

    def _begin_alone(self) -> None:
        self.reveal()

    def reveal(self) -> None:
        """Make the sliders for the shape that is shown; nothing if they are there."""
        if not self._opened:
            self._opened = True
            self.drawn()

    def drawn(self) -> None:
        """Say what is measured on the decoded cloud; for another shape, make its own sliders."""
        if not self._opened:
            return
        recipe = self.session.recipe
        with self.session.guarded():
            if not self.session.workshop.family_of(recipe):
                self._say_none()
            else:
                self._fit(recipe)
                self._measure(recipe)

    def follow(self, recipe: Recipe) -> None:
        """Stand at a recipe."""
        if self.sliders and self._shown == self._shape(recipe):
            changes = dict(recipe.factors)
            for name, made in self.sliders.items():
                made.value = self._own[name] + changes.get(name, 0.0)

    @staticmethod
    def _shape(recipe: Recipe) -> tuple[Any, ...]:
        return recipe.shape, recipe.num_points

    def _say_none(self) -> None:
        self._shown, self.sliders, self.measured, self.table.children = None, {}, {}, ()
        self.note.value = (
            "Factor sliders need shapes whose factors are known: procedural ones. Open the "
            "explorer on such a set, or give one as <code>reference</code>."
        )

    def _fit(self, recipe: Recipe) -> None:
        """Make sliders that stand at the shape's own factors, unless they are there."""
        if self._shown == self._shape(recipe):
            return
        directions = self.session.workshop.factors_of(recipe)
        self._family: Family = directions.family
        changes = dict(recipe.factors)
        known = list(directions.names)
        own = self.session.workshop.own_factors(recipe)
        self._own = {name: _on_grid(self._family.factor(name), own[name]) for name in known}
        self.sliders = {
            name: _factor_slider(
                self._family.factor(name), self._own[name] + changes.get(name, 0.0)
            )
            for name in known
        }
        self.measured = {name: widgets.HTML(layout={"width": "76px"}) for name in known}
        for name, made in self.sliders.items():
            made.observe(self._changing(name), names="value")
        self._shown = self._shape(recipe)
        self.table.children = [
            widgets.HBox([self.sliders[name], self.measured[name]], layout={"width": "50%"})
            for name in known
        ]
        self.note.value = (
            f"<b>Factors of a {self._family.name}</b>: asked, and beside it <i>measured</i> on the "
            f"decoded cloud. All {len(known)} together explain {directions.explained:.0%} of the "
            "variance of z."
        )

    def _changing(self, name: str) -> Callable[[Any], None]:
        def change(_: Any) -> None:
            moves = {n: made.value - self._own[n] for n, made in self.sliders.items()}
            kept = tuple((n, round(by, 6)) for n, by in moves.items() if abs(by) > 1e-6)
            self.session.change(key=f"factor {name}", factors=kept)

        return change

    def asked(self) -> dict[str, float]:
        """Return all factors that are asked for, as a shape of the family could have them."""
        return allowed(self._family, {n: made.value for n, made in self.sliders.items()})

    def _measure(self, recipe: Recipe) -> None:
        directions = self.session.workshop.factors_of(recipe)
        found = measure(directions, self.session.decoded, self.asked())
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
    made = slider(label, low, high, value, tip=tip, step=_step(factor), style=NARROW)
    made.description_allow_html = False
    made.style = {"description_width": "130px"}
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


class GlobalSliders(Group):
    """All sliders on z: principal directions, single numbers, and factors where they are known.

    Alone: `GlobalSliders(model, shapes)`, with the picture above the sliders.

    Attributes:
        style: the sliders along principal directions.
        dimensions: `DimensionSliders`.
        factors: `FactorSliders`.
    """

    name = "Sliders on z"

    def _rows(self) -> list[widgets.Widget]:
        self.directions = StyleSliders(self.session)
        self.style = self.directions.sliders
        self.dimensions = DimensionSliders(self.session)
        self.factors = FactorSliders(self.session)
        for part in (self.directions, self.dimensions):
            part.layout = {"width": "50%", "min_width": "380px"}
        return [widgets.HBox([self.directions, self.dimensions], layout=WRAP), self.factors]

    def _begin_alone(self) -> None:
        self.factors.reveal()
