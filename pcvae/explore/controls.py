"""Groups of controls. Each is a widget that also works alone: `Mix(model, shapes)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets as widgets
import numpy as np

from pcvae.data.clouds import CloudSet
from pcvae.explore.session import Session, open_session
from pcvae.explore.settings import Settings
from pcvae.explore.steps import Name, Step
from pcvae.models import PointCloudVAE
from pcvae.widgets import slider
from pcvae.widgets.page import PageHelper
from pcvae.widgets.panel import Panel

LIMIT = 3.0  # standard deviations: nearly all shapes lie within
STEP = 0.05  # of a slider on a direction of z
NARROW = {"description_width": "120px"}
WRAP = {"flex_flow": "row wrap"}
VALUE = Name("value")


class Group(Panel, widgets.VBox):
    """Controls on one session.

    Args:
        model: a model, for a widget that stands alone, with a picture above the controls; or the
            session of a panel, for one among others.
        data: the shapes to choose from, for a widget that stands alone.
        **options: of `open_session`.

    Attributes:
        session: what the controls act on.
    """

    name = "Controls"

    def __init__(
        self,
        model: PointCloudVAE | Session,
        data: CloudSet | np.ndarray | None = None,
        **options: Any,
    ) -> None:
        alone = not isinstance(model, Session)
        self.session = open_session(model, data, **options) if alone else model
        self.name = f"{self.name} of {len(self.session.editor.shapes)} shapes"
        self.pictures = [self.session.view]
        rows = self._rows()
        self.session.join(self)
        if alone:
            rows = [*picture_rows(self.session), *rows, PageHelper(self.session)]
        super().__init__(rows)

    def _rows(self) -> list[widgets.Widget]:
        """Make the controls, listen to them, and return the rows they stand in."""
        raise NotImplementedError

    def follow(self, settings: Settings) -> None:
        """Let the controls stand at settings; nothing is drawn by that."""

    def drawn(self) -> None:
        """Tell what is to be told of the picture that was just drawn."""

    def recolored(self, color: str) -> None:
        """Let the controls say by what the points are colored."""


def picture_rows(session: Session) -> list[widgets.Widget]:
    """Return the picture, and what is said of it."""
    return [session.view.widget, session.readout, session.message]


def button(label: str, tip: str, icon: str, action: Callable[[], None]) -> widgets.Button:
    """Return a button that does something."""
    made = widgets.Button(
        description=label,
        tooltip=tip,
        icon=icon,
        layout={"width": "auto", "min_width": "60px", "align_self": "flex-start"},
    )
    made.on_click(lambda _: action())
    return made


def dropdown(
    label: str, tip: str, options: Any = (), width: str = "460px", label_width: str = "120px"
) -> widgets.Dropdown:
    """Return a list to choose from."""
    return widgets.Dropdown(
        options=options,
        description=label,
        tooltip=tip,
        style={"description_width": label_width},
        layout={"width": width, "max_width": "100%"},
    )


def number(
    label: str, tip: str, value: int = 0, low: int = 0, high: int = 2**31 - 1, step: int = 1
) -> widgets.BoundedIntText:
    """Return a field for a whole number."""
    made = widgets.BoundedIntText(value=value, min=low, max=high, step=step, description=label)
    made.tooltip, made.style = tip, {"description_width": "130px"}
    return made


@dataclass(frozen=True)
class SliderEdit:
    """An edit that has a slider: all that the explorer has to know of it.

    Attributes:
        label: what stands beside the slider.
        tip: what is said where the mouse rests.
        span: the slider's ends, and the value at which nothing is edited.
        edit: the step, with `VALUE` among its arguments where the slider's value goes.
        step: of the slider.
    """

    label: str
    tip: str
    span: tuple[float, float, float]
    edit: Step
    step: float = STEP

    def slider(self, **options: Any) -> widgets.FloatSlider:
        """Return the slider; options are those of `pcvae.widgets.slider`."""
        return slider(self.label, *self.span, tip=self.tip, step=self.step, **options)

    def at(self, value: float) -> Step | None:
        """Return the step that a value stands for; None at rest."""
        if value == self.span[2]:
            return None
        return replace(self.edit, arguments=_filled(self.edit.arguments, value))

    def value_of(self, step: Step | None) -> float:
        """Return the value that stands for a step."""
        return self.span[2] if step is None else _found(self.edit.arguments, step.arguments)


def _filled(template: Any, value: float) -> Any:
    """Return arguments with a value in its places."""
    if isinstance(template, tuple):
        return tuple(_filled(part, value) for part in template)
    return value if template == VALUE else template


def _found(template: Any, arguments: Any) -> float | None:
    """Return the value that stands in arguments."""
    if isinstance(template, tuple):
        found = (_found(part, given) for part, given in zip(template, arguments, strict=True))
        return next((value for value in found if value is not None), None)
    return arguments if template == VALUE else None
