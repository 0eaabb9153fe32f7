"""Where shapes come from beside the given set, and where the noise in h comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from pcvae.data.meshes import ENDINGS, UPS
from pcvae.explore.controls import Group, button
from pcvae.explore.recipe import Recipe
from pcvae.shapes import families

MOST_POINTS = 8192
FEWEST_POINTS = 128


class NoiseControls(Group):
    """How h comes about: held or through the prior, by which noise, and how many points.

    Attributes:
        use_prior: whether h follows z.
        seed: of the noise.
        num_points: how many points.
    """

    name = "Noise and number of points"

    def _rows(self) -> list[widgets.Widget]:
        recipe, shown = self.session.recipe, len(self.session.reference.input)
        self.use_prior = widgets.Checkbox(
            value=recipe.use_prior,
            description="h follows z, by the learned prior p(h | z)",
            tooltip="Off, h stays where the encoder put it, whatever z is.",
            disabled=not self.session.workshop.has_prior,
            indent=False,
        )
        self.seed = widgets.BoundedIntText(
            value=recipe.seed,
            max=2**31 - 1,
            description="seed of the noise",
            tooltip="Another number draws other noise for every point.",
            style={"description_width": "130px"},
        )
        self.num_points = widgets.BoundedIntText(
            value=shown,
            min=min(FEWEST_POINTS, shown),
            max=MOST_POINTS,
            step=128,
            description="number of points",
            tooltip="The first ones of the shape; beyond what it has, again with other noise.",
            style={"description_width": "130px"},
        )
        self.new = button("New noise", "Takes the next seed.", "random", self._next)
        self.use_prior.observe(self._changing("use_prior"), names="value")
        self.seed.observe(self._changing("seed"), names="value")
        self.num_points.observe(self._changing("num_points"), names="value")
        note = (
            "This model has no learned prior: h stays as encoded."
            if self.use_prior.disabled
            else "Through the prior, <i>forget the input</i> = 1 leaves z and this noise."
        )
        seeds = widgets.HBox([self.seed, self.new])
        return [self.use_prior, widgets.HTML(note), seeds, self.num_points]

    def _changing(self, field: str) -> Callable[[Any], None]:
        return lambda change: self.session.change(key=field, **{field: change["new"]})

    def _next(self) -> None:
        self.seed.value += 1

    def follow(self, recipe: Recipe) -> None:
        """Stand at a recipe."""
        self.use_prior.value, self.seed.value = recipe.use_prior, recipe.seed

    def drawn(self) -> None:
        """Say how many points there are."""
        with self.session.hold():
            self.num_points.value = len(self.session.reference.input)


class AddShapes(Group):
    """Add a procedural shape, a sample from the prior, or a file of your own to the list.

    Args:
        session: of the panel.
        choose: what makes an added shape, by its number, the chosen one.
    """

    name = "More shapes"

    def __init__(self, session: Any, choose: Callable[[int], None]) -> None:
        self._choose = choose
        super().__init__(session)

    def _rows(self) -> list[widgets.Widget]:
        label = {"description_width": "130px"}
        prior = self.session.workshop.has_prior
        self.seed = widgets.BoundedIntText(
            value=1, max=2**31 - 1, description="seed", tooltip="Of the new shape.", style=label
        )
        self.family = widgets.Dropdown(
            options=list(families()), description="procedural", tooltip="A family.", style=label
        )
        self.make = button("Add", "Adds a procedural shape of this seed.", "plus", self._procedural)
        self.sample = button(
            "Add a sample from the prior" if prior else "Add a sample from N(0, I)",
            "Adds a new shape, made of noise of this seed.",
            "magic",
            self._sample,
        )
        self.up = widgets.Dropdown(
            options=UPS,
            description="up in the file",
            tooltip="The file's upward axis.",
            style=label,
        )
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
        number = None
        with self.session.guarded():
            number = add()
        if number is not None:
            self._choose(number)

    def _procedural(self) -> None:
        library = self.session.workshop.library
        self._add(lambda: library.add_procedural(self.family.value, self.seed.value))

    def _sample(self) -> None:
        self._add(lambda: self.session.workshop.library.add_sample(self.seed.value))

    def _uploaded(self, change: Any) -> None:
        library = self.session.workshop.library
        for file in change["new"]:
            content = bytes(file["content"])
            self._add(lambda f=file, c=content: library.add_file(f["name"], c, self.up.value))
