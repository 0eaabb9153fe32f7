"""The explorer: all groups of controls around one picture, most of them behind tabs."""

from __future__ import annotations

from typing import Any, TypeVar

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float

from pcvae import editing
from pcvae.data.clouds import CloudSet
from pcvae.explore.controls import WRAP, Group, button, dropdown, picture_rows
from pcvae.explore.session import COLORS, open_session
from pcvae.explore.settings import Settings
from pcvae.explore.tabs.factors import FactorSliders
from pcvae.explore.tabs.mix import Mix
from pcvae.explore.tabs.more_shapes import MoreShapes
from pcvae.explore.tabs.noise import Noise, NumberSliders
from pcvae.explore.tabs.points import EditsOfChosenPoints
from pcvae.explore.tabs.save import Save
from pcvae.explore.tabs.sliders import AllPointsSliders, StyleSliders
from pcvae.explore.tabs.walk import Walk
from pcvae.models import PointCloudVAE
from pcvae.widgets.page import PageHelper
from pcvae.widgets.panel import Panel

# What stands behind each tab; the groups of a tab are in the file of its title.
TABS: dict[str, tuple[type[Group], ...]] = {
    "Sliders": (StyleSliders, AllPointsSliders),
    "Factors": (FactorSliders,),
    "Points": (EditsOfChosenPoints,),
    "Mix": (Mix,),
    "Noise": (Noise, NumberSliders),
    "Walk": (Walk,),
    "More shapes": (MoreShapes,),
    "Save": (Save,),
}
Kind = TypeVar("Kind", bound=Group)


class TopRow(Group):
    """Choose a shape and colors, undo, redo and reset."""

    def _rows(self) -> list[widgets.Widget]:
        session = self.session
        tip = "The shape to edit. The sliders keep their places."
        self.shape = dropdown("Shape", tip, width="315px", label_width="50px")
        tip = "What the colors of the points tell; they are the same in all views."
        self.color = dropdown("Color by", tip, COLORS, width="195px", label_width="55px")
        tip = "Puts every slider back to where it changes nothing."
        self.reset = button("Reset sliders", tip, "undo", session.reset)
        self.undo = button("Undo", "Takes the last change back.", "reply", session.undo)
        self.redo = button("Redo", "Takes the last undo back.", "share", session.redo)
        self.shape.observe(self._choose, names="value")
        self.color.observe(self._color, names="value")
        row = [self.shape, self.color, self.reset, self.undo, self.redo]
        return [widgets.HBox(row, layout=WRAP)]

    def _choose(self, change: Any) -> None:
        self.session.change(shape=change["new"])

    def _color(self, change: Any) -> None:
        if not self.session.held:
            self.session.recolor(change["new"])

    def recolored(self, color: str) -> None:
        """Stand at a way to color."""
        self.color.value = color

    def follow(self, settings: Settings) -> None:
        """Stand at settings; list shapes that were added."""
        names = self.session.editor.shapes.names()
        if len(self.shape.options) != len(names):
            self.shape.options = list(zip(names, range(len(names)), strict=True))
        self.shape.value = settings.shape

    def drawn(self) -> None:
        """Gray out what cannot be done now."""
        self.undo.disabled = not self.session.history.past
        self.redo.disabled = not self.session.history.future


class Explorer(Panel, widgets.VBox):
    """Choose a shape, move its latents, see the decoded points follow.

    Every edit starts again from the encoded shape, so that the picture depends on where the
    controls stand and not on how they got there.

    Args:
        model: a trained model in evaluation mode.
        data: the shapes to choose from.
        **options: of `open_session`.

    Attributes:
        session: the settings, their picture and their history.
        shape: the list of shapes.
        color: the list of ways to color.
        reset: the button that puts every slider to rest.
        style: the sliders along the principal directions of z.
        all_points: the sliders on h of all points.
        tabs: all groups of controls; each is made when its tab is first turned to, or asked for by
            `group`: all at once would keep the reader waiting for the picture.
    """

    def __init__(self, model: PointCloudVAE, data: CloudSet | np.ndarray, **options: Any) -> None:
        self.session = session = open_session(model, data, **options)
        self.name = f"Explorer of {len(session.editor.shapes)} shapes"
        self.pictures = [session.view]
        self._groups: dict[type[Group], Group] = {}
        self.top = TopRow(session)
        self.shape, self.color, self.reset = self.top.shape, self.top.color, self.top.reset
        self.style = self.group(StyleSliders).sliders
        self.all_points = self.group(AllPointsSliders).sliders
        self.tabs = self._make_tabs()
        self.helper = PageHelper(session)
        super().__init__([self.top, *picture_rows(session), self.tabs, self.helper])

    def group(self, kind: type[Kind]) -> Kind:
        """Return a group of controls by its class; it is made if it is not there yet."""
        if kind not in self._groups:
            self._groups[kind] = kind(self.session)
        return self._groups[kind]

    def _make_tabs(self) -> widgets.Tab:
        """Return the groups one behind the other: all at once would be a wall of sliders."""
        first = [self.group(kind) for kind in TABS["Sliders"]]
        for group in first:
            group.layout = {"width": "50%", "min_width": "min(380px, 100%)"}
        later = [widgets.VBox() for _ in list(TABS)[1:]]
        tabs = widgets.Tab([widgets.HBox(first, layout=WRAP), *later], titles=list(TABS))
        tabs.observe(self._turned, names="selected_index")
        return tabs

    def _turned(self, change: Any) -> None:
        """Fill a tab that is turned to for the first time."""
        page = self.tabs.children[change["new"]]
        if not page.children:
            with self.session.guarded():
                page.children = [self.group(kind) for kind in TABS[self.tabs.titles[change["new"]]]]

    @property
    def directions(self) -> editing.Directions:
        """The principal directions of z."""
        return self.session.editor.directions

    def points(self) -> Float[np.ndarray, "N 3"]:
        """Return the decoded cloud that is shown, in data units."""
        return self.session.cloud
