"""What the controls of one panel share: the recipe they stand at, its picture and its history."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float

from pcvae import editing
from pcvae.data.clouds import CloudSet
from pcvae.editing import LatentState
from pcvae.explore.library import Library, as_clouds
from pcvae.explore.recipe import History, Parts, Recipe, Reference
from pcvae.explore.workshop import Workshop
from pcvae.models import PointCloudVAE
from pcvae.widgets.coloring import Coloring, by_height, by_label, by_value
from pcvae.widgets.view import DECODED, LATENT, CloudView

Color = Literal["height", "part", "feature of h", "displacement", "chosen points"]
COLORS: tuple[Color, ...] = ("height", "part", "feature of h", "displacement", "chosen points")
MOVING_COLORS = ("feature of h", "displacement", "chosen points")  # they change with every edit
FAR = 0.3  # data units: displacements of this size and more have the color of the scale's end


class Session:
    """One shape being edited: a change of the recipe comes in, a drawn picture goes out.

    Args:
        workshop: the model and the shapes.
        view: the picture.
        recipe: what to begin with.

    Attributes:
        recipe: what the controls stand at; what is drawn, unless the last change failed.
        history: of recipes, for undo and redo.
        state: the latents that are drawn.
        decoded: the cloud that is drawn.
        displacement: how far the edits moved the decoded points on average, in data units.
        color: by what points are colored.
        readout: a line on the displacement, and the legend of the colors.
        message: what went wrong in the last change, if something did.
    """

    def __init__(self, workshop: Workshop, view: CloudView, recipe: Recipe) -> None:
        self.workshop, self.view = workshop, view
        self.recipe, self.history = recipe, History(recipe)
        self.color: Color = "height"
        self.state: LatentState | None = None
        self.displacement = 0.0
        self.readout, self.message = widgets.HTML(), widgets.HTML()
        self._groups: list[Any] = []
        self._drawn: Reference | None = None
        self._drawn_h: np.ndarray | None = None
        self._held = False
        self._draw()

    @property
    def reference(self) -> Reference:
        """The unedited shape that is drawn."""
        return self._drawn

    @property
    def held(self) -> bool:
        """Whether controls are being set by the session itself."""
        return self._held

    def join(self, group: Any) -> None:
        """Let a group of controls follow: `group.follow(recipe)` and `group.drawn()` are called."""
        self._groups.append(group)

    def change(self, key: str = "", **fields: Any) -> None:
        """Change the recipe and draw it.

        Args:
            key: the control; further changes by the same one are undone together with this one.
            **fields: of the recipe.
        """
        if self._held:
            return
        self.recipe = replace(self.recipe, **fields)
        with self.guarded():
            self._draw()
            self.history = self.history.push(self.recipe, key)
            self._tell()

    def undo(self) -> None:
        """Go back to the recipe before the last change."""
        self._go(self.history.undo())

    def redo(self) -> None:
        """Take the last undo back."""
        self._go(self.history.redo())

    def reset(self) -> None:
        """Take all edits back, in one step that can be undone itself."""
        self._go(self.history.push(self.recipe.unedited()))

    def restore(self, recipe: Recipe, key: str = "") -> None:
        """Draw a recipe, and let all controls stand at it."""
        self._go(self.history.push(recipe, key))

    def recolor(self, color: Color) -> None:
        """Color the points by something else."""
        self.color = color
        with self.guarded():
            coloring, note = self._coloring(self._drawn, self.state, self.decoded)
            self.view.recolor(coloring)
            self._report(coloring, note)

    @property
    def dark(self) -> bool:
        """Whether picture and legend are drawn for a dark page."""
        return self.view.dark

    @dark.setter
    def dark(self, dark: bool) -> None:
        self.view.dark = dark
        self.recolor(self.color)

    def show_color(self, color: Color) -> None:
        """Color the points by something else, and let the list of colors say so."""
        self.recolor(color)
        with self.hold():
            for group in self._groups:
                group.recolored(color)

    def clouds(self, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
        """Return latent points and decoded cloud of a recipe, without drawing them."""
        state = self.workshop.state(recipe)
        return editing.latent_points(state), self.workshop.decode(state)

    def coloring(self) -> Coloring:
        """Return the colors that are drawn."""
        return self._coloring(self._drawn, self.state, self.decoded)[0]

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Do what a control asks for. An error is shown in the panel; the last view stays."""
        try:
            yield
        except Exception as error:  # whatever it is, a callback's traceback is seen by nobody
            self.message.value = explain(error)
        else:
            if self.message.value:
                self.message.value = ""

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let several controls change without drawing each time."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    def _go(self, history: History) -> None:
        """Draw another recipe of the history, and let the controls follow."""
        if self._held:
            return
        self.recipe, drawn = history.present, False
        with self.guarded():
            self._draw()
            self.history, drawn = history, True
        with self.hold():
            for group in self._groups:
                group.follow(self.recipe)
        if drawn:
            self._tell()

    def _draw(self) -> None:
        """Draw the recipe. Nothing of the session changes before all of it could be computed."""
        reference = self.workshop.reference(self.recipe)
        state = self.workshop.state(self.recipe)
        decoded, latent = self.workshop.decode(state), editing.latent_points(state)
        coloring, note = self._coloring(reference, state, decoded)
        if reference is not self._drawn:
            self.view.show(reference.input, latent, decoded, coloring)
        else:
            self._move(decoded, latent, coloring)
        self._drawn, self._drawn_h = reference, latent
        self.state, self.decoded = state, decoded
        self.displacement = editing.mean_displacement(decoded, reference.decoded)
        self._report(coloring, note)

    def _tell(self) -> None:
        """Let the groups say what they say of a picture."""
        for group in self._groups:
            group.drawn()

    def _move(self, decoded: np.ndarray, latent: np.ndarray, coloring: Coloring) -> None:
        """Send to the page what has changed, and nothing else."""
        same = np.array_equal(latent, self._drawn_h)
        moved = (decoded,) if same else (decoded, latent)
        if self.color in MOVING_COLORS:
            moved = (decoded, None if same else latent, coloring)
        self.view.move(*moved)

    def _coloring(
        self, reference: Reference, state: LatentState, decoded: np.ndarray
    ) -> tuple[Coloring, str]:
        """Return the colors, and what they mean."""
        if self.color == "part" and reference.labels is not None:
            names = self.workshop.library[self.recipe.shape].part_names
            return by_label(reference.labels, names), "part"
        if self.color == "feature of h" and state.h.shape[1] > 3:
            return by_value(editing.feature(state), -2, 2), "feature of h"
        if self.color == "displacement":
            moved = np.linalg.norm(decoded - reference.decoded, axis=1)
            return by_value(moved, 0, FAR), "moved by"
        if self.color == "chosen points":
            where = self.recipe.draft.where
            lost = isinstance(where, Parts) and reference.labels is None
            chosen = np.zeros(len(decoded)) if lost else where.weight(reference)
            return by_value(chosen, 0, 1), "chosen"
        missing = {"part": "its parts are not known; ", "feature of h": "h has no feature; "}
        return by_height(reference.input), missing.get(self.color, "") + "height of the input"

    def _report(self, coloring: Coloring, note: str) -> None:
        """Say how far the edits moved the decoded points, and what the colors mean."""
        self.readout.value = (
            f'<span role="status">The edit moved the decoded points by '
            f"<b>{self.displacement:.3f}</b> on average (a shape has radius 1).</span> "
            f"{legend(coloring.on_dark() if self.view.dark else coloring, note)}"
        )

    def points(self) -> Float[np.ndarray, "N 3"]:
        """Return the decoded cloud that the view shows."""
        return self.view.coordinates(DECODED)

    def latents(self) -> Float[np.ndarray, "N 3"]:
        """Return the latent points that the view shows."""
        return self.view.coordinates(LATENT)


