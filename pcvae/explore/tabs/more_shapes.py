"""Where shapes come from beside the given set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from pcvae.data.reading import ENDINGS, UPS
from pcvae.explore.controls import Group, button, dropdown, number
from pcvae.shapes import families


class MoreShapes(Group):
    """Add a procedural shape, a sample from the prior, or a file of your own to the list."""

    name = "More shapes"

    def _rows(self) -> list[widgets.Widget]:
        prior = self.session.editor.has_prior
        self.seed = number("seed", "Of the new shape.", 1)
        self.family = dropdown("procedural", "A family.", list(families()), "300px", "130px")
        self.make = button("Add", "Adds a procedural shape of this seed.", "plus", self._procedural)
        self.sample = button(
            "Add a sample from the prior" if prior else "Add a sample from N(0, I)",
            "Adds a new shape, made of noise of this seed.",
            "magic",
            self._sample,
        )
        self.up = dropdown("up in the file", "The file's upward axis.", UPS, "300px", "130px")
        self.upload = widgets.FileUpload(
            accept=",".join(ENDINGS),
            description="Add your own file",
            tooltip="Meshes or points: " + ", ".join(ENDINGS),
            layout={"width": "200px"},
        )
        self.upload.observe(self._uploaded, names="value")
        return [
            self.seed,
            widgets.HBox([self.family, self.make]),
            self.sample,
            widgets.HBox([self.up, self.upload]),
            widgets.HTML(f"Files: {', '.join(ENDINGS)}. They are scaled to the unit sphere."),
        ]

    def _add(self, add: Callable[[], int]) -> None:
        """Add a shape, and choose it."""
        number = None
        with self.session.guarded():
            number = add()
        if number is not None:
            self.session.editor.forget()  # it may have taken the place of one of the same name
            self.session.restore(replace(self.session.settings, shape=number))

    def _procedural(self) -> None:
        shapes = self.session.editor.shapes
        self._add(lambda: shapes.add_procedural(self.family.value, self.seed.value))

    def _sample(self) -> None:
        self._add(lambda: self.session.editor.shapes.add_sample(self.seed.value))

    def _uploaded(self, change: Any) -> None:
        shapes = self.session.editor.shapes
        for file in change["new"]:
            content = bytes(file["content"])
            self._add(lambda f=file, c=content: shapes.add_file(f["name"], c, self.up.value))
