"""What the controls of one panel share: the settings they stand at, the picture and the history."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, get_args

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float

from pcvae import editing
from pcvae.data.clouds import CloudSet
from pcvae.explore.editor import Editor, Unedited
from pcvae.explore.settings import History, Settings
from pcvae.explore.shape_list import ShapeList
from pcvae.explore.steps import LABELS, Step
from pcvae.models import PointCloudVAE
from pcvae.widgets import CloudView, Coloring, by_height, by_label, by_value
from pcvae.widgets.page import OnPage

Color = Literal["height", "part", "feature of h", "displacement", "chosen points"]
COLORS: tuple[Color, ...] = get_args(Color)
MOVING_COLORS = ("feature of h", "displacement", "chosen points")  # they change with every edit
FAR = 0.3  # data units: displacements of this size and more have the color of the scale's end


class Session(OnPage):
    """One shape being edited: a change of the settings comes in, a drawn picture goes out.

    Args:
        editor: the model and the shapes.
        view: the picture.
        settings: what to begin with.

    Attributes:
        settings: what the controls stand at; what is drawn, unless the last change failed.
        history: of settings, for undo and redo.
        unedited: the shape that is drawn, before all edits.
        state: the latents that are drawn.
        cloud: the decoded cloud that is drawn.
        displacement: how far the edits moved the decoded points on average, in data units.
        color: by what points are colored.
        readout: a line on the displacement, and the legend of the colors.
        message: what went wrong in the last change, if something did.
    """

    def __init__(self, editor: Editor, view: CloudView, settings: Settings) -> None:
        self.editor, self.view = editor, view
        self.settings, self.history = settings, History(settings)
        self.color: Color = "height"
        self.displacement = 0.0
        self.readout, self.message = widgets.HTML(), widgets.HTML()
        self._groups: list[Any] = []
        self.unedited: Unedited | None = None
        self.state: editing.LatentState | None = None
        self._sent_h: np.ndarray | None = None  # latent points that the page has
        self.held, self._behind = False, False  # held: the session itself sets controls
        self._draw()

    def join(self, group: Any) -> None:
        """Let a group of controls follow: its `follow(settings)` and `drawn()` are called."""
        self._groups.append(group)
        with self.hold():
            group.follow(self.settings)
        group.drawn()

    def change(self, key: str = "", **fields: Any) -> None:
        """Change the settings and draw them.

        Args:
            key: the control; further changes by the same one are undone together with this one.
            **fields: of the settings.
        """
        self._show(self.history.push(replace(self.settings, **fields), key), follow=False)

    def edit(self, place: int, edit: Step | None, key: str = "") -> None:
        """Make another edit at a place, or none there, and draw it."""
        self.change(key or f"edit {place}", edits=self.settings.with_edit(place, edit).edits)

    def undo(self) -> None:
        """Go back to the settings before the last change; after one that failed, to those drawn."""
        failed = self.settings != self.history.present
        self._show(self.history if failed else self.history.undo())

    def redo(self) -> None:
        """Take the last undo back."""
        self._show(self.history.redo())

    def reset(self) -> None:
        """Take all edits back, in one step that can be undone itself."""
        self.restore(self.settings.unedited())

    def restore(self, settings: Settings, key: str = "") -> None:
        """Draw settings, and let all controls stand at them."""
        self._show(self.history.push(settings, key))

    def recolor(self, color: Color) -> None:
        """Color the points by something else."""
        self.color = color
        with self.guarded():
            coloring, note = self._coloring(self.unedited, self.state, self.cloud)
            self.view.recolor(coloring)
            self._report(coloring, note)

    def show_color(self, color: Color) -> None:
        """Color the points by something else, and let the list of colors say so."""
        self.recolor(color)
        with self.hold():
            for group in self._groups:
                group.recolored(color)

    def _darken(self, dark: bool) -> None:
        """Change picture and legend."""
        self.view.dark = dark
        self.recolor(self.color)

    def coloring(self) -> Coloring:
        """Return the colors that are drawn."""
        return self._coloring(self.unedited, self.state, self.cloud)[0]

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Do what a control asks for. An error is shown in the panel; the last view stays.

        An interrupt is shown, too, and goes on to whoever waits for it. It may have come anywhere,
        so whatever is drawn next sends the whole picture and sets all controls.
        """
        try:
            yield
        except BaseException as error:  # whatever it is, a callback's traceback is seen by nobody
            self.message.value = explain(error)
            if not isinstance(error, Exception):
                self._behind, self._sent_h = True, None
                raise
        else:
            if self.message.value:
                self.message.value = ""

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let several controls change without drawing each time."""
        before, self.held = self.held, True
        try:
            yield
        finally:
            self.held = before

    def _show(self, history: History, follow: bool = True) -> None:
        """Draw the present of a history, and let the controls follow: all, if asked or needed."""
        if self.held:
            return
        drawn, self.settings = False, history.present
        with self.guarded():
            try:
                self._draw()
                self.history, drawn = history, True
            finally:
                if follow or self._behind:
                    self._follow()
            if drawn:
                for group in self._groups:
                    group.drawn()

    def _follow(self) -> None:
        """Let all controls stand at the settings."""
        self._behind = True
        with self.hold():
            for group in self._groups:
                group.follow(self.settings)
        self._behind = False

    def _draw(self) -> None:
        """Draw the settings. Nothing of the session changes before all of it could be computed."""
        unedited = self.editor.unedited(self.settings)
        state, cloud = self.editor.run(self.settings)
        latent = editing.latent_points(state)
        coloring, note = self._coloring(unedited, state, cloud)
        self._send(unedited, latent, cloud, coloring)
        self.unedited, self.state, self.cloud = unedited, state, cloud
        self.displacement = editing.mean_displacement(cloud, unedited.decoded)
        self._report(coloring, note)

    def _send(
        self, unedited: Unedited, latent: np.ndarray, cloud: np.ndarray, coloring: Coloring
    ) -> None:
        """Send to the page what has changed, and nothing else."""
        sent, self._sent_h = self._sent_h, None  # if this is cut short, the next one sends all
        if sent is None or unedited.state is not self.unedited.state:
            self.view.show(unedited.input, latent, cloud, coloring)
        else:
            moved = [cloud, None if np.array_equal(latent, sent) else latent]
            self.view.move(*moved, coloring if self.color in MOVING_COLORS else None)
        self._sent_h = latent

    def _coloring(
        self, unedited: Unedited, state: editing.LatentState, cloud: np.ndarray
    ) -> tuple[Coloring, str]:
        """Return the colors, and what they mean."""
        if self.color == "part" and unedited.labels is not None:
            names = self.editor.shapes[self.settings.shape].part_names
            return by_label(unedited.labels, names), "part"
        if self.color == "feature of h" and state.h.shape[1] > 3:
            return by_value(editing.feature(state), -2, 2), "feature of h"
        if self.color == "displacement":
            moved = np.linalg.norm(cloud - unedited.decoded, axis=1)
            return by_value(moved, 0, FAR), "moved by"
        if self.color == "chosen points":
            weight = self.chosen(unedited)
            return by_value(np.zeros(len(cloud)) if weight is None else weight, 0, 1), "chosen"
        missing = {"part": "its parts are not known; ", "feature of h": "h has no feature; "}
        return by_height(unedited.input), missing.get(self.color, "") + "height of the input"

    def chosen(self, unedited: Unedited) -> Float[np.ndarray, " N"] | None:
        """Return how fully each point is chosen; None by parts that are not known."""
        where = self.settings.draft.where
        if LABELS in where.arguments and unedited.labels is None:
            return None
        return self.editor.weight(self.settings, where)

    def _report(self, coloring: Coloring, note: str) -> None:
        """Say how far the edits moved the decoded points, and what the colors mean."""
        self.readout.value = (
            f'<span role="status">The edit moved the decoded points by '
            f"<b>{self.displacement:.3f}</b> on average (a shape has radius 1).</span> "
            f"{legend(coloring.on_dark() if self.view.dark else coloring, note)}"
        )


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


def explain(error: BaseException) -> str:
    """Return an error, or an interrupt, as a line of HTML that says what the picture shows."""
    if isinstance(error, Exception):
        told = "<b>This edit could not be drawn.</b> The picture shows the last one that could. "
        told += html.escape(f"{type(error).__name__}: {error}")
    else:
        told = (
            "<b>This edit was interrupted.</b> The picture may not show what the controls stand "
            "at. Move any of them, or undo: then it does."
        )
    style = "border-left: 4px solid #b00020; padding-left: 8px"
    return f'<div role="alert" style="{style}">{told}</div>'


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
        num_points: points of each shape to use, a fair draw of them; all by default.
        start: number of the shape to begin with.
        use_prior: whether h follows z by the learned prior; by default, if the model has one.
        view: "plotly", whose figures can be read at leisure, or "webgl", which is faster.

    Raises:
        ValueError: if there are too few shapes for the directions asked for.
    """
    model.eval()
    shapes = ShapeList(data)
    editor = Editor(model, shapes, reference, num_directions, num_points)
    settings = Settings(
        shape=start,
        other=(start + 1) % len(shapes),
        num_points=num_points,
        use_prior=model.prior is not None if use_prior is None else use_prior,
    )
    return Session(editor, open_view(view, model), settings)


def open_view(view: CloudView | str, model: PointCloudVAE) -> CloudView:
    """Return the view of a name; one that is given is returned as it is."""
    if not isinstance(view, str):
        return view
    # In model units: inputs, whose radius is 1 in data units, and 97 % of noise from N(0, I).
    latent = max(1 / float(model.normalization.scale), 3.0)
    return CloudView((1, latent, 1), renderer=view)
