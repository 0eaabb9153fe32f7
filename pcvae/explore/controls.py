"""Groups of controls. Each is a widget that also works alone: `GlobalSliders(model, shapes)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np

from pcvae.data.clouds import CloudSet
from pcvae.explore.recipe import Recipe
from pcvae.explore.session import COLORS, Session, open_session
from pcvae.models import PointCloudVAE
from pcvae.widgets import slider
from pcvae.widgets.page import PageHelper

LIMIT = 3.0  # standard deviations: nearly all shapes lie within
STEP = 0.05  # of a slider on a direction of z
NARROW = {"description_width": "120px"}
WRAP = {"flex_flow": "row wrap"}


class Group(widgets.VBox):
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
        rows = self._rows()
        self.session.join(self)
        if alone:
            rows = [*picture_rows(self.session), *rows, PageHelper(self.session)]
            self._begin_alone()
        super().__init__(rows)

    def __repr__(self) -> str:
        """Say what a reader without a kernel does not see."""
        shapes = len(self.session.workshop.library)
        return f"{self.name} of {shapes} shapes: run this cell in JupyterLab to see it."

    def _rows(self) -> list[widgets.Widget]:
        """Make the controls, listen to them, and return the rows they stand in."""
        raise NotImplementedError

    def _begin_alone(self) -> None:
        """Do what waits, in a panel, until the group is looked at."""

    def follow(self, recipe: Recipe) -> None:
        """Let the controls stand at a recipe; nothing is drawn by that."""

    def drawn(self) -> None:
        """Tell what is to be told of the picture that was just drawn."""

    def recolored(self, color: str) -> None:
        """Let the controls say by what the points are colored."""


def picture_rows(session: Session) -> list[widgets.Widget]:
    """Return the picture, and what is said of it."""
    return [session.view.widget, session.readout, session.message, widgets.HTML(LOST)]


# Shown by marks on the page (ipywidgets' own, or page.js's): no Python runs any more by then.
LOST = (
    "<style>.pcvae-lost { display: none } "
    ".jupyter-widgets-disconnected .pcvae-lost, .pcvae-gone .pcvae-lost "
    "{ display: block; border-left: 4px solid #b00020; padding-left: 8px }</style>"
    '<div class="pcvae-lost" role="alert"><b>The kernel of this panel is gone</b>, so nothing here '
    "moves any more. Run the notebook's cells again.</div>"
)


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


class TopRow(Group):
    """Choose a shape and colors, undo, redo and reset."""

    def _rows(self) -> list[widgets.Widget]:
        session = self.session
        self.shape = widgets.Dropdown(
            options=list(zip(session.workshop.library.names(), range(10**6), strict=False)),
            value=session.recipe.shape,
            description="Shape",
            tooltip="The shape to edit. The sliders keep their places.",
            style={"description_width": "50px"},
            layout={"width": "315px", "max_width": "100%"},
        )
        self.color = widgets.Dropdown(
            options=COLORS,
            description="Color by",
            tooltip="What the colors of the points tell; they are the same in all views.",
            style={"description_width": "55px"},
            layout={"width": "195px", "max_width": "100%"},
        )
        self.reset = button(
            "Reset sliders",
            "Puts every slider back to where it changes nothing.",
            "undo",
            self._reset,
        )
        self.undo = button("Undo", "Takes the last change back.", "reply", session.undo)
        self.redo = button("Redo", "Takes the last undo back.", "share", session.redo)
        self.shape.observe(self._choose, names="value")
        self.color.observe(self._color, names="value")
        self._enable()
        row = [self.shape, self.color, self.reset, self.undo, self.redo]
        return [widgets.HBox(row, layout=WRAP)]

    def _color(self, _: Any) -> None:
        if not self.session.held:
            self.session.recolor(self.color.value)

    def recolored(self, color: str) -> None:
        """Stand at a way to color."""
        self.color.value = color

    def _choose(self, _: Any) -> None:
        self.session.change(shape=self.shape.value)

    def _reset(self) -> None:
        self.session.reset()

    def _enable(self) -> None:
        """Gray out what cannot be done."""
        self.undo.disabled = not self.session.history.past
        self.redo.disabled = not self.session.history.future

    def add(self, number: int) -> None:
        """Choose a shape that was added to the library."""
        names = self.session.workshop.library.names()
        with self.session.hold():
            self.shape.options = list(zip(names, range(len(names)), strict=True))
            self.shape.value = self.session.recipe.shape
        self.shape.value = number

    def follow(self, recipe: Recipe) -> None:
        """Stand at a recipe."""
        self.shape.value = recipe.shape

    def drawn(self) -> None:
        """Say what can be undone now."""
        self._enable()


@dataclass(frozen=True)
class LocalSlider:
    """One slider on all local latents.

    Attributes:
        field: of the recipe.
        label: what stands beside the slider.
        help: what a tooltip says.
        low, high, rest: the slider's ends, and the value at which it changes nothing.
    """

    field: str
    label: str
    help: str
    low: float
    high: float
    rest: float


# In this order they are applied: noise that is stretched later is stretched with its points.
LOCAL_EDITS = (
    LocalSlider(
        "temperature",
        "noise in h (temperature)",
        "1: h is a fair sample of q(h | x, z), as in training. 0: its mean. Always the same noise.",
        0.0,
        1.5,
        1.0,
    ),
    LocalSlider(
        "forget",
        "forget the input",
        "0: h as the input gives it. 1: noise that knows nothing of the shape; only z does then.",
        0.0,
        1.0,
        0.0,
    ),
    LocalSlider("width", "width of the latent cloud", "Stretches h_xyz along x.", 0.5, 1.5, 1.0),
    LocalSlider(
        "lift",
        "lift the lower part",
        "Moves those h_xyz up that lie below the middle, with a soft edge. In model units.",
        -1.0,
        1.0,
        0.0,
    ),
)


class PointSliders(Group):
    """Sliders on all local latents together."""

    name = "Sliders on h"

    def _rows(self) -> list[widgets.Widget]:
        self.sliders = tuple(
            slider(edit.label, edit.low, edit.high, edit.rest, tip=edit.help)
            for edit in LOCAL_EDITS
        )
        for edit, made in zip(LOCAL_EDITS, self.sliders, strict=True):
            made.observe(self._changing(edit.field), names="value")
        return [widgets.HTML("<b>h</b>, one for every point"), *self.sliders]

    def _changing(self, field: str) -> Callable[[Any], None]:
        return lambda change: self.session.change(key=field, **{field: change["new"]})

    def follow(self, recipe: Recipe) -> None:
        """Stand at a recipe."""
        for edit, made in zip(LOCAL_EDITS, self.sliders, strict=True):
            made.value = getattr(recipe, edit.field)