def legend(coloring: Coloring, note: str) -> str:
    """Return a line of HTML that says what the colors mean."""
    if coloring.stepped:
        names = coloring.names or tuple(str(i) for i in range(len(coloring.colors)))
        marks = zip(coloring.colors, names, strict=False)
        return " ".join(
            f'<span style="white-space: nowrap"><span aria-hidden="true" style="color: {color}">'
            f"&#9632;</span> {html.escape(name)}</span>"
            for color, name in marks
        )
    bar = ", ".join(coloring.colors)
    return (
        f'<span style="white-space: nowrap">Color: {html.escape(note)}, {coloring.low:.2f} '
        f'<span aria-hidden="true" style="display: inline-block; width: 60px; height: 10px; '
        f'background: linear-gradient(to right, {bar})"></span> {coloring.high:.2f}</span>'
    )


def explain(error: Exception) -> str:
    """Return an error as a line of HTML that names its cause."""
    cause = html.escape(f"{type(error).__name__}: {error}")
    return (
        '<div role="alert" style="border-left: 4px solid #b00020; padding-left: 8px">'
        f"<b>This edit could not be drawn.</b> The picture shows the last one that could. {cause}"
        "</div>"
    )


def open_session(
    model: PointCloudVAE,
    data: CloudSet | np.ndarray,
    *,
    reference: CloudSet | None = None,
    num_directions: int = 4,
    num_points: int | None = None,
    start: int = 0,
    use_prior: bool | None = None,
    view: CloudView | str = "plotly",
) -> Session:
    """Return a session on a model and shapes.

    Args:
        model: a trained model.
        data: the shapes to choose from: a set, one cloud (N, 3) or several (S, N, 3).
        reference: shapes that the directions of z are found with; `data` by default.
        num_directions: how many sliders for z.
        num_points: points of each shape to use, the first ones; all by default.
        start: number of the shape to begin with.
        use_prior: whether h follows z by the learned prior; by default, if the model has one.
        view: "plotly", whose figures can be read at leisure, or "webgl", which is faster.

    Raises:
        ValueError: if there are too few shapes for the directions asked for.
    """
    model.eval()
    library = Library(as_clouds(data))
    workshop = Workshop(model, library, reference, num_directions, num_points)
    recipe = Recipe(
        shape=start,
        other=(start + 1) % len(library),
        num_points=num_points,
        use_prior=workshop.has_prior if use_prior is None else use_prior,
        directions=(0.0,) * num_directions,
    )
    return Session(workshop, open_view(view, model), recipe)


def open_view(view: CloudView | str, model: PointCloudVAE) -> CloudView:
    """Return the view of a name; one that is given is returned as it is."""
    if not isinstance(view, str):
        return view
    # In model units: inputs, whose radius is 1 in data units, and 97 % of noise from N(0, I).
    latent = max(1 / float(model.normalization.scale), 3.0)
    return CloudView((1, latent, 1), renderer=view)
