"""The explorer: all groups of controls around one picture, most of them behind tabs."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float

from pcvae.data.clouds import CloudSet
from pcvae.explore.controls import LIMIT, LOCAL_EDITS, WRAP, PointSliders, TopRow, picture_rows
from pcvae.explore.editing import Directions, LatentState
from pcvae.explore.global_sliders import DimensionSliders, FactorSliders, StyleSliders
from pcvae.explore.local_editor import LocalEditor
from pcvae.explore.page import PageHelper
from pcvae.explore.saving import Saver
from pcvae.explore.session import View, open_session
from pcvae.explore.sources import AddShapes, NoiseControls
from pcvae.explore.style_swap import StyleSwap
from pcvae.explore.walk import Walk
from pcvae.models import PointCloudVAE

__all__ = ["LIMIT", "LOCAL_EDITS", "Explorer"]

COLUMN = {"width": "50%", "min_width": "380px"}


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
            `walk`, `more`, `saver`.
    """

    def __init__(self, model: PointCloudVAE, data: CloudSet | np.ndarray, **options: Any) -> None:
        self.session = session = open_session(model, data, **options)
        self.top = TopRow(session)
        self.shape, self.color, self.reset = self.top.shape, self.top.color, self.top.reset
        self.directions_group, self.local_group = StyleSliders(session), PointSliders(session)
        self.style, self.local = self.directions_group.sliders, self.local_group.sliders
        self.factors, self.numbers = FactorSliders(session), DimensionSliders(session)
        self.editor, self.swap = LocalEditor(session), StyleSwap(session)
        self.noise, self.walk = NoiseControls(session), Walk(session)
        self.more = AddShapes(session, self.top.add)
        self.saver = Saver(session, self.walk)
        self.tabs = self._make_tabs()
        self.helper = PageHelper(session.view)
        super().__init__([self.top, *picture_rows(session), self.tabs, self.helper])

    def _make_tabs(self) -> widgets.Tab:
        """Return the groups one behind the other: all at once would be a wall of sliders."""
        self.directions_group.layout = self.local_group.layout = COLUMN
        pages = {
            "Sliders": widgets.HBox([self.directions_group, self.local_group], layout=WRAP),
            "Factors": self.factors,
            "Points": self.editor,
            "Mix": self.swap,
            "Noise": widgets.VBox([self.noise, self.numbers]),
            "Walk": self.walk,
            "More shapes": self.more,
            "Save": self.saver,
        }
        tabs = widgets.Tab(list(pages.values()), titles=list(pages))
        tabs.observe(self._turned, names="selected_index")
        return tabs

    def _turned(self, change: Any) -> None:
        """Let the factors be found when they are looked at first."""
        if change["new"] is not None and self.tabs.children[change["new"]] is self.factors:
            self.factors.reveal()

    def __repr__(self) -> str:
        """Say what a reader without a kernel does not see."""
        shapes = len(self.session.workshop.library)
        return f"Explorer of {shapes} shapes: run this cell in JupyterLab to see it."

    @property
    def view(self) -> View:
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
