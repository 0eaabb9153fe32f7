"""The explorer: all groups of controls around one picture, most of them behind tabs."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float

from pcvae.data.clouds import CloudSet
from pcvae.editing import Directions, LatentState
from pcvae.explore.controls import (
    LIMIT,
    LOCAL_EDITS,
    WRAP,
    Group,
    PointSliders,
    TopRow,
    picture_rows,
)
from pcvae.explore.session import open_session
from pcvae.explore.tabs.mix import StyleSwap
from pcvae.explore.tabs.noise import AddShapes, NoiseControls
from pcvae.explore.tabs.points import LocalEditor
from pcvae.explore.tabs.save import Saver
from pcvae.explore.tabs.sliders import DimensionSliders, FactorSliders, StyleSliders
from pcvae.explore.tabs.walk import Walk
from pcvae.models import PointCloudVAE
from pcvae.widgets import CloudView
from pcvae.widgets.page import PageHelper

__all__ = ["LIMIT", "LOCAL_EDITS", "Explorer"]

COLUMN = {"width": "50%", "min_width": "min(380px, 100%)"}
# What is behind each tab but the first, by the panel's attributes.
PAGES = {
    "Factors": ("factors",),
    "Points": ("editor",),
    "Mix": ("swap",),
    "Noise": ("noise", "numbers"),
    "Walk": ("walk",),
    "More shapes": ("more",),
    "Save": ("saver",),
}


class Explorer(widgets.VBox):
    """Choose a shape, move its latents, see the decoded points follow.

    Every edit starts again from the encoded shape, so that the picture depends on where the
    controls stand and not on how they got there.

    Args:
        model: a trained model in evaluation mode.
        data: the shapes to choose from.
        **options: of `open_session`.

    Attributes:
        session: the recipe, its picture and its history.
        shape: the dropdown; its values are numbers of shapes.
        style: sliders along the principal directions of z.
        local: sliders on h, in the order of `LOCAL_EDITS`.
        reset: the button that puts all sliders back.
        tabs: everything else, one group a tab: `numbers`, `factors`, `editor`, `swap`, `noise`,
            `walk`, `more`, `saver`. A group is made when its tab is first turned to, or when its
            attribute is first read: all at once would keep the reader waiting for the picture.
    """

    def __init__(self, model: PointCloudVAE, data: CloudSet | np.ndarray, **options: Any) -> None:
        self.session = session = open_session(model, data, **options)
        self.top = TopRow(session)
        self.shape, self.color, self.reset = self.top.shape, self.top.color, self.top.reset
        self.directions_group, self.local_group = StyleSliders(session), PointSliders(session)
        self.style, self.local = self.directions_group.sliders, self.local_group.sliders
        self.tabs = self._make_tabs()
        self.helper = PageHelper(session)
        super().__init__([self.top, *picture_rows(session), self.tabs, self.helper])

    def _make_tabs(self) -> widgets.Tab:
        """Return the groups one behind the other: all at once would be a wall of sliders."""
        self.directions_group.layout = self.local_group.layout = COLUMN
        sliders = widgets.HBox([self.directions_group, self.local_group], layout=WRAP)
        later = [widgets.VBox() for _ in PAGES]
        tabs = widgets.Tab([sliders, *later], titles=["Sliders", *PAGES])
        tabs.observe(self._turned, names="selected_index")
        return tabs

    def _turned(self, change: Any) -> None:
        """Fill a tab that is turned to for the first time."""
        index = change["new"]
        if not index or self.tabs.children[index].children:
            return
        with self.session.guarded():
            names = list(PAGES.values())[index - 1]
            self.tabs.children[index].children = [getattr(self, name) for name in names]
            if "factors" in names:
                self.factors.reveal()

    def _open(self, kind: type[Group], *more: Any) -> Any:
        """Return a new group of controls that stand at the session's recipe."""
        group = kind(self.session, *more)
        with self.session.hold():
            group.follow(self.session.recipe)
        group.drawn()
        return group

    @cached_property
    def factors(self) -> FactorSliders:
        """Sliders for leg height, seat width and what else the family of the shape has."""
        return self._open(FactorSliders)

    @cached_property
    def numbers(self) -> DimensionSliders:
        """One number of z at a time."""
        return self._open(DimensionSliders)

    @cached_property
    def editor(self) -> LocalEditor:
        """Edits of chosen points."""
        return self._open(LocalEditor)

    @cached_property
    def swap(self) -> StyleSwap:
        """What is taken from another shape."""
        return self._open(StyleSwap)

    @cached_property
    def noise(self) -> NoiseControls:
        """How h comes about, by which noise, and how many points."""
        return self._open(NoiseControls)

    @cached_property
    def walk(self) -> Walk:
        """A walk from one end of a slider to the other."""
        return self._open(Walk)

    @cached_property
    def more(self) -> AddShapes:
        """Where further shapes come from."""
        return self._open(AddShapes, self.top.add)

    @cached_property
    def saver(self) -> Saver:
        """Files and code."""
        return self._open(Saver, self.walk)

    def __repr__(self) -> str:
        """Say what a reader without a kernel does not see."""
        shapes = len(self.session.workshop.library)
        return f"Explorer of {shapes} shapes: run this cell in JupyterLab to see it."

    @property
    def view(self) -> CloudView:
        """The picture."""
        return self.session.view

    @property
    def directions(self) -> Directions:
        """The principal directions of z."""
        return self.session.workshop.directions

    @property
    def state(self) -> LatentState:
        """The edited latents that are shown."""
        return self.session.state

    @property
    def displacement(self) -> float:
        """How far the edits moved the decoded points on average, in data units."""
        return self.session.displacement

    @property
    def readout(self) -> widgets.HTML:
        """A line that says how far the edits moved the decoded points, and what colors mean."""
        return self.session.readout

    @property
    def message(self) -> widgets.HTML:
        """What went wrong in the last edit, if something did."""
        return self.session.message

    def points(self) -> Float[np.ndarray, "N 3"]:
        """Return the decoded cloud that is shown, in data units."""
        return self.session.points()
