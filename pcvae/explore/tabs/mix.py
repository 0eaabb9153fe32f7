"""Two shapes: the z of one with the h of the other, and the ways between them."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from pcvae.explore.controls import NARROW, Group
from pcvae.explore.recipe import Recipe
from pcvae.widgets import slider

MIXES = (
    ("nothing", "nothing"),
    ("all of z", "swap z"),
    ("all of h", "swap h"),
    ("a part of z", "z"),
    ("a part of h", "h"),
    ("a part of both", "both"),
    ("a part of the noise", "noise"),
)
TIPS = (
    "The shape as it is.",
    "The swap test: its own h with the other's z.",
    "The other half of it: its own z with the other's h.",
    "z on the straight line to the other's.",
    "h on the straight line to the other's, points paired by their places.",
    "Both on straight lines.",
    "Both on the circle in the noise that the learned prior makes them from.",
)
SWAPS = ("nothing", "swap z", "swap h")


class StyleSwap(Group):
    """Take z or h, or a part of them, from another shape.

    Alone: `StyleSwap(model, shapes)`, with the picture above the controls.

    Attributes:
        other: the list of shapes to take from.
        mix: what is taken.
        amount: how much of it.
    """

    name = "Swaps and interpolations"

    def _rows(self) -> list[widgets.Widget]:
        recipe = self.session.recipe
        names = self.session.workshop.library.names()
        prior = self.session.workshop.has_prior
        self.other = widgets.Dropdown(
            options=_numbered(names),
            value=recipe.other,
            description="Take from",
            tooltip="The shape that gives.",
            style=NARROW,
            layout={"width": "460px"},
        )
        self.mix = widgets.RadioButtons(
            options=[option for option in MIXES if prior or option[1] != "noise"],
            value=recipe.mix,
            description="what",
            tooltip=" ".join(
                f"{label}: {tip}" for (label, _), tip in zip(MIXES, TIPS, strict=True)
            ),
            style=NARROW,
            layout={"width": "460px"},
        )
        self.amount = slider(
            "how much of it", 0.0, 1.0, 0.0, tip="0: none. 1: all of it.", style=NARROW
        )
        self.note = widgets.HTML()
        for field in ("other", "mix", "amount"):
            getattr(self, field).observe(self._change, names="value")
        self._explain()
        return [self.other, self.mix, self.amount, self.note]

    def _change(self, change: Any) -> None:
        self._explain()
        self.session.change(
            key="amount" if change["owner"] is self.amount else "",
            other=self.other.value,
            mix=self.mix.value,
            amount=self.amount.value,
        )

    def _explain(self) -> None:
        """Say what is done, and gray out what has no effect."""
        self.amount.disabled = self.mix.value in SWAPS
        tips = {value: tip for (_, value), tip in zip(MIXES, TIPS, strict=True)}
        self.note.value = tips[self.mix.value]

    def follow(self, recipe: Recipe) -> None:
        """Stand at a recipe."""
        names = self.session.workshop.library.names()
        if len(self.other.options) != len(names):
            self.other.options = _numbered(names)
        self.other.value, self.mix.value = recipe.other, recipe.mix
        self.amount.value = recipe.amount
        self._explain()

    def drawn(self) -> None:
        """List the shapes that were added."""
        names = self.session.workshop.library.names()
        if len(self.other.options) != len(names):
            with self.session.hold():
                self.other.options = _numbered(names)
                self.other.value = self.session.recipe.other


def _numbered(names: list[str]) -> list[tuple[str, int]]:
    return [(name, number) for number, name in enumerate(names)]
