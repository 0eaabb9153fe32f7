"""The explorer's controls: ipywidgets around the view, with the editing functions behind them."""

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float

from pcvae.data.clouds import CloudSet
from pcvae.diagnostics import style_means
from pcvae.explore import editing
from pcvae.explore.editing import LatentState
from pcvae.explore.view import DECODED, CloudView
from pcvae.models import PointCloudVAE

LIMIT = 3.0  # standard deviations: nearly all shapes lie within
WIDE = {"description_width": "180px"}


@dataclass(frozen=True)
class LocalEdit:
    """One slider on the local latents.

    Attributes:
        label: what stands beside the slider.
        help: what a tooltip says.
        apply: the edit, from a state and the slider's value to a state.
        low, high, rest: the slider's ends, and the value at which it changes nothing.
    """

    label: str
    help: str
    apply: Callable[[LatentState, float], LatentState]
    low: float
    high: float
    rest: float


# In this order they are applied: noise that is stretched later is stretched with its points.
LOCAL_EDITS = (
    LocalEdit(
        "noise in h (temperature)",
        "1: h is a fair sample of q(h | x, z), as in training. 0: its mean. Always the same noise.",
        editing.with_temperature,
        0.0,
        1.5,
        1.0,
    ),
    LocalEdit(
        "forget the input",
        "0: h from q(h | x, z). 1: from the prior N(0, I), which knows nothing of the shape.",
        editing.forget_input,
        0.0,
        1.0,
        0.0,
    ),
    LocalEdit(
        "width of the latent cloud",
        "Stretches h_xyz along x.",
        editing.scale_points,
        0.5,
        1.5,
        1.0,
    ),
    LocalEdit(
        "lift the lower part",
        "Moves those h_xyz up that lie below the middle, with a soft edge. In model units.",
        editing.lift_points,
        -1.0,
        1.0,
        0.0,
    ),
)


