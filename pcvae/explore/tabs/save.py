"""Take what is shown out of the panel: as Python, points, a picture, or a page."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets
import numpy as np

from pcvae import editing
from pcvae.data.cloud_files import write_npz, write_ply
from pcvae.explore import export
from pcvae.explore.code import code_of
from pcvae.explore.controls import WRAP, Group, button
from pcvae.explore.session import Session
from pcvae.explore.tabs.walk import Walk
from pcvae.widgets.page import PageHelper


class Saver(Group):
    """Buttons that write files, and the Python that makes the cloud anew.

    Args:
        session: of the panel.
        walk: of which the page is.

    Attributes:
        folder: where files go.
        code: the Python.
        told: what was written last.
    """

    name = "Saving"

    def __init__(self, session: Session, walk: Walk) -> None:
        self._walk = walk
        super().__init__(session)

    def _rows(self) -> list[widgets.Widget]:
        self.folder = widgets.Text(
            value="exports",
            description="folder",
            tooltip="Where files are written, beside the notebook.",
            style={"description_width": "60px"},
        )
        self.buttons = {
            "Python": button(
                "Python", "Shows code that makes this cloud.", "code", self._show_code
            ),
            "PLY": button("PLY", "Writes the decoded cloud.", "cube", self._saving(self._ply)),
            "NPZ": button("NPZ", "Writes clouds and latents.", "archive", self._saving(self._npz)),
            "PNG": button("PNG", "Writes a picture.", "image", self._saving(self._png)),
            "HTML": button(
                "HTML page of the walk",
                "Writes a page that plays the walk without a kernel.",
                "film",
                self._saving(self._html),
            ),
        }
        self.code = widgets.Textarea(
            description="Python",
            tooltip="Code that makes the cloud that was shown when the button was pressed.",
            layout={"width": "98%", "height": "170px", "display": "none"},
            style={"description_width": "60px"},
        )
        self.copy = PageHelper(text="")
        self.copy.layout.display = "none"
        self.told = widgets.HTML()
        row = widgets.HBox([self.folder, *self.buttons.values()], layout=WRAP)
        return [row, self.told, self.code, self.copy]

    def _show_code(self) -> None:
        with self.session.guarded():
            self.code.value = self.copy.text = code_of(self.session.workshop, self.session.recipe)
            self.code.layout.display = self.copy.layout.display = ""

    def _saving(self, write: Callable[[Path], Path]) -> Callable[[], None]:
        def save() -> None:
            with self.session.guarded():
                path = write(Path(self.folder.value).expanduser())
                self.told.value = (
                    f'<span role="status">Written: <code>{html.escape(str(path))}</code></span>'
                )

        return save

    def _name(self) -> str:
        """Return a file name without what file systems dislike."""
        name = self.session.workshop.library[self.session.recipe.shape].name
        return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)

    def _ply(self, folder: Path) -> Path:
        rgb = self.session.coloring().rgb()
        return write_ply(folder / f"{self._name()}.ply", self.session.decoded, rgb)

    def _npz(self, folder: Path) -> Path:
        state = self.session.state
        return write_npz(
            folder / f"{self._name()}.npz",
            points=self.session.decoded[None],
            input=self.session.reference.input,
            z=state.z.cpu().numpy(),
            h=state.h.cpu().numpy(),
        )

    def _png(self, folder: Path) -> Path:
        clouds = (
            self.session.reference.input,
            editing.latent_points(self.session.state),
            self.session.decoded,
        )
        rgb = self.session.coloring().rgb()
        return export.write_png(folder / f"{self._name()}.png", clouds, rgb)

    def _html(self, folder: Path) -> Path:
        recipes = self._walk.frames()
        frames = np.stack([self.session.clouds(recipe)[1] for recipe in recipes])
        shape = self.session.workshop.library[self.session.recipe.shape].name
        title = f"{shape}: {self._walk.way.label}"
        captions = [f"{index + 1} of {len(frames)}" for index in range(len(frames))]
        rgb = self.session.coloring().rgb()
        return export.write_walk(folder / f"{self._name()}-walk.html", frames, rgb, captions, title)
