"""The sliders that are seen first: along principal directions of z, and on h of all points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from pcvae import editing
from pcvae.explore.controls import LIMIT, STEP, VALUE, Group, SliderEdit
from pcvae.explore.settings import ALL_POINTS, MOVE_STYLE, Settings
from pcvae.explore.steps import DIRECTIONS, STATE, Step
from pcvae.widgets import slider

# In this order they are applied: noise that is stretched later is stretched with its points.
EDITS = (
    SliderEdit(
        "noise in h (temperature)",
        "1: h is a fair sample of q(h | x, z), as in training. 0: its mean. Always the same noise.",
        (0.0, 1.5, 1.0),
        Step(editing.with_temperature, (STATE, VALUE)),
    ),
    SliderEdit(
        "forget the input",
        "0: h as the input gives it. 1: noise that knows nothing of the shape; only z does then.",
        (0.0, 1.0, 0.0),
        Step(editing.forget_input, (STATE, VALUE)),
    ),
    SliderEdit(
        "width of the latent cloud",
        "Stretches h_xyz along x.",
        (0.5, 1.5, 1.0),
        Step(editing.scale_points, (STATE, VALUE)),
    ),
    SliderEdit(
        "lift the lower part",
        "Moves those h_xyz up that lie below the middle, with a soft edge. In model units.",
        (-1.0, 1.0, 0.0),
        Step(editing.lift_points, (STATE, VALUE)),
    ),
)


def move_style(amounts: tuple[float, ...]) -> Step | None:
    """Return the step that moves z along its principal directions."""
    if not any(amounts):
        return None
    return Step(editing.move_style, (STATE, DIRECTIONS, amounts))


def style_amounts(settings: Settings, count: int) -> tuple[float, ...]:
    """Return by how much settings move z along so many directions."""
    edit = settings.edit(MOVE_STYLE)
    return (0.0,) * count if edit is None else edit.arguments[2]


class StyleSliders(Group):
    """Sliders along the principal directions of z."""

    name = "Sliders along principal directions of z"

    def _rows(self) -> list[widgets.Widget]:
        shares = self.session.editor.directions.variance_share.tolist()
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
            self.session.edit(MOVE_STYLE, move_style(amounts), f"direction {index}")

        return change

    def follow(self, settings: Settings) -> None:
        """Stand at settings."""
        amounts = style_amounts(settings, len(self.sliders))
        for made, amount in zip(self.sliders, amounts, strict=True):
            made.value = amount


class AllPointsSliders(Group):
    """Sliders on h of all points together."""

    name = "Sliders on h of all points"

    def _rows(self) -> list[widgets.Widget]:
        self.edits = EDITS
        self.sliders = tuple(edit.slider() for edit in self.edits)
        for index, made in enumerate(self.sliders):
            made.observe(self._changing(index), names="value")
        return [widgets.HTML("<b>h</b>, one for every point"), *self.sliders]

    def _changing(self, index: int) -> Callable[[Any], None]:
        edit, place = self.edits[index], ALL_POINTS + index
        return lambda change: self.session.edit(place, edit.at(change["new"]))

    def follow(self, settings: Settings) -> None:
        """Stand at settings."""
        for index, (edit, made) in enumerate(zip(self.edits, self.sliders, strict=True)):
            made.value = edit.value_of(settings.edit(ALL_POINTS + index))
