"""Take what is shown out of the panel: as Python or as points."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets

from pcvae.data.cloud_files import write_npz, write_ply
from pcvae.explore.controls import WRAP, Group, button
from pcvae.widgets.page import PageHelper


class Save(Group):
    """Buttons that write files, and the Python that makes the cloud anew.

    Attributes:
        folder: where files go.
        code: the Python.
        told: what was written last.
    """

    name = "Saving"

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
            self.code.value = self.copy.text = self.session.editor.code(self.session.settings)
            self.code.layout.display = self.copy.layout.display = ""

    def _saving(self, write: Callable[[Path], Path]) -> Callable[[], None]:
        """Return what writes a file when its button is pressed."""

        def save() -> None:
            with self.session.guarded():
                name = self.session.editor.shapes[self.session.settings.shape].name
                # Without what file systems dislike.
                name = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
                path = write(Path(self.folder.value).expanduser() / name)
                self.told.value = (
                    f'<span role="status">Written: <code>{html.escape(str(path))}</code></span>'
                )

        return save

    def _ply(self, path: Path) -> Path:
        rgb = self.session.coloring().rgb()
        return write_ply(path.with_name(f"{path.name}.ply"), self.session.cloud, rgb)

    def _npz(self, path: Path) -> Path:
        state = self.session.state
        return write_npz(
            path.with_name(f"{path.name}.npz"),
            points=self.session.cloud[None],
            input=self.session.unedited.input,
            z=state.z.cpu().numpy(),
            h=state.h.cpu().numpy(),
        )