class Explorer(widgets.VBox):
    """Choose a shape, move its latents, see the decoded points follow.

    Every edit starts again from the encoded shape, so that the picture depends on where the sliders
    stand and not on how they got there.

    Args:
        model: a trained model in evaluation mode.
        data: the shapes to choose from; the principal directions of z are those of these shapes.
        num_directions: how many sliders for z.
        num_points: points of each shape to use, the first ones; all by default.
        start: index of the shape to begin with.

    Attributes:
        shape: the dropdown; its values are indices into the data.
        style: sliders along the principal directions of z.
        local: sliders on h, in the order of `LOCAL_EDITS`.
        reset: the button that puts all sliders back.
        readout: a line that says how far the edit moved the decoded points.
        message: what went wrong in the last edit, if something did.
        view: the `CloudView`.
        directions: the principal directions of z.
        state: the edited latents that are shown.
        displacement: how far the edit moved the decoded points on average, in data units.
    """

    def __init__(
        self,
        model: PointCloudVAE,
        data: CloudSet,
        *,
        num_directions: int = 4,
        num_points: int | None = None,
        start: int = 0,
    ) -> None:
        self._model = model.eval()
        self._data = data
        self._num_points = num_points
        means = style_means(model, np.ascontiguousarray(data.points[:, :num_points]))
        self.directions = editing.principal_directions(torch.from_numpy(means), num_directions)
        self.view = CloudView(latent_reach=_latent_reach(model))
        self._make_controls(start)
        self._held = False
        self._choose()
        self._listen()
        super().__init__(self._arranged())

    def __repr__(self) -> str:
        """Say what a reader without a kernel does not see."""
        return f"Explorer of {len(self._data)} shapes: run this cell in JupyterLab to see it."

    def points(self) -> Float[np.ndarray, "N 3"]:
        """Return the decoded cloud that is shown, in data units."""
        return self.view.coordinates(DECODED)

    def _make_controls(self, start: int) -> None:
        """Create all widgets."""
        numbered = zip(self._data.classes, self._data.ids, strict=True)
        options = [(f"{kind}: {name}", index) for index, (kind, name) in enumerate(numbered)]
        self.shape = widgets.Dropdown(
            options=options,
            value=start,
            description="Shape",
            tooltip="Which shape is encoded. The sliders keep their places.",
            layout={"width": "420px"},
        )
        self.reset = widgets.Button(
            description="Reset sliders",
            tooltip="Puts every slider back to where it changes nothing.",
            icon="undo",
        )
        self.style = tuple(
            _slider(
                f"direction {index + 1} ({share:.0%})",
                f"Moves z along its principal direction {index + 1}, in standard deviations. The "
                f"shapes to choose from vary along it by {share:.0%} of their whole variance.",
                -LIMIT,
                LIMIT,
                0.0,
            )
            for index, share in enumerate(self.directions.variance_share.tolist())
        )
        self.local = tuple(
            _slider(edit.label, edit.help, edit.low, edit.high, edit.rest) for edit in LOCAL_EDITS
        )
        self.readout = widgets.HTML()
        self.message = widgets.HTML()

    def _listen(self) -> None:
        """Connect the controls. No debouncing: ipywidgets itself drops slider values gone stale."""
        self.shape.observe(lambda _: self._guarded(self._choose), names="value")
        self.reset.on_click(lambda _: self._guarded(self._reset))
        for slider in (*self.style, *self.local):
            slider.observe(lambda _: self._guarded(self._edit), names="value")

    def _arranged(self) -> list[widgets.Widget]:
        """Return the rows of the panel, from top to bottom."""
        column = {"width": "50%", "min_width": "380px"}
        headings = (
            widgets.HTML("<b>z</b>, one for the shape: principal directions (share of variance)"),
            widgets.HTML("<b>h</b>, one for every point"),
        )
        style = widgets.VBox([headings[0], *self.style], layout=column)
        local = widgets.VBox([headings[1], *self.local], layout=column)
        sliders = widgets.HBox([style, local], layout={"flex_flow": "row wrap"})
        top = widgets.HBox([self.shape, self.reset])
        return [top, self.view.widget, self.readout, self.message, sliders]

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do what a control asks for. An error is shown in the panel; the last view stays."""
        if self._held:
            return
        try:
            action()
        except Exception as error:  # whatever it is, a callback's traceback is seen by nobody
            self.message.value = _explain(error)
        else:
            if self.message.value:
                self.message.value = ""

    @contextmanager
    def _hold(self) -> Iterator[None]:
        """Let several controls change and draw once, afterwards."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _choose(self) -> None:
        """Encode the chosen shape and draw it, with the edits that the sliders stand at."""
        points = np.array(self._data.points[self.shape.value][: self._num_points], dtype=np.float32)
        base = editing.encode(self._model, points)
        state = self._edited(base)
        unedited = editing.decode(self._model, base)
        decoded = editing.decode(self._model, state)
        self.view.show(points, editing.latent_points(state), decoded)
        self._base, self._unedited, self.state = base, unedited, state
        self._chosen, self._drawn_h = self.shape.value, self._local_values()
        self._report(decoded)

    def _edit(self) -> None:
        """Draw the edits that the sliders stand at."""
        if self._chosen != self.shape.value:  # the choice failed: this is a chance to mend it
            return self._choose()
        state = self._edited(self._base)
        decoded = editing.decode(self._model, state)
        local = self._local_values()
        latent = None if local == self._drawn_h else editing.latent_points(state)
        self.view.move(decoded, latent)
        self.state, self._drawn_h = state, local
        self._report(decoded)

    def _reset(self) -> None:
        """Put all sliders back, and draw once."""
        with self._hold():
            for slider in self.style:
                slider.value = 0.0
            for slider, edit in zip(self.local, LOCAL_EDITS, strict=True):
                slider.value = edit.rest
        self._edit()

    def _edited(self, state: LatentState) -> LatentState:
        """Return the state with the edits of all sliders."""
        amounts = [slider.value for slider in self.style]
        state = editing.move_style(state, self.directions, amounts)
        for slider, edit in zip(self.local, LOCAL_EDITS, strict=True):
            state = edit.apply(state, slider.value)
        return state

    def _local_values(self) -> tuple[float, ...]:
        """Return where the sliders on h stand."""
        return tuple(slider.value for slider in self.local)

    def _report(self, decoded: Float[np.ndarray, "N 3"]) -> None:
        """Say how far the edit moved the decoded points."""
        self.displacement = editing.mean_displacement(decoded, self._unedited)
        self.readout.value = (
            f"The edit moved the decoded points by <b>{self.displacement:.3f}</b> on average "
            "(a shape has radius 1)."
        )


def _slider(label: str, tip: str, low: float, high: float, value: float) -> widgets.FloatSlider:
    """Return a slider that reports while it is dragged."""
    return widgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=0.05,
        description=label,
        tooltip=tip,
        style=WIDE,
        readout_format=".2f",
        layout={"width": "98%"},
    )


def _latent_reach(model: PointCloudVAE) -> float:
    """Return half a cube's edge, in model units, that holds inputs and noise from the prior."""
    unit = 1.1 / float(model.normalization.scale)
    return max(unit, 4.0)


def _explain(error: Exception) -> str:
    """Return an error as a line of HTML that names its cause."""
    cause = html.escape(f"{type(error).__name__}: {error}")
    return (
        '<div role="alert" style="border-left: 4px solid #b00020; padding-left: 8px">'
        f"<b>This edit could not be drawn.</b> The picture shows the last one that could. {cause}"
        "</div>"
    )
